/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that naming one file takes beside it. Who reads a stranger's file in a process apart cannot
 * open any: it asks for a kind of file, and strait decides which that is, by what it knows itself.
 * Nothing but a regular ELF file is handed over.
 */
#ifndef STRAIT_SYMBOLS_BESIDE_H
#define STRAIT_SYMBOLS_BESIDE_H

#include <stdint.h>

struct naming;

enum beside_kind {
	BESIDE_DEBUG =
		1,      /* the separate debug file; text: what .gnu_debuglink says, "" = nothing */
	BESIDE_DWZ,     /* what dwz(1) moved out of it; text: a path that begins with "/.dwz/" */
	BESIDE_PACKAGE, /* the package of split information */
	BESIDE_UNIT,    /* a .dwo file; text: its path */
	BESIDE_KEPT,    /* names kept of the same build; text: the layout in hex */
};

#define BESIDE_TEXT 2048

/*
 * A descriptor, to be closed; -ENOENT: there is none, or no more. `*place`: 0 at first, and left as
 * it is to go on behind a file that was not the right one.
 */
int beside_open(const struct naming *naming, enum beside_kind kind, uint32_t *place,
		const char *text);

/* The same in strait itself: it may open files. */
int beside_find(const struct naming *naming, enum beside_kind kind, uint32_t *place,
		const char *text);

#endif
