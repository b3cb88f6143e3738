/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of bbolt, made by hand as it makes them, and then damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/bolt.h"

#define PAGE  4096u
#define PAGES 8

enum { BRANCH = 1, LEAF = 2, META = 4 };

static uint8_t file[PAGES * PAGE];
static int fd;

static void put(size_t at, uint64_t value, size_t size)
{
	memcpy(file + at, &value, size);
}

/* A meta page: where the tree begins, and by which transaction. */
static void meta_put(unsigned page, uint64_t root, uint64_t transaction)
{
	size_t at = page * PAGE + 16;
	uint64_t hash = 0xcbf29ce484222325;

	put(at - 16, page, 8);
	put(at - 8, META, 2);
	put(at, 0xED0CDAED, 4);
	put(at + 4, 2, 4);
	put(at + 8, PAGE, 4);
	put(at + 16, root, 8);
	put(at + 48, transaction, 8);
	for (size_t i = at; i < at + 56; i++)
		hash = (hash ^ file[i]) * 0x100000001b3;
	put(at + 56, hash, 8);
}

struct pair {
	const char *key;
	const void *value;
	size_t size;
	bool bucket;
	uint64_t page; /* of a branch's */
};

/* Writes a page at a place in the file; where it ends. */
static size_t page_put(size_t at, uint64_t id, unsigned kind, const struct pair *pairs,
		       unsigned count)
{
	size_t data = at + 16 + count * 16;

	put(at, id, 8);
	put(at + 8, kind, 2);
	put(at + 10, count, 2);
	put(at + 12, 0, 4);
	for (unsigned i = 0; i < count; i++) {
		size_t element = at + 16 + i * 16, key = strlen(pairs[i].key);

		put(element + (kind == LEAF ? 4 : 0), data - element, 4);
		put(element + (kind == LEAF ? 8 : 4), key, 4);
		if (kind == LEAF) {
			put(element, pairs[i].bucket, 4);
			put(element + 12, pairs[i].size, 4);
		} else {
			put(element + 8, pairs[i].page, 8);
		}
		memcpy(file + data, pairs[i].key, key);
		data += key;
		memcpy(file + data, pairs[i].value, pairs[i].size);
		data += pairs[i].size;
	}
	assert_true(data <= sizeof(file));
	return data;
}

#define TEXT(key, text)                                                                            \
	{                                                                                          \
		key, text, sizeof(text) - 1, false, 0                                              \
	}

/*
 * The root is a branch with two leaves: in the first a bucket with a page of its own, in the other
 * one that is within the leaf; and a value that flows over into another page.
 */
static void file_make(void)
{
	static const struct pair inner[] = {TEXT("a", "one"), TEXT("b", "two")};
	static const struct pair deep[] = {TEXT("pod-id", "cart"), TEXT("zero", "a\0b")};
	static char large[PAGE];
	uint64_t apart[2] = {5, 0};
	uint8_t within[400] = {};
	struct pair first[] = {TEXT("aaa", "first"), {"ctr", apart, sizeof(apart), true, 0}};
	struct pair last[] = {{"inline", within, 0, true, 0}, {"large", large, PAGE, false, 0}};
	struct pair root[] = {{"aaa", "", 0, false, 3}, {"inline", "", 0, false, 6}};

	memset(file, 0, sizeof(file));
	memset(large, 'x', sizeof(large));
	last[0].size = page_put(PAGE, 0, LEAF, inner, 2) - PAGE + 16;
	memcpy(within + 16, file + PAGE, last[0].size - 16);
	meta_put(0, 2, 8);
	meta_put(1, 7, 7);
	page_put(2 * PAGE, 2, BRANCH, root, 2);
	page_put(3 * PAGE, 3, LEAF, first, 2);
	page_put(5 * PAGE, 5, LEAF, deep, 2);
	page_put(6 * PAGE, 6, LEAF, last, 2);
	put(6 * PAGE + 12, 1, 4);
}

static void file_write(void)
{
	assert_int_equal(pwrite(fd, file, sizeof(file), 0), sizeof(file));
}

