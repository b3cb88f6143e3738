/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include "util/index.h"
#include "util/siphash.h"

uint32_t index_find(const struct index *index, uint64_t hash, index_equal *equal,
		    const void *context, const void *key)
{
	size_t mask = index->size - 1;

	if (!index->size)
		return INDEX_NONE;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		const struct index_slot *slot = &index->slots[i];

		if (!slot->position)
			return INDEX_NONE;
		if (slot->hash == (uint32_t)hash && equal(context, slot->position - 1, key))
			return slot->position - 1;
	}
}

static void index_insert(struct index *index, struct index_slot slot)
{
	size_t mask = index->size - 1, i = slot.hash & mask;

	while (index->slots[i].position)
		i = (i + 1) & mask;
	index->slots[i] = slot;
}

static void index_grow(struct index *index)
{
	struct index grown = {.size = index->size ? index->size * 2 : 64, .used = index->used};

	grown.slots = calloc(grown.size, sizeof(*grown.slots));
	if (!grown.slots) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	for (size_t i = 0; i < index->size; i++)
		if (index->slots[i].position)
			index_insert(&grown, index->slots[i]);
	free(index->slots);
	*index = grown;
}

void index_add(struct index *index, uint64_t hash, uint32_t position)
{
	/* At most 3/4 full, so that probing stays short. */
	if ((index->used + 1) * 4 > index->size * 3)
		index_grow(index);
	index_insert(index, (struct index_slot){(uint32_t)hash, position + 1});
	index->used++;
}

void index_free(struct index *index)
{
	free(index->slots);
	*index = (struct index){};
}

/* ---- hashes ---- */

static uint64_t secret[2];

/* Before main(): every hash of this process is under one key. */
__attribute__((constructor)) static void secret_draw(void)
{
	const void *given;

	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) == sizeof(secret))
		return;
	/* Early at boot: what the kernel gave this process at its start. */
	given = (const void *)getauxval(AT_RANDOM);
	if (given)
		memcpy(secret, given, sizeof(secret));
}

uint64_t hash_bytes(const void *bytes, size_t length)
{
	return siphash(secret, bytes, length);
}

uint64_t hash_u64(uint64_t a)
{
	return siphash(secret, &a, sizeof(a));
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
	const uint64_t both[2] = {a, b};

	return siphash(secret, both, sizeof(both));
}

/* The finaliser of MurmurHash3 (public domain, A. Appleby): every input bit reaches every output
 * bit. */
uint64_t hash_fixed(uint64_t a, uint64_t b)
{
	uint64_t hash = a * 0x9e3779b97f4a7c15ULL + b;

	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdULL;
	hash ^= hash >> 33;
	hash *= 0xc4ceb9fe1a85ec53ULL;
	return hash ^ (hash >> 33);
}
