/* SPDX-License-Identifier: BSD-2-Clause */
/* Perf maps: lines with known answers, lines that are none, and many about one place. */
#include "set_up.h"

#include <sys/mman.h>

#include "symbols/perf_map.h"
#include "util/clock.h"

#define PATIENCE 10000000000ull

static int map_of(const void *text, size_t length)
{
	int fd = memfd_create("map", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, length), length);
	return fd;
}

static void check_bytes(const void *text, size_t length, uint64_t address, const char *function,
			uint64_t start, uint64_t end)
{
	struct lookup lookups[3] = {{.address = 1}, {.address = address}, {.address = ~0ull}};
	struct text_arena arena = {};
	int fd = map_of(text, length);

	perf_map_name(fd, lookups, 3, &arena, time_now() + PATIENCE);
	close(fd);
	assert_null(lookups[0].function);
	assert_null(lookups[2].function);
	if (function)
		assert_string_equal(lookups[1].function, function);
	else
		assert_null(lookups[1].function);
	assert_int_equal(lookups[1].start, start);
	assert_int_equal(lookups[1].end, end);
	text_arena_clear(&arena);
}

static void check(const char *text, uint64_t address, const char *function, uint64_t start,
		  uint64_t end)
{
	check_bytes(text, strlen(text), address, function, start, end);
}

static void lines_name_what_they_cover(void **state)
{
	static const char text[] = "1000 20 first\n2000 8 a name of words\n";

	(void)state;
	check(text, 0xfff, NULL, 0, 0);
	check(text, 0x1000, "first", 0x1000, 0x1020);
	check(text, 0x101f, "first", 0x1000, 0x1020);
	check(text, 0x1020, NULL, 0, 0);
	check(text, 0x2007, "a name of words", 0x2000, 0x2008);
}

static void what_is_said_last_holds(void **state)
{
	static const char text[] = "1000 100 old\n1000 80 new\n1040 10 inner\n";

	(void)state;
	check(text, 0x1001, "new", 0x1000, 0x1080);
	check(text, 0x1041, "inner", 0x1040, 0x1050);
	check(text, 0x1051, "new", 0x1000, 0x1080);
	check(text, 0x1081, "old", 0x1000, 0x1100);
}

static void what_is_no_line_says_nothing(void **state)
{
	(void)state;
	check("1000 20 cut o", 0x1000, NULL, 0, 0);
	check("1000 20 \n", 0x1000, NULL, 0, 0);
	check("1000 20\n", 0x1000, NULL, 0, 0);
	check("1000\t20\ttabs\n", 0x1000, NULL, 0, 0);
	check("1000 0 empty\n", 0x1000, NULL, 0, 0);
	check("nothing 20 here\n", 0x1000, NULL, 0, 0);
	/* Round the end of all addresses. */
	check("1000 ffffffffffffffff round\n", 0x1000, NULL, 0, 0);
	check("\n\n1000 20 name\n", 0x1000, "name", 0x1000, 0x1020);
	/* A zero byte: the line ends there, as a text does. */
	check_bytes("1000 20 a\0b\n", 12, 0x1000, "a", 0x1000, 0x1020);
	check_bytes("1000 20 \0b\n", 11, 0x1000, NULL, 0, 0);
}

static void long_names_are_cut_and_long_lines_left_out(void **state)
{
	char *text = malloc(200000), name[1025];
	size_t length;

	(void)state;
	memset(name, 'n', 1024);
	name[1024] = '\0';
	length = (size_t)sprintf(text, "1000 20 %s%s\n", name, name);
	check_bytes(text, length, 0x1000, name, 0x1000, 0x1020);
	memset(text, 'x', 200000);
	memcpy(text, "1000 20 ", 8);
	memcpy(text + 199900, "\n2000 20 behind\n", 16);
	check_bytes(text, 199916, 0x1000, NULL, 0, 0);
	check_bytes(text, 199916, 0x2000, "behind", 0x2000, 0x2020);
	free(text);
}

/* Lines about the same code, and many places in it: the time is over when it is. */
static void many_lines_about_many_places_end_in_time(void **state)
{
	enum { PLACES = 50000, LINES = 20000 };
	struct lookup *lookups = calloc(PLACES, sizeof(*lookups));
	static const char line[] = "0 ffffffff again\n";
	struct text_arena arena = {};
	char *text = malloc(LINES * (sizeof(line) - 1));
	uint64_t begin;
	int fd;

	(void)state;
	for (int i = 0; i < PLACES; i++)
		lookups[i].address = (uint64_t)i;
	for (int i = 0; i < LINES; i++)
		memcpy(text + (size_t)i * (sizeof(line) - 1), line, sizeof(line) - 1);
	fd = map_of(text, LINES * (sizeof(line) - 1));
	begin = time_now();
	perf_map_name(fd, lookups, PLACES, &arena, begin + 50000000);
	/* All of them would be 10^9 steps. */
	assert_in_range(time_now() - begin, 0, 1500000000);
	assert_string_equal(lookups[0].function, "again");
	assert_string_equal(lookups[PLACES - 1].function, "again");
	/* One name for all, not one for each line. */
	assert_int_equal(arena.blocks.len, 1);
	close(fd);
	text_arena_clear(&arena);
	free(lookups);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_name_what_they_cover),
		cmocka_unit_test(what_is_said_last_holds),
		cmocka_unit_test(what_is_no_line_says_nothing),
		cmocka_unit_test(long_names_are_cut_and_long_lines_left_out),
		cmocka_unit_test(many_lines_about_many_places_end_in_time),
	};

	return cmocka_run_group_tests_name("symbols/perf_map", tests, NULL, NULL);
}
