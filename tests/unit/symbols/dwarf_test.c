/* SPDX-License-Identifier: BSD-2-Clause */
/* Debugging information that no compiler writes: nothing is read out of bounds, and it ends soon.
 */
#include "ask.h"

#include "util/clock.h"

/* One unit of DWARF 4 that has 4096 bytes of code at `start`; `entries` are within it. */
static void broken_build(const char *entries)
{
	FILE *file = fopen("broken.s", "w");

	assert_non_null(file);
	fprintf(file,
		".globl main\n.text\n.p2align 12\n.type main, @function\nmain:\nstart:\n"
		".fill 4096, 1, 0x90\nret\nfinish:\n.size main, .-main\n"
		".section .debug_abbrev,\"\",@progbits\n"
		".uleb128 1\n.uleb128 0x11\n.byte 1\n" /* unit */
		".uleb128 0x11,1\n.uleb128 0x12,7\n.byte 0,0\n"
		".uleb128 2\n.uleb128 0x2e\n.byte 1\n" /* function with children */
		".uleb128 0x11,1\n.uleb128 0x12,7\n.byte 0,0\n"
		".uleb128 3\n.uleb128 0x1d\n.byte 1\n" /* inlined call with children */
		".uleb128 0x31,0x13\n.uleb128 0x11,1\n.uleb128 0x12,7\n.uleb128 0x59,0x0b\n.byte "
		"0,0\n"
		".uleb128 4\n.uleb128 0x2e\n.byte 0\n" /* a name, and another entry's */
		".uleb128 3,8\n.uleb128 0x31,0x13\n.byte 0,0\n"
		".uleb128 5\n.uleb128 0x2e\n.byte 0\n" /* only another entry's name */
		".uleb128 0x31,0x13\n.byte 0,0\n"
		".uleb128 6\n.uleb128 0x2e\n.byte 1\n" /* a function with a sibling */
		".uleb128 1,0x13\n.uleb128 0x11,1\n.uleb128 0x12,7\n.byte 0,0\n"
		".uleb128 7\n.uleb128 0x2e\n.byte 0\n" /* a block */
		".uleb128 3,9\n.byte 0,0\n"
		".uleb128 8\n.uleb128 0x1d\n.byte 0\n" /* a call with a list of ranges */
		".uleb128 0x31,0x13\n.uleb128 0x55,0x17\n.byte 0,0\n"
		".uleb128 9\n.uleb128 0x2e\n.byte 0\n" /* a name alone */
		".uleb128 3,8\n.byte 0,0\n"
		".byte 0\n"
		".section .debug_ranges,\"\",@progbits\nranges:\n"
		".quad 0,16\n.quad 0,-1\n.quad -1,5\n.quad 0,0\n"
		".section .debug_info,\"\",@progbits\nunit:\n.4byte last - first\nfirst:\n"
		".2byte 4\n.4byte .debug_abbrev\n.byte 8\n"
		".uleb128 1\n.8byte start\n.8byte finish - start\n"
		"%s\n.byte 0,0,0,0\nlast:\n",
		entries);
	fclose(file);
	fixture_run("cc -no-pie -nostdlib -Wl,-e,main -o broken broken.s");
}

#define FUNCTION       ".uleb128 2\n.8byte start\n.8byte finish - start\n"
#define CALL(to, line) ".uleb128 3\n.4byte " to " - unit\n.8byte start\n.8byte 64\n.byte " line "\n"

static struct name_request broken_ask(uint64_t offset)
{
	uint64_t before = time_now();
	struct name_request r = name_at("broken", fixture_address("broken", "main") + offset);

	assert_true(time_now() - before < 5000000000ull);
	assert_string_equal(r.function, "main");
	return r;
}

