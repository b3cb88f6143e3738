/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash index over an array that lives elsewhere: maps keys to positions in it. It holds positions
 * only; the caller compares. Used to intern strings, frames, stacks, processes, threads.
 */
#ifndef STRAIT_INDEX_H
#define STRAIT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

struct index {
	struct index_slot {
		uint32_t hash, position; /* position + 1; 0 = free */
	} * slots;
	size_t used, size; /* size is 0 or a power of two */
};

/* True when the element at `position` of `context` is the one with this key. */
typedef bool index_equal(const void *context, uint32_t position, const void *key);

/* The position of the key, or INDEX_NONE. */
uint32_t index_find(const struct index *index, uint64_t hash, index_equal *equal,
		    const void *context, const void *key);

/* Files a position that is not in the index yet. */
void index_add(struct index *index, uint64_t hash, uint32_t position);
void index_free(struct index *index);

/*
 * 64-bit hashes under a key that each process draws anew: names and addresses come from strangers,
 * who must not be able to choose those that collide. Nothing that is shown or kept in a file may
 * depend on them.
 */
uint64_t hash_bytes(const void *bytes, size_t length);
uint64_t hash_u64(uint64_t a);
uint64_t hash_mix(uint64_t a, uint64_t b);

/* For what is kept in a file: the same in every process and on every host. */
uint64_t hash_fixed(uint64_t a, uint64_t b);

#endif
