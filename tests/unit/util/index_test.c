/* SPDX-License-Identifier: BSD-2-Clause */
/* The hashes and the index: known answers, another key in every process, and chosen collisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/index.h"
#include "util/siphash.h"

#define NAMES 2000

/* The key and the answers of SipHash-2-4's reference vectors: bytes 0, 1, 2, … of each length. */
static void siphash_as_published(void **state)
{
	static const struct {
		size_t length;
		uint64_t hash;
	} known[] = {
		{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5},
	};
	const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	unsigned char bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(siphash(key, bytes, known[i].length) == known[i].hash);
}

/* What this program prints when it is asked for the hash of a name. */
static uint64_t hash_of_a_process(const char *name)
{
	char command[128], self[96];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	unsigned long long hash = 0;
	FILE *pipe;

	assert_true(length > 0);
	self[length] = 0;
	snprintf(command, sizeof(command), "'%s' %s", self, name);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%llx", &hash), 1);
	assert_int_equal(pclose(pipe), 0);
	return hash;
}

static void each_process_has_its_key(void **state)
{
	uint64_t one = hash_of_a_process("name"), two = hash_of_a_process("name");

	(void)state;
	assert_true(one != two);
	assert_true(hash_bytes("name", 4) == hash_bytes("name", 4));
	assert_true(hash_fixed(8, 15) == 0x8eebc1480bbed978);
}

static bool word_equal(const void *context, uint32_t position, const void *key)
{
	return ((const uint64_t *)context)[position] == *(const uint64_t *)key;
}

/*
 * Pairs of words that had one hash while it was (a, b) -> hash_fixed(hash_fixed(length, a), b)
 * without a key: b takes back what a does.
 */
static void chosen_names_do_not_collide(void **state)
{
	static uint64_t hashes[NAMES];
	struct index index = {};

	(void)state;
	for (uint32_t i = 0; i < NAMES; i++) {
		uint64_t words[2] = {i};

		words[1] = 42 - hash_fixed(sizeof(words), words[0]) * 0x9e3779b97f4a7c15ULL;
		hashes[i] = hash_bytes(words, sizeof(words));
		assert_int_equal(index_find(&index, hashes[i], word_equal, hashes, &hashes[i]),
				 INDEX_NONE);
		index_add(&index, hashes[i], i);
	}
	for (uint32_t i = 0; i < NAMES; i++)
		assert_int_equal(index_find(&index, hashes[i], word_equal, hashes, &hashes[i]), i);
	index_free(&index);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_as_published),
		cmocka_unit_test(each_process_has_its_key),
		cmocka_unit_test(chosen_names_do_not_collide),
	};

	if (argc > 1)
		return printf("%llx\n", (unsigned long long)hash_bytes(argv[1], strlen(argv[1]))) <
		       0;
	return cmocka_run_group_tests_name("util/index", tests, NULL, NULL);
}
