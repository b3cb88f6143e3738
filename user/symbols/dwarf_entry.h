/* SPDX-License-Identifier: BSD-2-Clause */
/* Debugging information entries: of functions and of calls that were inlined, and their names. */
#ifndef STRAIT_SYMBOLS_DWARF_ENTRY_H
#define STRAIT_SYMBOLS_DWARF_ENTRY_H

#include "symbols/dwarf.h"
#include "symbols/text.h"

struct dwarf_entry {
	const struct abbrev *abbrev; /* NULL: the end of a list of children */
	struct value sibling;
	/* Of functions and inlined calls only. */
	struct value low, high, ranges;
	struct value origin, specification;
	struct value name, linkage;
	uint32_t call_file, call_line;
};

/* Reads the entry at the cursor, up to the next; an unknown code sets c->bad. */
void dwarf_entry_read(const struct abbrevs *abbrevs, const struct value_sizes *sizes,
		      struct cursor *c, struct dwarf_entry *entry);

/* Where an entry is. */
struct dwarf_place {
	bool alt;        /* in the file that dwz(1) made */
	uint64_t offset; /* in .debug_info; UINT64_MAX = nowhere */
};

struct dwarf_place dwarf_place_of(const struct dwarf_unit *unit, bool alt,
				  const struct value *reference);

/* An entry whose function's name is wanted. */
struct dwarf_name {
	struct dwarf_place place; /* changed as references are followed */
	uint32_t owner;           /* the caller's */
	const char *text;         /* mangled, where the entry has such a name; NULL = none */
	bool done;
};

/* Sets the texts; sorts the names. `alt` may be NULL. */
void dwarf_names_find(struct dwarf *dwarf, struct dwarf *alt, struct dwarf_name *names,
		      size_t count, struct text_arena *arena);

#endif
