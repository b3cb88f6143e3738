/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the text looks like is kept in golden/: UPDATE_GOLDEN=1 writes those files anew, to be
 * looked at before they are committed. Run from the top of the project, as make check does.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "report/documents.h"
#include "report/formats.h"
#include "report/number.h"
#include "util/escape.h"

#define GOLDEN "tests/unit/report/golden/"

static char *render(const struct document *doc, struct text_style style)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(report_text(doc, out, &style), 0);
	fclose(out);
	return text;
}

static char *read_all(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	if (getdelim(&text, &size, '\0', file) < 0)
		fail_msg("%s is empty", path);
	fclose(file);
	return text;
}

static void check_golden(struct document *doc, const char *name, struct text_style style)
{
	char path[128], *text = render(doc, style), *expected;

	snprintf(path, sizeof(path), GOLDEN "%s.txt", name);
	if (getenv("UPDATE_GOLDEN")) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(text, file);
		fclose(file);
	}
	expected = read_all(path);
	assert_string_equal(text, expected);
	free(expected);
	free(text);
	document_free(doc);
}

static void golden(void **state)
{
	(void)state;
	check_golden(document_busy(), "busy-60", (struct text_style){.width = 60, .unicode = true});
	check_golden(document_busy(), "busy-80", (struct text_style){.width = 80, .unicode = true});
	check_golden(document_busy(), "busy-140",
		     (struct text_style){.width = 140, .unicode = true});
	check_golden(document_busy(), "busy-80-ascii-verbose",
		     (struct text_style){.width = 80, .verbose = true});
	check_golden(document_busy(), "busy-100-color",
		     (struct text_style){.width = 100, .unicode = true, .color = true});
	check_golden(document_healthy(), "healthy-80",
		     (struct text_style){.width = 80, .unicode = true});
	check_golden(document_new(), "empty-80", (struct text_style){.width = 80, .unicode = true});
}

/* The answer comes before everything else: verdict, worst finding, its gain. */
static void answer_first(void **state)
{
	struct document *doc = document_busy();
	char *text = render(doc, (struct text_style){.width = 100, .unicode = true});
	char *verdict = strstr(text, "burner holds postgres back");
	char *first = strstr(text, "1 critical  47 % (41–52)");
	char *gain = strstr(text, "saves 44 % (38–50 %)");
	char *second = strstr(text, "2 high      14 % (12–16)");
	char *phases = strstr(text, "1 Baseline");

	(void)state;
	assert_true(text < verdict && verdict < first && first < gain);
	assert_true(gain < second && second < phases);
	/* what is low does not stand among the answers */
	assert_true(strstr(text, "doCustom") > phases);
	free(text);
	document_free(doc);
}

/* A basis may begin with "of", and findings may have different ones. */
static void basis(void **state)
{
	struct document *doc = document_busy();
	char *text;

	(void)state;
	vec_each(&doc->bottlenecks, item)
		item->impact.basis = "of the time of day";
	text = render(doc, (struct text_style){.width = 100});
	assert_non_null(strstr(text, "Impact is the share of the time of day, with"));
	assert_non_null(strstr(text, "47 % (41-52 %) of the time of day |"));
	free(text);
	doc->bottlenecks.at[1].impact.basis = "of the night";
	text = render(doc, (struct text_style){.width = 100});
	assert_null(strstr(text, "Impact is the share"));
	assert_non_null(strstr(text, "14 % (12-16 %) of the night |"));
	free(text);
	document_free(doc);
}

/* What was asked for and seen in part, or not at all, is said; what was not asked for is not. */
static void allocations(void **state)
{
	struct document *doc = document_busy();
	char *text = render(doc, (struct text_style){.width = 140});

	(void)state;
	assert_null(strstr(text, "allocation"));
	free(text);
	doc->coverage.allocs_observed = 0.02;
	doc->coverage.alloc_files = 1;
	text = render(doc, (struct text_style){.width = 140});
	assert_non_null(strstr(text, "allocations were observed for 2.00 % of the time"));
	free(text);
	doc->coverage.alloc_files = 0;
	text = render(doc, (struct text_style){.width = 140});
	assert_null(strstr(text, "of the time, to keep the budget; calls and bytes"));
	assert_non_null(strstr(text, "no allocator was met that can be probed"));
	free(text);
	document_free(doc);
}

static void check_lines(const char *text, unsigned int width, bool unicode)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		char *line = strndup(text, length);

		if (text_columns(line) > width)
			fail_msg("%zu columns at width %u: %s", text_columns(line), width, line);
		if (length && line[length - 1] == ' ')
			fail_msg("space at the end at width %u: '%s'", width, line);
		for (size_t at = 0; at < length;) {
			uint32_t character = 0;
			size_t size = utf8_decode(line + at, length - at, &character);

			assert_true(size > 0 && character >= 0x20);
			assert_true(character < 0x7f || (unicode && character > 0x9f));
			assert_true(character != 0x202e);
			at += size;
		}
		free(line);
		text += length + (text[length] == '\n');
	}
}

