/* SPDX-License-Identifier: BSD-2-Clause */
/* A program in which functions are inlined, and what must be found of it however it is built. */
#ifndef STRAIT_TESTS_SYMBOLS_INLINED_H
#define STRAIT_TESTS_SYMBOLS_INLINED_H

#include "ask.h"

/* Line numbers matter. `sink` makes sure that each line has code. */
static const char source[] =
	"volatile int sink;\n"                                              /* 1 */
	"static inline __attribute__((always_inline)) void inner(int a)\n"  /* 2 */
	"{\n"                                                               /* 3 */
	"	sink = a * 3;\n"                                            /* 4 */
	"}\n"                                                               /* 5 */
	"static inline __attribute__((always_inline)) void middle(int a)\n" /* 6 */
	"{\n"                                                               /* 7 */
	"	sink = a;\n"                                                /* 8 */
	"	inner(a + 1);\n"                                            /* 9 */
	"	sink = 5;\n"                                                /* 10 */
	"}\n"                                                               /* 11 */
	"__attribute__((noinline)) void outer(int a)\n"                     /* 12 */
	"{\n"                                                               /* 13 */
	"	sink = 7;\n"                                                /* 14 */
	"	middle(a);\n"                                               /* 15 */
	"	sink = 9;\n"                                                /* 16 */
	"	inner(a);\n"                                                /* 17 */
	"	sink = 11;\n"                                               /* 18 */
	"}\n"                                                               /* 19 */
	"int main(int argc, char **argv)\n"                                 /* 20 */
	"{\n"                                                               /* 21 */
	"	(void)argv;\n"                                              /* 22 */
	"	outer(argc);\n"                                             /* 23 */
	"	return sink;\n"                                             /* 24 */
	"}\n";                                                              /* 25 */

static inline bool source_ends(const char *path, const char *end)
{
	return path && strlen(path) >= strlen(end) &&
	       !strcmp(path + strlen(path) - strlen(end), end);
}

/* Every byte of `outer` is in the function, and at the line, that the source has there. */
static inline void check_outer(const char *name, const char *symbols_of)
{
	uint64_t address = fixture_address(symbols_of, "outer");
	unsigned int plain = 0, one = 0, two = 0, again = 0;

	for (unsigned int i = 0; i < 200; i++) {
		struct name_request r = name_at(name, address + i);

		if (!r.function || strcmp(r.function, "outer") != 0)
			break;
		assert_true(source_ends(r.source, "program.c"));
		if (r.inlined_count == 0) {
			assert_true((r.line >= 12 && r.line <= 19));
			plain++;
		} else if (r.inlined_count == 2) {
			assert_int_equal(r.line, 15);
			assert_string_equal(r.inlined[0].function, "middle");
			assert_int_equal(r.inlined[0].line, 9);
			assert_string_equal(r.inlined[1].function, "inner");
			assert_in_range(r.inlined[1].line, 3, 5);
			assert_true(source_ends(r.inlined[1].source, "program.c"));
			two++;
		} else if (!strcmp(r.inlined[0].function, "inner")) {
			assert_int_equal(r.inlined_count, 1);
			assert_int_equal(r.line, 17);
			assert_in_range(r.inlined[0].line, 3, 5);
			again++;
		} else {
			assert_int_equal(r.inlined_count, 1);
			assert_int_equal(r.line, 15);
			assert_string_equal(r.inlined[0].function, "middle");
			assert_in_range(r.inlined[0].line, 7, 11);
			assert_true(source_ends(r.inlined[0].source, "program.c"));
			one++;
		}
	}
	assert_true(plain > 10 && one > 5 && two > 5 && again > 5);
}

static inline void program_build_by(const char *compiler, const char *name, const char *flags)
{
	fixture_write("program.c", source);
	fixture_run("env -u ASAN_OPTIONS %s -O1 -falign-functions=64 -o %s program.c %s", compiler,
		    name, flags);
}

#endif
