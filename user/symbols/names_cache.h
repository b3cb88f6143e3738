/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of functions on disk, by build-id: of files that were seen with a symbol table or a debug
 * file, for when the same build is met without. See struct symbols for who asks.
 */
#ifndef STRAIT_SYMBOLS_NAMES_CACHE_H
#define STRAIT_SYMBOLS_NAMES_CACHE_H

#include <stdbool.h>
#include <sys/types.h>

#include "symbols/image.h"
#include "symbols/symbols.h"

/*
 * Whose word it is that a build's functions are called so. A build-id is what a file claims, and
 * names are too: what root's files outside of containers say holds for every file of the same
 * build-id and layout; what others say, for files of the same owner on the same side only.
 */
struct names_claim {
	uid_t owner;
	bool outside; /* of containers: in our own root, not on an overlay */
};

struct names_claim names_claim_of(int fd);

struct names_cache *names_cache_new(const char *directory);

/*
 * A file has names, in itself or in `source_fd`, its debug file (-1: in itself): to be kept. Both
 * stay the caller's; duplicates are held until names_cache_store(), for 64 files at most.
 */
void names_cache_want(struct names_cache *cache, const char *build_id, uint64_t layout, int fd,
		      int source_fd);
/* names_cache_store() on a thread of its own, which names_cache_free() waits for. */
void names_cache_store_aside(struct names_cache *cache);
/*
 * The names of a build, as an ELF file (names_image.h) that holds for a file of this layout and
 * claim: a descriptor, to be closed; -ENOENT: there is none, or no more. `*place`: 0 at first, and
 * left as it is where the last one turned out to be none; it is thrown away then if it is one of
 * the same claim.
 */
int names_cache_open(const struct names_cache *cache, const char *build_id, uint64_t layout,
		     const struct names_claim *claim, uint32_t *place);

#endif
