/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split DWARF: a file's own information is a skeleton of its units; the rest of each is in a .dwo
 * file, or all of it in one package, FILE.dwp (DWARF 5, section 7.3, and GCC's form for version 4).
 *
 * Where a .dwo file lies is the word of a stranger's file: it is opened in the root that the file
 * is in, if it is a regular one, and taken if it is an ELF file with the unit's number.
 */
#ifndef STRAIT_SYMBOLS_SPLIT_H
#define STRAIT_SYMBOLS_SPLIT_H

#include "symbols/dwarf.h"

struct naming;

struct split {
	const struct image *image;   /* with the skeletons */
	const struct naming *naming; /* whom to ask for files (beside.h) */
	uint64_t *budget;            /* as in view_open() */

	/* Zero-initialised: */
	struct image package; /* fd is -1 unless there is one */
	struct image file;    /* the .dwo file of the unit opened last */
	bool tried, has_file;
};

/*
 * The full unit of a skeleton: `dwarf` is to be read and closed before the next call. False: it
 * cannot be had.
 */
bool split_open(struct split *split, struct dwarf *skeletons, const struct dwarf_unit *skeleton,
		struct dwarf *dwarf, struct dwarf_unit *unit);
void split_close(struct split *split);

#endif
