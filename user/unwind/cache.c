/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "unwind/cache.h"
#include "util/disk_cache.h"

#define MAGIC 0x63747573 /* "sutc", little endian */
/* To be raised when the table of a file comes out differently than before. */
#define VERSION 6

static struct disk_cache cache_at(const char *directory)
{
	return (struct disk_cache){directory, MAGIC, VERSION, UNWIND_CACHE_BYTES};
}

int unwind_cache_load(const char *directory, const char *build_id, struct unwind_table *out)
{
	struct disk_cache cache = cache_at(directory);
	size_t size, count;
	void *words;
	int err = disk_cache_load(&cache, build_id, &words, &size);

	if (err)
		return err;
	count = size / sizeof(*out->words);
	if (size % sizeof(*out->words) || !unwind_table_check(words, count)) {
		free(words);
		return -EBADMSG;
	}
	*out = (struct unwind_table){.words = words, .word_count = count};
	unwind_table_count(out);
	return 0;
}

int unwind_cache_store(const char *directory, const char *build_id,
		       const struct unwind_table *table)
{
	struct disk_cache cache = cache_at(directory);

	return disk_cache_store(&cache, build_id, table->words,
				table->word_count * sizeof(*table->words));
}

int unwind_cache_trim(const char *directory, uint64_t bytes)
{
	struct disk_cache cache = cache_at(directory);

	return disk_cache_trim(&cache, bytes);
}
