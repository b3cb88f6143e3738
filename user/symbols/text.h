/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of the symbols module: a pool of interned text that lives as long as its owner, and an arena
 * for the text of one batch, freed as a whole.
 */
#ifndef STRAIT_SYMBOLS_TEXT_H
#define STRAIT_SYMBOLS_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "util/index.h"
#include "util/vec.h"

struct text_pool {
	VEC(char *) at;
	struct index index;
	size_t bytes;
};

/*
 * The one copy of this text. A stranger can make endless different paths: a full pool answers ""
 * to new text.
 */
const char *text_intern(struct text_pool *pool, const char *text, size_t length);
void text_pool_free(struct text_pool *pool);

struct text_arena {
	VEC(char *) blocks;
	size_t left; /* bytes free at the end of the last block */
};

/* Memory aligned for pointers; NULL for more than 32 KiB. */
void *text_take(struct text_arena *arena, size_t size);
/* A NUL-terminated copy. */
const char *text_copy(struct text_arena *arena, const char *text, size_t length);
/* Takes over memory of malloc()'s, to be freed with the rest. */
void text_adopt(struct text_arena *arena, char *memory);
void text_arena_clear(struct text_arena *arena);

#endif
