/* SPDX-License-Identifier: BSD-2-Clause */
/* Names on their way out of the process that found them: the same as before, and no lie believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "symbols/answers.h"

#define COUNT 4

static struct name_inlined inlined[] = {{"inner", "inner.h", 3}, {"innermost", NULL, 4}};

static const struct name_request found[COUNT] = {
	{.offset = 100,
	 .function = "one",
	 .source = "one.c",
	 .line = 7,
	 .start = 90,
	 .pause = true},
	{.offset = 200},
	{.offset = 300, .function = "three", .inlined = inlined, .inlined_count = 2, .line = 9},
	{.offset = 400, .function = "one", .source = "one.c", .line = 8, .start = 390},
};

static struct name_request got[COUNT], *order[COUNT];
static struct text_arena arena;

static char *packed(size_t *size)
{
	char *bytes = answers_pack(found, COUNT, size), *copy = malloc(*size + 1);

	memcpy(copy, bytes, *size);
	copy[*size] = '\0';
	free(bytes);
	for (size_t i = 0; i < COUNT; i++) {
		got[i] = (struct name_request){.offset = found[i].offset};
		order[i] = &got[i];
	}
	return copy;
}

static void is_same(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(!a && !b);
}

static void round_trip(void **state)
{
	size_t size;
	char *bytes = packed(&size);

	(void)state;
	assert_true(answers_unpack(bytes, size, order, COUNT, &arena));
	for (size_t i = 0; i < COUNT; i++) {
		is_same(got[i].function, found[i].function);
		is_same(got[i].source, found[i].source);
		assert_int_equal(got[i].line, found[i].line);
		assert_int_equal(got[i].start, found[i].start);
		assert_int_equal(got[i].pause, found[i].pause);
		assert_int_equal(got[i].inlined_count, found[i].inlined_count);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(got[2].inlined[i].function, inlined[i].function);
		is_same(got[2].inlined[i].source, inlined[i].source);
		assert_int_equal(got[2].inlined[i].line, inlined[i].line);
	}
	text_arena_clear(&arena);
}

/* Whatever is in the bytes, what is taken for an answer can be read. */
static void lies(void **state)
{
	uint64_t random = 88172645463325252ull;
	size_t taken = 0, length = 0;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		size_t size;
		char *bytes = packed(&size);

		for (int j = 0; j < 1 + i % 3; j++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[random % size] = (char)(random >> 32 & (i % 2 ? 0xff : 0x3f));
		}
		if (!answers_unpack(bytes, i % 7 ? size : random % size, order, COUNT, &arena))
			continue;
		taken++;
		for (size_t k = 0; k < COUNT; k++) {
			length += got[k].function ? strlen(got[k].function) : 0;
			length += got[k].source ? strlen(got[k].source) : 0;
			assert_true(got[k].start <= got[k].offset);
			for (size_t m = 0; m < got[k].inlined_count; m++)
				length += strlen(got[k].inlined[m].function) +
					  (got[k].inlined[m].source ? 1 : 0);
		}
		text_arena_clear(&arena);
	}
	assert_in_range(taken, 1000, 49000);
	assert_true(length > 1000);
	text_arena_clear(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(lies)};

	return cmocka_run_group_tests_name("symbols/answers", tests, NULL, NULL);
}
