/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not asked of it through the cache of unwind tables: unwind/cache_test.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "util/folder.h"

#include "util/disk_cache.h"

static char directory[80], path[160];
static struct disk_cache cache = {directory, 0x12345678, 3, 4096};

static int make_directory(void **state)
{
	if (folder_make(state))
		return -1;
	snprintf(directory, sizeof(directory), "%s/cache", folder);
	snprintf(path, sizeof(path), "%s/aa", directory);
	return 0;
}

static int load(const struct disk_cache *from, const char *name, const char *expected)
{
	void *bytes = (void *)1;
	size_t size = 7;
	int err = disk_cache_load(from, name, &bytes, &size);

	if (err) {
		assert_ptr_equal(bytes, (void *)1);
		assert_int_equal(size, 7);
		return err;
	}
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(bytes, expected, size);
	free(bytes);
	return 0;
}

static void of_its_own_kind(void **state)
{
	struct disk_cache other = cache, later = cache;

	(void)state;
	other.magic++;
	later.version++;
	assert_int_equal(disk_cache_store(&cache, "aa", "one", 3), 0);
	assert_int_equal(load(&cache, "aa", "one"), 0);
	assert_true(disk_cache_has(&cache, "aa"));
	assert_int_equal(load(&other, "aa", ""), -EBADMSG);
	assert_int_equal(load(&later, "aa", ""), -EBADMSG);
	assert_false(disk_cache_has(&other, "aa"));
	assert_false(disk_cache_has(&later, "aa"));
	assert_false(disk_cache_has(&cache, "bb"));
	assert_false(disk_cache_has(&cache, "../aa"));
	disk_cache_remove(&cache, "bb");
	disk_cache_remove(&cache, "../cache");
	disk_cache_remove(&cache, "aa");
	assert_int_equal(load(&cache, "aa", ""), -ENOENT);
}

static void the_beginning_tells(void **state)
{
	(void)state;
	assert_int_equal(disk_cache_store(&cache, "aa", "whole", 5), 0);
	assert_int_equal(truncate(path, 92), 0);
	assert_false(disk_cache_has(&cache, "aa"));
	assert_int_equal(truncate(path, 40), 0);
	assert_false(disk_cache_has(&cache, "aa"));
	assert_int_equal(disk_cache_store(&cache, "aa", "whole", 5), 0);
	assert_true(disk_cache_has(&cache, "aa"));
}

/* Asking counts as use, as loading does. */
static void asking_is_using(void **state)
{
	struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
	struct stat now;

	(void)state;
	assert_int_equal(disk_cache_store(&cache, "aa", "one", 3), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
		if (i)
			assert_true(disk_cache_has(&cache, "aa"));
		else
			assert_int_equal(load(&cache, "aa", "one"), 0);
		assert_int_equal(stat(path, &now), 0);
		assert_true(now.st_mtim.tv_sec > 1000000000);
	}
}

static void no_more_than_its_limit(void **state)
{
	char content[513] = {}, name[8], place[200];
	size_t files = 0;
	struct stat stat_;

	(void)state;
	assert_int_equal(disk_cache_store(&cache, "aa", content, 513), -EFBIG);
	assert_int_equal(disk_cache_store(&cache, "aa", content, 512), 0);
	/* It trims itself once in 16 times, by chance: in 4096 there is room for six. */
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "%04x", i);
		assert_int_equal(disk_cache_store(&cache, name, content, 512), 0);
	}
	for (int i = 0; i < 400; i++) {
		snprintf(place, sizeof(place), "%s/%04x", directory, i);
		files += !stat(place, &stat_);
	}
	assert_in_range(files, 5, 200);
	assert_int_equal(disk_cache_trim(&cache, cache.limit), 0);
	files = 0;
	for (int i = 0; i < 400; i++) {
		snprintf(place, sizeof(place), "%s/%04x", directory, i);
		files += !stat(place, &stat_);
	}
	assert_in_range(files, 5, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_its_own_kind),
		cmocka_unit_test(the_beginning_tells),
		cmocka_unit_test(asking_is_using),
		cmocka_unit_test(no_more_than_its_limit),
	};

	return cmocka_run_group_tests_name("util/disk_cache", tests, make_directory, folder_remove);
}
