/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of functions that Go's runtime itself needs, for its own tracebacks: stripped programs
 * of Go keep it. The forms since Go 1.16 are known: pcHeader and _func in Go's src/runtime, and the
 * design paper "Go 1.2 Runtime Symbol Information".
 *
 * It is found by its section's name. C's linker, which makes position-independent programs with
 * cgo, leaves none.
 */
#ifndef STRAIT_SYMBOLS_GO_H
#define STRAIT_SYMBOLS_GO_H

#include "symbols/symtab.h"

/* Sets function, start and end of those lookups (by address, ascending) that have no function. */
void go_name(const struct image *image, struct lookup *lookups, size_t count,
	     struct text_arena *arena);

/* Where the stack pointer is in functions of the table, for whoever unwinds them. */
struct go_sink {
	/* What holds in the code [begin, end), padding behind it included, follows; false: it is
	 * not wanted. */
	bool (*begin)(void *context, uint64_t begin, uint64_t end);
	/* From `address` on the function's frame has `depth` bytes: on x86-64 the return address is
	 * there, on aarch64 where the frame began. Below 0 where more was taken away. */
	void (*depth)(void *context, uint64_t address, int64_t depth);
	/* `good` false: the function's part of the table is broken, or there is none. */
	void (*end)(void *context, bool good);
	void *context;
};

void go_depths(const struct image *image, const struct go_sink *sink);

#endif
