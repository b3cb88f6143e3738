/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What took time to make, kept on disk under the build-id of the file that it was made of. One file
 * an entry, in a directory that only its owner can write to; an entry comes back as it was written
 * or not at all. What it means is for the caller to check, like a stranger's.
 */
#ifndef STRAIT_DISK_CACHE_H
#define STRAIT_DISK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where root's caches are, each in a directory of its own, or here. */
#define DISK_CACHE_HOME "/var/cache/strait"

struct disk_cache {
	const char *directory;   /* made where it is missing, its parents are not */
	uint32_t magic, version; /* of its entries: those with others are none */
	uint64_t limit;          /* bytes of all entries; one alone may have an eighth */
};

/*
 * The directory must be no link, the caller's, and not writable to others: -EPERM where it is not.
 * The name of an entry is 2 to 64 digits of [0-9a-f]: -EINVAL for any other.
 *
 * -ENOENT: there is none. -EBADMSG: there is one, but not as it was written. On success `bytes` is
 * to be freed, and the entry counts as used; on failure both are as before.
 */
int disk_cache_load(const struct disk_cache *cache, const char *name, void **bytes, size_t *size);
/* Is there an entry, by its beginning? Then it counts as used. */
bool disk_cache_has(const struct disk_cache *cache, const char *name);
/*
 * Replaces what there is; readers see the old entry or the new one. Now and then trims the
 * directory to its limit. -EFBIG: see there.
 */
int disk_cache_store(const struct disk_cache *cache, const char *name, const void *bytes,
		     size_t size);
void disk_cache_remove(const struct disk_cache *cache, const char *name);
/* Removes the entries that were not used for longest, until `bytes` are left. */
int disk_cache_trim(const struct disk_cache *cache, uint64_t bytes);

#endif
