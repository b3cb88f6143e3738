/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions that the compiler inlined, from DWARF (versions 2 to 5, section .debug_info).
 *
 * Units are told apart by the ranges of their first entry; those that hold a wanted address are run
 * through once. .debug_aranges would be quicker, but some compilers do not write it.
 */
#ifndef STRAIT_SYMBOLS_INLINES_H
#define STRAIT_SYMBOLS_INLINES_H

#include "symbols/naming.h"
#include "symbols/symtab.h"

/*
 * Sets `inlined` of those lookups (by address, ascending) at whose place something was inlined.
 * Their source and line, which must be those of the place, become those of the outermost call.
 * `alt`: the file with what dwz(1) moved out of the debugging information, NULL = none. `naming`:
 * how long to go on, and where to ask for what was split off (split.h).
 */
void inlines_find(const struct image *image, const struct image *alt, struct lookup *lookups,
		  size_t count, const struct naming *naming);

#endif
