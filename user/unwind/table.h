/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables of ELF files, in the form of unwind_table.h.
 */
#ifndef STRAIT_UNWIND_TABLE_BUILD_H
#define STRAIT_UNWIND_TABLE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind_table.h"
#include "util/error.h"

/* What became of a file's call frame information; counts. */
struct unwind_stats {
	uint32_t fdes;      /* entries of .eh_frame and .debug_frame */
	uint32_t skipped;   /* of these, broken, in an unknown encoding, or beyond the limits */
	uint32_t elsewhere; /* of these, about no code of this file, as of functions left out */
	uint32_t rules;     /* distinct ones in the table */
	uint32_t lost;      /* rows whose rule found no place any more: UNWIND_NONE */
	uint32_t pages, rows;
};

struct unwind_table {
	uint32_t *words;
	size_t word_count; /* whole chunks of UNWIND_CHUNK */
	struct unwind_stats stats;
};

/*
 * Makes the table of an ELF file, whose descriptor stays the caller's. A file that describes no
 * code, or code of another architecture than this one's, has a table without pages. -ENOEXEC: not
 * an ELF file that can be read. On failure `out` is as before.
 */
int unwind_table_build(int fd, struct unwind_table *out, struct error *error);
/* The same for code of that architecture (EM_*), whose rules are for its own programs only. */
int unwind_table_build_for(uint16_t machine, int fd, struct unwind_table *out, struct error *error);
void unwind_table_free(struct unwind_table *table);

/*
 * True when a table keeps to its form in every word, so that whoever reads it need not check again:
 * every index in range, pages and rows ascending, every rule one that is known.
 */
bool unwind_table_check(const uint32_t *words, size_t word_count);

/* Sets the counts that a checked table itself tells: rules, pages and rows. */
void unwind_table_count(struct unwind_table *table);

/* The rule at an offset in the file, as the BPF programs look it up. UNWIND_NONE outside of it. */
struct unwind_rule unwind_table_find(const struct unwind_table *table, uint64_t offset);

#endif