/* No line is wider than the page and nothing hostile gets through, whatever the width. */
static void every_width(void **state)
{
	struct document *docs[] = {document_busy(), document_healthy(), document_hostile(),
				   document_new()};

	(void)state;
	for (unsigned int width = TEXT_WIDTH_MIN; width <= TEXT_WIDTH_MAX; width += 7)
		for (size_t doc = 0; doc < 4; doc++)
			for (int flags = 0; flags < 4; flags++) {
				struct text_style style = {
					.width = width, .unicode = flags & 1, .verbose = flags & 2};
				char *text = render(docs[doc], style);

				check_lines(text, width, style.unicode);
				free(text);
			}
	for (size_t doc = 0; doc < 4; doc++)
		document_free(docs[doc]);
}

/* Colour adds sequences and changes nothing else. */
static void color_only_adds(void **state)
{
	struct document *docs[] = {document_busy(), document_hostile()};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *plain = render(docs[i], (struct text_style){.width = 100, .unicode = true});
		char *colored = render(
			docs[i], (struct text_style){.width = 100, .unicode = true, .color = true});
		char *to = colored;

		assert_null(strchr(plain, '\x1b'));
		assert_non_null(strstr(colored, "\x1b[1;31mcritical\x1b[0m"));
		for (char *from = colored; *from;) {
			if (*from == '\x1b')
				from += strcspn(from, "m") + 1;
			else
				*to++ = *from++;
		}
		*to = '\0';
		assert_string_equal(colored, plain);
		free(plain);
		free(colored);
		document_free(docs[i]);
	}
}

/* Bounds of the width, and what NULL means. */
static void style_bounds(void **state)
{
	struct document *doc = document_busy();
	char *narrow = render(doc, (struct text_style){.width = 1});
	char *least = render(doc, (struct text_style){.width = TEXT_WIDTH_MIN});
	char *given = render(doc, (struct text_style){.width = TEXT_WIDTH_DEFAULT});
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	assert_string_equal(narrow, least);
	assert_int_equal(report_text(doc, out, NULL), 0);
	fclose(out);
	assert_string_equal(text, given);
	free(text);
	free(narrow);
	free(least);
	free(given);
	document_free(doc);
}

/* Long tables are cut and say so; -v shows all. */
static void long_tables(void **state)
{
	struct document *doc = document_new();
	char *text;

	(void)state;
	for (int i = 0; i < 100; i++)
		add_metric(doc, document_text(doc, "metric_%03d", i), "count", NULL, "some",
			   i < 50 ? i + 1 : 0);
	text = render(doc, (struct text_style){.width = 80});
	assert_non_null(strstr(text, "metric_029"));
	assert_null(strstr(text, "metric_030"));
	assert_non_null(strstr(text, ".. 20 more: -v shows all"));
	assert_non_null(strstr(text, "50 metrics were 0 all the time"));
	free(text);
	text = render(doc, (struct text_style){.width = 80, .verbose = true});
	assert_non_null(strstr(text, "metric_099"));
	assert_null(strstr(text, "more: -v"));
	free(text);
	document_free(doc);
}

/* A name of a megabyte costs some lines, not a flood. */
static void endless_name(void **state)
{
	struct document *doc = document_busy();
	char *name = malloc(1000001), *text;

	(void)state;
	memset(name, 'A', 1000000);
	name[1000000] = '\0';
	doc->bottlenecks.at[0].title = name;
	doc->bottlenecks.at[0].where.process = name;
	doc->hotspots.at[0].function = name;
	text = render(doc, (struct text_style){.width = 80});
	assert_true(strlen(text) < 20000);
	check_lines(text, 80, false);
	free(text);
	free(name);
	document_free(doc);
}

static void write_errors(void **state)
{
	struct document *doc = document_busy();
	FILE *full = fopen("/dev/full", "w"), *readonly = fopen("/dev/null", "r");

	(void)state;
	assert_int_equal(report_text(doc, full, NULL), -ENOSPC);
	assert_int_equal(report_text(doc, readonly, NULL), -EBADF);
	fclose(full);
	fclose(readonly);
	document_free(doc);
}

static void formats(void **state)
{
	(void)state;
	assert_ptr_equal(format_find("text")->render, report_text);
	assert_ptr_equal(format_find("json")->render, report_json);
	assert_null(format_find("xml"));
	assert_null(format_find(""));
	for (const struct format *format = report_formats; format->name; format++)
		assert_true(format->what && *format->what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),       cmocka_unit_test(answer_first),
		cmocka_unit_test(allocations),  cmocka_unit_test(every_width),
		cmocka_unit_test(basis),        cmocka_unit_test(color_only_adds),
		cmocka_unit_test(style_bounds), cmocka_unit_test(long_tables),
		cmocka_unit_test(endless_name), cmocka_unit_test(write_errors),
		cmocka_unit_test(formats),
	};

	return cmocka_run_group_tests_name("report/text", tests, NULL, NULL);
}
