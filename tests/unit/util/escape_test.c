/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "util/escape.h"

static void check(enum escape_for where, const char *text, const char *expected)
{
	char *escaped = escape_text(text, where);

	assert_string_equal(escaped, expected);
	free(escaped);
}

static void terminal_keeps_text(void **state)
{
	(void)state;
	check(ESCAPE_TERMINAL, "postgres: writer", "postgres: writer");
	check(ESCAPE_TERMINAL, "", "");
	check(ESCAPE_TERMINAL, NULL, "");
	check(ESCAPE_TERMINAL, "Größe 日本 → µs", "Größe 日本 → µs");
	check(ESCAPE_TERMINAL, "dev\\x2duuid", "dev\\x2duuid");
}

static void terminal_shows_controls(void **state)
{
	(void)state;
	check(ESCAPE_TERMINAL, "a\x1b[31mred\x07\n\t\r", "a\\x1b[31mred\\x07\\x0a\\x09\\x0d");
	check(ESCAPE_TERMINAL, "del\x7f", "del\\x7f");
	/* CSI as one C1 byte (invalid UTF-8) and as the character U+009B */
	check(ESCAPE_TERMINAL,
	      "\x9b"
	      "31m",
	      "\\x9b31m");
	check(ESCAPE_TERMINAL,
	      "\xc2\x9b"
	      "31m",
	      "\\u{9b}31m");
	check(ESCAPE_TERMINAL, "\xc2\x80\xc2\x9f\xc2\xa0", "\\u{80}\\u{9f}\xc2\xa0");
}

static void terminal_shows_invisible(void **state)
{
	(void)state;
	check(ESCAPE_TERMINAL, "a\u202eb\u2066c\u200bd\u2028e\ufefff",
	      "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{2028}e\\u{feff}f");
	check(ESCAPE_TERMINAL, "\xf3\xa0\x81\x81", "\\u{e0041}"); /* a tag character */
}

static void terminal_shows_invalid(void **state)
{
	(void)state;
	check(ESCAPE_TERMINAL, "\xff\xfe", "\\xff\\xfe");
	check(ESCAPE_TERMINAL, "cut \xe2\x86", "cut \\xe2\\x86");
	check(ESCAPE_TERMINAL, "\xc0\xaf", "\\xc0\\xaf");                   /* overlong "/" */
	check(ESCAPE_TERMINAL, "\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* overlong "/" */
	check(ESCAPE_TERMINAL, "\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
	check(ESCAPE_TERMINAL, "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* U+110000 */
	check(ESCAPE_TERMINAL, "\xc3(", "\\xc3(");
}

static void ascii_transliterates(void **state)
{
	(void)state;
	check(ESCAPE_ASCII, "a → b … 3 µs – 2×", "a -> b .. 3 us - 2x");
	check(ESCAPE_ASCII, "日\x1b", "\\u{65e5}\\x1b");
}

static void json_is_valid_utf8(void **state)
{
	(void)state;
	check(ESCAPE_JSON, "a\"b\\c\x1b\n", "a\"b\\c\x1b\n"); /* the encoder's business */
	check(ESCAPE_JSON, "\xff日\xed\xa0\x80\x7f", "\\xff日\\xed\\xa0\\x80\\x7f");
	check(ESCAPE_JSON, "\u202e", "\u202e");
}

static void folded_keeps_the_separators(void **state)
{
	(void)state;
	check(ESCAPE_FOLDED, "a;b\nc", "a:b\\x0ac");
	check(ESCAPE_FOLDED, "  std::pair<int, int> ", "__std::pair<int, int>_");
	check(ESCAPE_FOLDED, "   ", "___");
	check(ESCAPE_FOLDED, "\x1b]0;x\x07", "\\x1b]0:x\\x07");
}

/* Whatever the bytes, nothing but printable text comes out. */
static void every_pair_of_bytes(void **state)
{
	(void)state;
	for (unsigned int pair = 0x0101; pair <= 0xffff; pair++) {
		char text[4] = {(char)(pair >> 8), (char)pair, 'x', '\0'};
		static const enum escape_for places[] = {ESCAPE_TERMINAL, ESCAPE_ASCII,
							 ESCAPE_FOLDED};

		if (!(pair & 0xff))
			continue;
		for (size_t i = 0; i < 3; i++) {
			char *escaped = escape_text(text, places[i]);

			for (size_t at = 0; escaped[at];) {
				uint32_t character = 0;
				size_t size =
					utf8_decode(escaped + at, strlen(escaped + at), &character);

				assert_true(size > 0);
				assert_true(character >= 0x20 &&
					    (character < 0x7f || character > 0x9f));
				if (places[i] == ESCAPE_ASCII)
					assert_true(character < 0x7f);
				at += size;
			}
			free(escaped);
		}
	}
}

static void columns(void **state)
{
	(void)state;
	assert_int_equal(text_columns("abc"), 3);
	assert_int_equal(text_columns("Größe"), 5);
	assert_int_equal(text_columns("日本"), 4);
	assert_int_equal(text_columns("e\u0301"), 1);
	assert_int_equal(text_prefix("日本語", 5), 6);
	assert_int_equal(text_prefix("abc", 0), 0);
}

static void fit(enum fit keep, const char *text, size_t width, const char *expected)
{
	char *fitted = text_fit(text, width, keep, "…");

	assert_string_equal(fitted, expected);
	assert_true(text_columns(fitted) <= width);
	free(fitted);
}

static void fitting(void **state)
{
	(void)state;
	fit(FIT_BEGIN, "abcdef", 6, "abcdef");
	fit(FIT_BEGIN, "abcdef", 5, "abcd…");
	fit(FIT_END, "/usr/lib/libc.so.6", 10, "…libc.so.6");
	fit(FIT_BEGIN, "日本語", 4, "日…");
	fit(FIT_END, "日本語", 4, "…語");
	fit(FIT_BEGIN, "abcdef", 1, "a");
	fit(FIT_END, "abcdef", 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terminal_keeps_text),
		cmocka_unit_test(terminal_shows_controls),
		cmocka_unit_test(terminal_shows_invisible),
		cmocka_unit_test(terminal_shows_invalid),
		cmocka_unit_test(ascii_transliterates),
		cmocka_unit_test(json_is_valid_utf8),
		cmocka_unit_test(folded_keeps_the_separators),
		cmocka_unit_test(every_pair_of_bytes),
		cmocka_unit_test(columns),
		cmocka_unit_test(fitting),
	};

	return cmocka_run_group_tests_name("util/escape", tests, NULL, NULL);
}
