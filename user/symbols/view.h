/* SPDX-License-Identifier: BSD-2-Clause */
/* A section that is read here and there: through a small window, unpacked first if compressed. */
#ifndef STRAIT_SYMBOLS_VIEW_H
#define STRAIT_SYMBOLS_VIEW_H

#include "symbols/cursor.h"
#include "symbols/image.h"

#define VIEW_WINDOW 4096

struct view {
	struct image bytes;    /* only fd and size: the file, or memory with what was unpacked */
	bool unpacked;         /* the descriptor is the view's own */
	uint64_t offset, size; /* of the section in it; size 0 = there is no such section */
	uint8_t *window;
	uint64_t at;   /* of the window in the section */
	size_t length; /* of what is in the window */
};

/*
 * `budget`: bytes that may still be unpacked into memory, of all views together; what this one
 * takes is subtracted. A section that is not there, or is too big, is an empty view. Gives up at
 * `deadline_ns` (CLOCK_MONOTONIC).
 */
void view_open(struct view *view, const struct image *image, const char *name, uint64_t *budget,
	       uint64_t deadline_ns);
void view_close(struct view *view);
/*
 * What begins at `offset`: `least` bytes or more, fewer only at the section's end; least <=
 * VIEW_WINDOW. Valid until the next call.
 */
struct cursor view_at(struct view *view, uint64_t offset, size_t least);
/* A copy, to be freed, of bytes that lie in the section; NULL if they do not. */
uint8_t *view_copy(const struct view *view, uint64_t offset, uint64_t length);
/* The text at `offset`; "" if there is none. Cut to `size`. */
void view_text(struct view *view, uint64_t offset, char *to, size_t size);

#endif
