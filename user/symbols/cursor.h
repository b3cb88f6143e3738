/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads numbers and text of DWARF one after the other, never past the end. */
#ifndef STRAIT_SYMBOLS_CURSOR_H
#define STRAIT_SYMBOLS_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in some bytes. Reading past the end gives zeroes and sets `bad`. */
struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

/* A number of 1 to 8 bytes, in this machine's byte order. */
uint64_t cursor_fixed(struct cursor *c, size_t size);
void cursor_skip(struct cursor *c, uint64_t size);
uint64_t cursor_uleb(struct cursor *c);
int64_t cursor_sleb(struct cursor *c);
/* A text that ends in NUL; "" when there is none. */
const char *cursor_text(struct cursor *c);

#endif
