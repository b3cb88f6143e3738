/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/vec.h"

struct range {
	uint32_t first, last;
};

/*
 * Characters that have no form of their own but change how others are shown: directional controls
 * (the "Trojan source" set), zero-width characters, line separators, annotations, tags.
 */
static const struct range invisible[] = {
	{0x00ad, 0x00ad},    {0x061c, 0x061c}, {0x115f, 0x1160},   {0x17b4, 0x17b5},
	{0x180b, 0x180f},    {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
	{0x3164, 0x3164},    {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
	{0xfff0, 0xfffb},    {0xfffe, 0xffff}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	{0xf0000, 0x10ffff},
};

/* Combining marks: the common blocks of Unicode 15, categories Mn and Me. */
static const struct range combining[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
	{0x05c4, 0x05c5}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670}, {0x06d6, 0x06dc},
	{0x06df, 0x06e4}, {0x06e7, 0x06e8}, {0x06ea, 0x06ed}, {0x093c, 0x093c}, {0x0941, 0x0948},
	{0x094d, 0x094d}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff}, {0x20d0, 0x20f0}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe20, 0xfe2f},
};

/* East Asian Wide and Fullwidth, and pictographs: the blocks of Unicode 15 as terminals show them.
 */
static const struct range wide[] = {
	{0x1100, 0x115e},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
	{0x4e00, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
	{0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};

/* What strait itself writes, for a terminal without UTF-8. */
static const struct {
	uint32_t character;
	const char *ascii;
} plain[] = {
	{0x2192, "->"}, {0x2190, "<-"}, {0x2026, ".."}, {0x2013, "-"}, {0x2014, "-"}, {0x2500, "-"},
	{0x2502, "|"},  {0x00b7, "|"},  {0x2022, "*"},  {0x00d7, "x"}, {0x00b5, "u"}, {0x03bc, "u"},
	{0x2264, "<="}, {0x2265, ">="}, {0x2248, "~"},  {0x2212, "-"}, {0x2018, "'"}, {0x2019, "'"},
	{0x201c, "\""}, {0x201d, "\""}, {0x2588, "#"},  {0x258c, "#"}, {0x2591, "."},
};

static bool range_has(const struct range *ranges, size_t count, uint32_t character)
{
	for (size_t i = 0; i < count && ranges[i].first <= character; i++)
		if (character <= ranges[i].last)
			return true;
	return false;
}
#define RANGE_HAS(ranges, character)                                                               \
	range_has(ranges, sizeof(ranges) / sizeof((ranges)[0]), character)

size_t utf8_decode(const char *text, size_t length, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *byte = (const unsigned char *)text;
	uint32_t value;
	size_t size;

	if (byte[0] < 0x80) {
		*character = byte[0];
		return 1;
	}
	if ((byte[0] & 0xe0) == 0xc0) {
		size = 2;
		value = byte[0] & 0x1f;
	} else if ((byte[0] & 0xf0) == 0xe0) {
		size = 3;
		value = byte[0] & 0x0f;
	} else if ((byte[0] & 0xf8) == 0xf0) {
		size = 4;
		value = byte[0] & 0x07;
	} else {
		return 0;
	}
	if (length < size)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (byte[i] & 0x3f);
	}
	/* Overlong forms, surrogates and what lies beyond Unicode are not characters. */
	if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*character = value;
	return size;
}

struct output {
	VEC(char) text;
};

static void output_bytes(struct output *out, const char *bytes, size_t length)
{
	char *at = vec_extend(&out->text, length);

	memcpy(at, bytes, length);
}

__attribute__((format(printf, 2, 3))) static void output_format(struct output *out,
								const char *format, ...)
{
	char buffer[32];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	output_bytes(out, buffer, (size_t)length);
}

/* The plain form of a character, NULL if it has none. */
static const char *character_plain(uint32_t character)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].character == character)
			return plain[i].ascii;
	return NULL;
}

