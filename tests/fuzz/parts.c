/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "export/exports.h"
#include "parts.h"
#include "report/formats.h"
#include "store/schema.h"
#include "util/escape.h"

static void refuse(const char *what, const char *detail)
{
	fprintf(stderr, "fuzz: %s: %s\n", what, detail);
	abort();
}

void require(bool good, const char *what)
{
	if (!good)
		refuse("not so", what);
}

const char *scratch_path(void)
{
	static char path[256];
	const char *folder = getenv("TMPDIR");

	if (!*path)
		snprintf(path, sizeof(path), "%s/strait-fuzz.%d", folder ? folder : "/tmp",
			 (int)getpid());
	return path;
}

/* ---- an input as a list of choices ---- */

uint8_t feed_byte(struct feed *feed)
{
	if (!feed->left)
		return 0;
	feed->left--;
	return *feed->at++;
}

uint32_t feed_u16(struct feed *feed)
{
	uint32_t low = feed_byte(feed);

	return low | (uint32_t)feed_byte(feed) << 8;
}

uint64_t feed_number(struct feed *feed)
{
	static const uint64_t ends[] = {UINT64_MAX, INT64_MAX,  1ULL << 63,          UINT32_MAX,
					INT32_MAX,  1ULL << 32, 1000000000,          UINT64_MAX - 1,
					1ULL << 53, 65535,      1000000000000000000, 1ULL << 62};
	uint8_t first = feed_byte(feed);
	uint64_t number = 0;

	if (first < 200)
		return first;
	if (first < 212)
		return ends[first - 200];
	if (first >= 216 && first < 240) /* times: milliseconds of some seconds */
		return (uint64_t)(first - 215) * 100000000ULL + feed_byte(feed) * 1000000ULL;
	for (int i = 0; i < (first == 212 ? 2 : first == 213 ? 4 : 8); i++)
		number |= (uint64_t)feed_byte(feed) << (8 * i);
	return number;
}

const uint8_t *feed_bytes(struct feed *feed, size_t *length)
{
	const uint8_t *at = feed->at;

	if (*length > feed->left)
		*length = feed->left;
	feed->at += *length;
	feed->left -= *length;
	return at;
}

char *feed_text(struct feed *feed)
{
	size_t length = feed_byte(feed), used = 0;
	const uint8_t *at = feed_bytes(feed, &length);
	char *text = malloc(length + 1);

	for (size_t i = 0; i < length; i++)
		if (at[i])
			text[used++] = (char)at[i];
	text[used] = 0;
	return text;
}

unsigned int feed_style(const uint8_t *data, size_t size)
{
	return (unsigned int)hash_bytes(data, size);
}

/* ---- rows of a recording by the schema ---- */

uint64_t column_number(const struct column *column, const void *row)
{
	uint64_t number = 0;

	memcpy(&number, (const char *)row + column->offset, column->size); /* little endian */
	return number;
}

void column_set(const struct column *column, void *row, uint64_t value)
{
	memcpy((char *)row + column->offset, &value, column->size);
}

static bool number_good(const struct recording *rec, const struct column *column, uint64_t value)
{
	switch (column->kind) {
	case COLUMN_MAYBE:
		if (value == NONE)
			return true;
		/* fallthrough */
	case COLUMN_STRING:
	case COLUMN_REF:
		return value < table_len(&schema_tables[column->target], rec);
	case COLUMN_UINT:
		return !column->limit || value < column->limit;
	default:
		return true;
	}
}

void recording_check(const struct recording *rec)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &schema_tables[id];

		for (size_t i = 0; i < table_len(table, rec); i++) {
			const void *row = table_row(table, rec, i);
			const char *wrong = table->check ? table->check(rec, row, i) : NULL;

			if (wrong)
				refuse(table->name, wrong);
			for (const struct column *c = table->columns; c->name; c++)
				if (!number_good(rec, c, column_number(c, row)))
					refuse(table->name, c->name);
		}
	}
}

/* ---- outputs ---- */

/* UTF-8 without control characters, but for newlines; `color`: and for SGR sequences. */
static void text_check(const char *what, const char *text, size_t length, bool color)
{
	for (size_t i = 0; i < length;) {
		uint32_t character;
		size_t size = utf8_decode(text + i, length - i, &character);

		if (!size)
			refuse(what, "not UTF-8");
		if (color && character == 0x1b && i + 1 < length && text[i + 1] == '[') {
			for (i += 2; i < length && (isdigit(text[i]) || text[i] == ';'); i++)
				;
			if (i == length || text[i] != 'm')
				refuse(what, "a sequence that is none of ours");
			i++;
			continue;
		}
		if (character != '\n' &&
		    (character < 0x20 || (character >= 0x7f && character < 0xa0)))
			refuse(what, "a control character");
		i += size;
	}
	if (length && text[length - 1] != '\n')
		refuse(what, "its last line has no end");
}

void line_check(const char *line, size_t length)
{
	text_check("line", line, length, false);
	if (!length || memchr(line, '\n', length) != line + length - 1)
		refuse("line", "not one line");
}

static void json_check(const char *text, size_t length)
{
	json_error_t error;
	json_t *parsed = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

	if (!parsed)
		refuse("json", error.text);
	json_decref(parsed);
	/* It may have what a terminal may not: jansson took it for UTF-8. */
	for (size_t i = 0; i < length; i++)
		if ((text[i] >= 0 && text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f)
			refuse("json", "a control character");
}

/* "process;root;…;leaf N": a number behind the last space, no empty frame. */
static void folded_check(char *text, size_t length)
{
	char *next = text;

	text_check("folded", text, length, false);
	for (char *line = text; *line; line = next) {
		char *end = strchr(line, '\n'), *number;

		next = end + 1;
		*end = 0;
		number = strrchr(line, ' ');
		if (!number || number == line || !number[1] ||
		    strspn(number + 1, "0123456789") != strlen(number + 1))
			refuse("folded", line);
		*number = 0;
		if (*line == ';' || strstr(line, ";;") || number[-1] == ';')
			refuse("folded, a frame without a name", line);
	}
}

static void document_show(const struct document *doc, const struct format *format,
			  const struct text_style *style)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (format->render(doc, out, style))
		refuse(format->name, "it failed");
	fclose(out);
	if (!strcmp(format->name, "json"))
		json_check(text, length);
	else
		text_check(format->name, text, length, style->color);
	free(text);
}

static void stacks_show(const struct recording *rec, enum sample_kind kind,
			const struct export_options *options)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (export_folded(rec, kind, out, options))
		refuse("folded", "it failed");
	fclose(out);
	folded_check(text, length);
	free(text);
}

void recording_show(const struct recording *rec, unsigned int style)
{
	static const struct text_style styles[] = {
		{.width = 60, .unicode = true, .verbose = true},
		{.width = 100},
		{.width = 200, .color = true, .unicode = true, .verbose = true},
	};
	const struct export_options options = {.value = style & 1 ? EXPORT_WEIGHT : EXPORT_DEFAULT,
					       .user_only = (style & 6) == 2,
					       .kernel_only = (style & 6) == 4,
					       .all_processes = style & 8};
	struct document *doc = analysis_run(rec);

	for (const struct format *format = report_formats; format->name; format++)
		if (style / 16 % 4 == (unsigned int)(format - report_formats))
			document_show(doc, format,
				      &styles[style % (sizeof(styles) / sizeof(*styles))]);
	document_free(doc);
	for (int kind = 0; style / 16 % 4 == 3 && kind < SAMPLE_KINDS; kind++)
		stacks_show(rec, (enum sample_kind)kind, &options);
}
