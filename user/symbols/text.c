/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/text.h"

#define POOL_BYTES  (16u << 20)
#define ARENA_BLOCK (32u << 10)

struct text_key {
	const char *text;
	size_t length;
};

static void *memory_take(size_t size)
{
	void *memory = malloc(size);

	if (!memory) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	return memory;
}

static bool text_equal(const void *context, uint32_t position, const void *key)
{
	const struct text_pool *pool = context;
	const struct text_key *want = key;
	const char *have = pool->at.at[position];

	return !strncmp(have, want->text, want->length) && !have[want->length];
}

const char *text_intern(struct text_pool *pool, const char *text, size_t length)
{
	struct text_key key = {text, strnlen(text, length)};
	uint64_t hash = hash_bytes(text, key.length);
	uint32_t position = index_find(&pool->index, hash, text_equal, pool, &key);
	char *copy;

	if (position != INDEX_NONE)
		return pool->at.at[position];
	if (!key.length || pool->bytes + key.length > POOL_BYTES)
		return "";
	copy = memory_take(key.length + 1);
	memcpy(copy, text, key.length);
	copy[key.length] = '\0';
	pool->bytes += key.length + 1;
	index_add(&pool->index, hash, (uint32_t)pool->at.len);
	vec_push(&pool->at, copy);
	return copy;
}

void text_pool_free(struct text_pool *pool)
{
	vec_each(&pool->at, text)
		free(*text);
	vec_free(&pool->at);
	index_free(&pool->index);
}

static char *arena_take(struct text_arena *arena, size_t size)
{
	char *taken;

	if (arena->left < size || !arena->blocks.len) {
		vec_push(&arena->blocks, memory_take(ARENA_BLOCK));
		arena->left = ARENA_BLOCK;
	}
	taken = arena->blocks.at[arena->blocks.len - 1] + (ARENA_BLOCK - arena->left);
	arena->left -= size;
	return taken;
}

void *text_take(struct text_arena *arena, size_t size)
{
	if (size > ARENA_BLOCK)
		return NULL;
	arena->left -= arena->left % sizeof(void *);
	return arena_take(arena, size);
}

const char *text_copy(struct text_arena *arena, const char *text, size_t length)
{
	char *copy;

	if (length + 1 > ARENA_BLOCK)
		length = ARENA_BLOCK - 1;
	copy = arena_take(arena, length + 1);
	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

/* The last block is the one that is being filled. */
void text_adopt(struct text_arena *arena, char *memory)
{
	vec_push(&arena->blocks, memory);
	if (arena->blocks.len == 1) {
		arena->left = 0;
		return;
	}
	arena->blocks.at[arena->blocks.len - 1] = arena->blocks.at[arena->blocks.len - 2];
	arena->blocks.at[arena->blocks.len - 2] = memory;
}

void text_arena_clear(struct text_arena *arena)
{
	vec_each(&arena->blocks, block)
		free(*block);
	vec_free(&arena->blocks);
	arena->left = 0;
}