static void references_in_circles(void **state)
{
	struct name_request r;

	(void)state;
	broken_build(FUNCTION CALL("a", "3") ".byte 0\n.byte 0\n"
					     "a: .uleb128 4\n.asciz \"alpha\"\n.4byte b - unit\n"
					     "b: .uleb128 5\n.4byte a - unit\n");
	r = broken_ask(5);
	assert_int_equal(r.inlined_count, 1);
	assert_string_equal(r.inlined[0].function, "alpha");
	assert_int_equal(r.line, 3);
	assert_int_equal(broken_ask(64).inlined_count, 0);
	/* To itself, with no name; out of the unit; into the middle of an entry. */
	broken_build(FUNCTION CALL("a", "3") ".byte 0\n.byte 0\na: .uleb128 5\n.4byte a - unit\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	assert_int_equal(broken_ask(5).line, 3);
	/* The outermost has no name: what is in it is not told of, whatever its name. */
	broken_build(FUNCTION CALL("a", "3") CALL(
		"b", "4") ".byte 0\n.byte 0\n.byte 0\n"
			  "a: .uleb128 5\n.4byte a - unit\nb: .uleb128 9\n.asciz \"beta\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	assert_int_equal(broken_ask(5).line, 3);
	broken_build(FUNCTION CALL("first + 0x7fffffff", "3") ".byte 0\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	broken_build(FUNCTION CALL("unit + 1", "3") ".byte 0\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
}

static void deep_nesting(void **state)
{
	static char text[1 << 20];
	struct name_request r;
	size_t length = 0;

	(void)state;
	length += (size_t)sprintf(text + length, FUNCTION);
	for (int i = 0; i < 5000; i++)
		length += (size_t)sprintf(text + length, CALL("a", "%d"), i % 250 + 1);
	length += (size_t)sprintf(text + length,
				  ".fill 5001, 1, 0\na: .uleb128 9\n.asciz \"deep\"\n");
	broken_build(text);
	r = broken_ask(5);
	assert_int_equal(r.inlined_count, SYMBOLS_INLINED);
	assert_int_equal(r.line, 1);
	for (size_t i = 0; i < r.inlined_count; i++) {
		assert_string_equal(r.inlined[i].function, "deep");
		assert_int_equal(r.inlined[i].line, i + 2);
	}
}

static void sizes_that_lie(void **state)
{
	(void)state;
	/* A sibling that lies behind, in itself, far out. */
	broken_build("x: .uleb128 6\n.4byte x - unit\n.8byte 1\n.8byte 2\n.byte 0\n" FUNCTION CALL(
		"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 1);
	broken_build(
		"x: .uleb128 6\n.4byte 0xfffffff0\n.8byte 1\n.8byte 2\n.byte 0\n" FUNCTION CALL(
			"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 1);
	/* A block of 2^63 bytes ends the unit; so does an unknown entry. */
	broken_build(".uleb128 7\n.uleb128 0x7fffffffffffffff\n" FUNCTION CALL(
		"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	broken_build(".uleb128 99\n" FUNCTION CALL(
		"a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
	/* A name without an end. */
	broken_build(FUNCTION CALL("a", "3") ".byte 0\n.byte 0\na: .uleb128 9\n.ascii \"alpha\"\n"
					     ".fill 5000, 1, 65\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
}

/* Offsets from the begin of the unit: only the first range makes sense; -1 sets a new begin. */
static void ranges_that_lie(void **state)
{
	(void)state;
	broken_build(FUNCTION ".uleb128 8\n.4byte a - unit\n.4byte 0\n.byte 0\n"
			      "a: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 1);
	assert_int_equal(broken_ask(16).inlined_count, 0);
	broken_build(FUNCTION ".uleb128 8\n.4byte a - unit\n.4byte 0x7ffffff0\n.byte 0\n"
			      "a: .uleb128 9\n.asciz \"alpha\"\n");
	assert_int_equal(broken_ask(5).inlined_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_in_circles),
		cmocka_unit_test(deep_nesting),
		cmocka_unit_test(sizes_that_lie),
		cmocka_unit_test(ranges_that_lie),
	};

	return cmocka_run_group_tests_name("symbols/dwarf", tests, symbols_set_up,
					   symbols_tear_down);
}
