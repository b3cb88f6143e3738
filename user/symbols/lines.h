/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Source lines of addresses, from DWARF line tables (versions 2 to 5, section .debug_line).
 *
 * The tables are run through once, unit by unit, and only rows that hold a wanted address are kept.
 * A general DWARF library keeps every row of a unit in memory (64 bytes for one byte of a hostile
 * table) and opens further files whose names the file itself gives; here memory is bounded by the
 * largest unit and no other file is opened.
 */
#ifndef STRAIT_SYMBOLS_LINES_H
#define STRAIT_SYMBOLS_LINES_H

#include "symbols/symtab.h"

/*
 * Sets source and line of those lookups (by address, ascending) that the tables know. Gives up at
 * `deadline_ns` (CLOCK_MONOTONIC).
 */
void lines_find(const struct image *image, struct lookup *lookups, size_t count,
		struct text_arena *arena, uint64_t deadline_ns);

#endif
