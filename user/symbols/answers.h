/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of one file's offsets as bytes, for their way out of the process that found them:
 * whoever takes them out of the bytes believes nothing in them.
 */
#ifndef STRAIT_SYMBOLS_ANSWERS_H
#define STRAIT_SYMBOLS_ANSWERS_H

#include "symbols/symbols.h"
#include "symbols/text.h"

/* More than that says no file: names that do not fit are left out. */
#define ANSWERS_BYTES (96u << 20)

/* The outputs of the requests; to be freed. NULL: out of memory. */
void *answers_pack(const struct name_request *requests, size_t count, size_t *size);
/*
 * Sets the outputs of the requests from `bytes`, which this takes: their text lives as long as the
 * arena. A NUL follows the bytes. False: they are none, and nothing is set.
 */
bool answers_unpack(char *bytes, size_t size, struct name_request *const requests[], size_t count,
		    struct text_arena *arena);

#endif