/* A path of up to three keys. */
static const char *got(const char *a, const char *b, const char *c)
{
	static char out[2 * PAGE];

	return bolt_get(fd, (const char *[]){a, b, c, NULL}, out, sizeof(out)) ? out : NULL;
}

static int set_up(void **state)
{
	(void)state;
	fd = memfd_create("strait-test", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	file_make();
	file_write();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return close(fd);
}

static void values(void **state)
{
	char small[5];

	(void)state;
	assert_string_equal(got("aaa", NULL, NULL), "first");
	assert_string_equal(got("ctr", "pod-id", NULL), "cart");
	assert_string_equal(got("inline", "b", NULL), "two");
	assert_int_equal(strlen(got("large", NULL, NULL)), PAGE);
	assert_null(got("a", NULL, NULL));
	assert_null(got("aaaa", NULL, NULL));
	assert_null(got("zzz", NULL, NULL));
	assert_null(got("ctr", "pod", NULL));
	assert_null(got("inline", "c", NULL));
	/* A bucket is no value, and a value no bucket. */
	assert_null(got("ctr", NULL, NULL));
	assert_null(got("aaa", "first", NULL));
	assert_null(got("ctr", "pod-id", "x"));
	assert_null(got("ctr", "zero", NULL));
	assert_false(bolt_get(fd, (const char *[]){"aaa", NULL}, small, sizeof(small)));
	assert_true(bolt_get(fd, (const char *[]){"ctr", "pod-id", NULL}, small, sizeof(small)));
}

static void the_last_transaction_counts(void **state)
{
	static const struct pair later[] = {TEXT("aaa", "second")};

	(void)state;
	page_put(7 * PAGE, 7, LEAF, later, 1);
	meta_put(1, 7, 9);
	file_write();
	assert_string_equal(got("aaa", NULL, NULL), "second");
	/* One that was half written does not. */
	file[PAGE + 40] ^= 1;
	file_write();
	assert_string_equal(got("aaa", NULL, NULL), "first");
	meta_put(1, 7, 7);
	file[40] ^= 1;
	file_write();
	if (sysconf(_SC_PAGESIZE) == PAGE)
		assert_string_equal(got("aaa", NULL, NULL), "second");
	file[PAGE + 40] ^= 1;
	file_write();
	assert_null(got("aaa", NULL, NULL));
}

static void trees_without_an_end(void **state)
{
	struct pair root[] = {{"", "", 0, false, 2}};
	uint64_t self[2] = {3, 0};
	struct pair bucket[] = {{"ctr", self, sizeof(self), true, 0}};

	(void)state;
	page_put(2 * PAGE, 2, BRANCH, root, 1);
	file_write();
	assert_null(got("ctr", "ctr", "ctr"));
	page_put(2 * PAGE, 2, LEAF, bucket, 1);
	page_put(3 * PAGE, 3, LEAF, bucket, 1);
	file_write();
	assert_null(got("ctr", "ctr", "ctr"));
	assert_int_equal(ftruncate(fd, 2 * PAGE + 20), 0);
	assert_null(got("ctr", NULL, NULL));
	assert_int_equal(ftruncate(fd, 20), 0);
	assert_null(got("ctr", NULL, NULL));
}

/* Whatever is in it, a look-up ends. Only what pages are made of is changed: most of a file is not.
 */
static void damaged_files(void **state)
{
	static const unsigned pages[] = {2, 3, 5, 6};
	uint32_t random = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		file_make();
		for (int i = 0; i < 3; i++) {
			random = random * 1103515245 + 12345;
			file[pages[random >> 16 & 3] * PAGE + (random >> 18) % 96] =
				random >> 30 ? (uint8_t)(random >> 8) : 0xff;
		}
		file_write();
		got("ctr", "pod-id", NULL);
		got("inline", "b", NULL);
		got("large", NULL, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_transaction_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(trees_without_an_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damaged_files, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("util/bolt", tests, NULL, NULL);
}