static void output_character(struct output *out, uint32_t character, const char *bytes, size_t size,
			     enum escape_for where)
{
	const char *ascii;

	if (character == 0x7f || (character < 0x20 && where != ESCAPE_JSON)) {
		output_format(out, "\\x%02x", character);
		return;
	}
	if (where == ESCAPE_JSON || (character >= 0x20 && character < 0x7f)) {
		output_bytes(out, where == ESCAPE_FOLDED && character == ';' ? ":" : bytes, size);
		return;
	}
	if (character <= 0x9f || RANGE_HAS(invisible, character)) {
		output_format(out, "\\u{%x}", character);
		return;
	}
	if (where != ESCAPE_ASCII) {
		output_bytes(out, bytes, size);
		return;
	}
	ascii = character_plain(character);
	if (ascii)
		output_bytes(out, ascii, strlen(ascii));
	else
		output_format(out, "\\u{%x}", character);
}

char *escape_text(const char *text, enum escape_for where)
{
	size_t length = text ? strlen(text) : 0;
	struct output out = {};

	vec_reserve((void **)&out.text.at, &out.text.cap, length + 1, 1);
	for (size_t i = 0; i < length;) {
		uint32_t character;
		size_t size = utf8_decode(text + i, length - i, &character);

		if (!size) {
			output_format(&out, "\\x%02x", (unsigned char)text[i++]);
			continue;
		}
		output_character(&out, character, text + i, size, where);
		i += size;
	}
	if (where == ESCAPE_FOLDED) {
		for (size_t i = 0; i < out.text.len && out.text.at[i] == ' '; i++)
			out.text.at[i] = '_';
		for (size_t i = out.text.len; i > 0 && out.text.at[i - 1] == ' '; i--)
			out.text.at[i - 1] = '_';
	}
	*vec_extend(&out.text, 1) = '\0';
	return out.text.at;
}

static size_t character_columns(uint32_t character)
{
	if (character < 0x300)
		return 1;
	if (RANGE_HAS(combining, character))
		return 0;
	return RANGE_HAS(wide, character) ? 2 : 1;
}

/* Decodes the next character, an invalid byte as one of one column. */
static size_t next_columns(const char *text, size_t length, size_t *columns)
{
	uint32_t character;
	size_t size = utf8_decode(text, length, &character);

	*columns = size ? character_columns(character) : 1;
	return size ? size : 1;
}

size_t text_columns(const char *text)
{
	size_t length = strlen(text), total = 0, columns;

	for (size_t i = 0; i < length;) {
		i += next_columns(text + i, length - i, &columns);
		total += columns;
	}
	return total;
}

size_t text_prefix(const char *text, size_t columns)
{
	size_t length = strlen(text), used = 0, i = 0;

	while (i < length) {
		size_t own, size = next_columns(text + i, length - i, &own);

		if (used + own > columns)
			break;
		used += own;
		i += size;
	}
	return i;
}

char *text_fit(const char *text, size_t columns, enum fit keep, const char *ellipsis)
{
	size_t total = text_columns(text), mark = text_columns(ellipsis), length = strlen(text);
	size_t skip;
	char *fitted;
	int made;

	if (total <= columns) {
		made = asprintf(&fitted, "%s", text);
	} else if (columns <= mark) {
		made = asprintf(&fitted, "%.*s", (int)text_prefix(text, columns), text);
	} else if (keep == FIT_BEGIN) {
		made = asprintf(&fitted, "%.*s%s", (int)text_prefix(text, columns - mark), text,
				ellipsis);
	} else {
		/* Drop characters from the left until the rest fits. */
		skip = 0;
		while (skip < length && total > columns - mark) {
			size_t own;

			skip += next_columns(text + skip, length - skip, &own);
			total -= own;
		}
		made = asprintf(&fitted, "%s%s", ellipsis, text + skip);
	}
	if (made < 0)
		abort();
	return fitted;
}
