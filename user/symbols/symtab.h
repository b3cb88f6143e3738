/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the functions of many addresses in one pass over a symbol table, without holding the table.
 */
#ifndef STRAIT_SYMBOLS_SYMTAB_H
#define STRAIT_SYMBOLS_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/image.h"
#include "symbols/text.h"

/* One entry of a symbol table that names code; those of 32-bit files are widened. */
struct symbol {
	uint64_t value, size;
	uint32_t name; /* offset in the string table */
	uint16_t section;
	uint8_t type, binding;
};

#define SYMTAB_TABLES                                                                              \
	3                /* of one file: its own two, or the exported, the small and the kept one  \
			  */
#define SYMTAB_NAME 4096 /* mangled names are long; longer ones are cut */

struct symtab_hit {
	uint64_t start;
	uint32_t name; /* offset in the table's text */
	uint8_t table; /* of struct symtab_scan, + 1; 0 = nothing found */
	uint8_t rank;  /* of several names for one place the highest is best */
	uint16_t section;
};

struct name_inlined;

/* One address that is looked up. */
struct lookup {
	uint64_t address; /* virtual, in the file */
	void *owner;      /* the caller's */

	/* What was found. */
	const char *function; /* as in the symbol table, mangled; NULL = none */
	uint64_t start, end;  /* addresses of the function, named or not; 0: unknown */
	const char *source;
	uint32_t line;
	/* What was inlined at the address, as in struct name_request. */
	struct name_inlined *inlined;
	uint32_t inlined_count;

	/* The scan's own. */
	struct symtab_hit sized; /* the best symbol that covers the address by its size */
	struct symtab_hit bare;  /* the last one without a size (assembly) at or below it */
	uint64_t sized_end;
	uint64_t near; /* the last sized one that begins at or below it, and may end before it */
};

/* The first lookup (by address, ascending) at or above the address; `count` if there is none. */
size_t lookups_from(const struct lookup *lookups, size_t count, uint64_t address);

/* Of several names for one place the highest is best. */
uint8_t symbol_rank(const struct symbol *symbol);
/* And of one rank, the plainer: "read" rather than "__libc_read". */
bool name_is_plainer(const char *a, const char *b);
/* Cuts off the version that full symbol tables put behind a name: "realpath@@GLIBC_2.3". */
void name_unversion(char *name);

/*
 * Calls `visit` for the symbols of code in the image's table of `type` (SHT_SYMTAB, SHT_DYNSYM),
 * until it returns false. Returns false, and calls nothing, where there is no such table.
 */
bool symtab_each(const struct image *image, uint32_t type,
		 bool (*visit)(void *context, const struct symbol *symbol), void *context);
/* The string table of that table; NULL where symtab_each() returns false. */
const struct image_section *symtab_text(const struct image *image, uint32_t type);

struct symtab_table {
	const struct image *image;
	uint64_t text, text_end; /* of its string table, in the file */
};

struct symtab_scan {
	struct lookup *lookups; /* by address, ascending */
	size_t count;
	struct symtab_table tables[SYMTAB_TABLES];
	size_t table_count;
	uint64_t work; /* left: bounds what a hostile table can cost */
};

/* The addresses must be in ascending order. */
void symtab_begin(struct symtab_scan *scan, struct lookup *lookups, size_t count);
/* Reads the table of `type`, if the image has one: false if not. */
bool symtab_add(struct symtab_scan *scan, const struct image *image, uint32_t type);
/* Sets function, start and end of each lookup. All images must still be open. */
void symtab_end(struct symtab_scan *scan, struct text_arena *arena);

/* Names entries of the procedure linkage table that have no name yet: "write@plt". */
void plt_name(const struct image *image, struct lookup *lookups, size_t count,
	      struct text_arena *arena);

#endif
