/* SPDX-License-Identifier: BSD-2-Clause */
/* Baselines for people and as JSON. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/baseline.h"
#include "cli/cli.h"
#include "model/metrics.h"
#include "report/fields.h"
#include "report/table.h"
#include "report/text.h"
#include "util/escape.h"
#include "util/output.h"

#define DATE_TEXT 40
/* Rows that a reader takes in at once; -v shows all. */
#define ROWS 40

/* ---- JSON ---- */

static void date_format(uint64_t unix_ns, char out[DATE_TEXT], const char *format)
{
	time_t seconds = (time_t)(unix_ns / 1000000000ull);
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) || !strftime(out, DATE_TEXT, format, &utc))
		snprintf(out, DATE_TEXT, "?");
}

static json_t *head_json(const struct baseline *baseline)
{
	json_t *object = json_object();
	char date[DATE_TEXT];

	date_format(baseline->start_unix_ns, date, "%Y-%m-%dT%H:%M:%SZ");
	field_text(object, "name", baseline->name);
	field_text(object, "start", date);
	field_text(object, "host", baseline->host);
	field_text(object, "kernel", baseline->kernel);
	field_text(object, "arch", baseline->arch);
	field_count(object, "cpus", baseline->cpus);
	field_count(object, "memory_bytes", baseline->memory_bytes);
	field_text(object, "target_kind", baseline->target_kind);
	field_text(object, "target_name", baseline->target_name);
	field_real(object, "seconds", baseline->seconds);
	field_count(object, "slices", baseline->slices);
	field_count(object, "warmup_slices", baseline->warmup_slices);
	return object;
}

/* As the coverage of a report has it. Text stays the baseline's. */
static struct document *losses_document(const struct baseline *baseline)
{
	struct document *doc = document_new();

	vec_each(&baseline->losses, loss) {
		*(loss->sample ? &doc->coverage.lost_samples : &doc->coverage.lost_events) +=
			loss->count;
		vec_push(&doc->coverage.lost, (struct counted){loss->what, loss->count});
	}
	return doc;
}

static json_t *whole_json(const struct baseline *baseline)
{
	static const char *const unknown[] = {"lost_events", "lost_samples", "lost"};
	json_t *object = head_json(baseline);
	struct document *doc;

	if (!baseline->losses_known) {
		for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
			field_put(object, unknown[i], json_null());
		return object;
	}
	doc = losses_document(baseline);
	fields_lost(object, doc);
	document_free(doc);
	return object;
}

static json_t *document_json(void)
{
	json_t *object = json_object(), *strait = json_object();

	field_text(strait, "version", STRAIT_VERSION);
	field_count(strait, "schema", 1);
	field_put(object, "strait", strait);
	return object;
}

/* Writes and frees it; the exit status. */
static int print_json(json_t *object)
{
	return cli_written(fields_write(object, stdout));
}

static json_t *summary_json(const struct baseline_summary *summary)
{
	const struct metric_kind *kind = metric_find(summary->metric);
	json_t *object = json_object();

	field_text(object, "metric", summary->metric);
	field_text(object, "label", summary->label);
	field_text(object, "unit", kind ? kind->unit : "");
	fields_spread(object, &summary->spread);
	return object;
}

static json_t *change_json(const struct change *change)
{
	json_t *object = json_object();

	field_text(object, "metric", change->metric);
	field_text(object, "label", change->label);
	field_text(object, "statistic", change->statistic);
	field_text(object, "unit", change->unit);
	field_real(object, "before", change->before);
	field_real(object, "after", change->after);
	field_real(object, "shift", change->shift);
	field_real(object, "low", change->interval.low);
	field_real(object, "high", change->interval.high);
	field_real(object, "p", change->p);
	field_real(object, "noise", change->noise);
	field_count(object, "slices_before", change->slices_before);
	field_count(object, "slices_after", change->slices_after);
	field_text(object, "verdict", change_verdict_name(change->verdict));
	return object;
}

/* ---- text ---- */

struct text {
	struct page page;
	char *bytes;
	size_t length;
};

static void text_open(struct text *text, const struct show_options *show)
{
	*text = (struct text){.page.style = show_style(show->color, show->verbose)};
	if (text->page.style.width > TEXT_WIDTH_MAX)
		text->page.style.width = TEXT_WIDTH_MAX;
	else if (!text->page.style.width)
		text->page.style.width = TEXT_WIDTH_DEFAULT;
	else if (text->page.style.width < TEXT_WIDTH_MIN)
		text->page.style.width = TEXT_WIDTH_MIN;
	text->page.out = open_memstream(&text->bytes, &text->length);
	if (!text->page.out)
		abort();
}

static int text_print(struct text *text)
{
	int err =
		fclose(text->page.out) ? -ENOMEM : output_write(stdout, text->bytes, text->length);

	free(text->bytes);
	return cli_written(err);
}

/* "monday: web-1, whole host, 58 slices in 60.0 s from 2026-11-22 11:40 UTC" */
static void put_head(struct page *page, const char *what, const struct baseline *baseline)
{
	bool host = !strcmp(baseline->target_kind, "host");
	char date[DATE_TEXT];

	date_format(baseline->start_unix_ns, date, "%Y-%m-%d %H:%M:%S UTC");
	page_prose(page, 0, PAINT_NONE, "%s%s: %s, %s%s%s, %u slices in %.1f s from %s", what,
		   baseline->name, *baseline->host ? baseline->host : "unknown host",
		   host ? "whole host" : baseline->target_kind, host ? "" : " ",
		   host ? "" : baseline->target_name, baseline->slices, baseline->seconds, date);
}

static void put_lost(struct page *page, const char *name, const struct baseline *baseline)
{
	unsigned int width = (unsigned int)strlen(name) + 2;
	struct document *doc;

	if (!baseline->losses_known) {
		page_field(page, 0, width, name, "not known: a strait kept it that did not say");
		return;
	}
	doc = losses_document(baseline);
	text_lost(page, 0, width, name, doc);
	document_free(doc);
}

static int show_text(const struct baseline *baseline, const struct show_options *show)
{
	struct document *doc = document_new();
	struct text text;
	int status;

	text_open(&text, show);
	put_head(&text.page, "", baseline);
	put_lost(&text.page, "lost", baseline);
	doc->slices = baseline->slices + baseline->warmup_slices;
	doc->warmup_slices = baseline->warmup_slices;
	vec_each(&baseline->summaries, summary) {
		const struct metric_kind *kind = metric_find(summary->metric);

		vec_push(&doc->metrics, (struct metric){
						.name = summary->metric,
						.unit = kind ? kind->unit : "",
						.label = *summary->label ? summary->label : NULL,
						.what = kind ? kind->what : "",
						.spread = summary->spread,
					});
	}
	text_baseline(&text.page, doc);
	status = text_print(&text);
	document_free(doc);
	return status;
}

int baseline_show(const struct baseline *baseline, const struct show_options *show)
{
	json_t *object, *metrics;

	if (!show_is_for_programs(show))
		return show_text(baseline, show);
	object = document_json();
	metrics = json_array();
	field_put(object, "baseline", whole_json(baseline));
	vec_each(&baseline->summaries, summary)
		row_append(metrics, summary_json(summary));
	field_put(object, "metrics", metrics);
	return print_json(object);
}

/* ---- list ---- */

static int list_json(void *context, const struct baseline *baseline)
{
	return json_array_append_new(context, head_json(baseline)) ? -ENOMEM : 0;
}

static int list_row(void *context, const struct baseline *baseline)
{
	struct table *table = context;
	bool host = !strcmp(baseline->target_kind, "host");
	char date[DATE_TEXT];

	date_format(baseline->start_unix_ns, date, "%Y-%m-%d %H:%M UTC");
	table_cell(table, PAINT_NONE, "%s", baseline->name);
	table_cell(table, PAINT_NONE, "%s", date);
	table_cell(table, PAINT_NONE, "%s", baseline->host);
	table_cell(table, PAINT_NONE, "%s%s%s", host ? "whole host" : baseline->target_kind,
		   host ? "" : " ", host ? "" : baseline->target_name);
	table_cell(table, PAINT_NONE, "%.1f", baseline->seconds);
	table_cell(table, PAINT_NONE, "%u", baseline->slices);
	return 0;
}

int baseline_show_list(struct baselines *store, const char *path, const struct show_options *show)
{
	static const struct column columns[] = {
		{.head = "name"},
		{.head = "began"},
		{.head = "host", .least = 8, .drop = 1},
		{.head = "what", .least = 10},
		{.head = "seconds", .right = true},
		{.head = "slices", .right = true, .drop = 2},
	};
	json_t *object, *list;
	struct error error;
	struct table table;
	struct text text;
	int err = 0;

	if (show_is_for_programs(show)) {
		object = document_json();
		list = json_array();
		if (store)
			err = baselines_each(store, list_json, list, &error);
		field_put(object, "baselines", list);
		if (!err)
			return print_json(object);
		json_decref(object);
		return cli_failed(err, &error);
	}
	text_open(&text, show);
	table_init(&table, &text.page, columns, sizeof(columns) / sizeof(columns[0]));
	if (store)
		err = baselines_each(store, list_row, &table, &error);
	if (table.cells.len)
		table_print(&table, 0);
	else if (!err)
		page_prose(&text.page, 0, PAINT_NONE,
			   "No baseline is kept in %s yet: 'strait baseline save NAME' keeps one.",
			   path);
	if (err) {
		cli_error(&error);
		text_print(&text);
		return EXIT_FAILED;
	}
	return text_print(&text);
}

/* ---- comparison ---- */

static enum paint verdict_paint(enum change_verdict verdict)
{
	return verdict == CHANGE_WORSE ? PAINT_HIGH : PAINT_NONE;
}

static void signed_cell(struct table *table, double value, const struct scale *scale)
{
	if (value > 0)
		table_cell(table, PAINT_NONE, "+%s", number_format(value, scale).text);
	else
		table_number(table, value, scale);
}

static void change_row(struct table *table, const struct change *change)
{
	struct scale scale =
		scale_choose(fmax(fabs(change->before), fabs(change->after)), change->unit);
	bool labelled = *change->label, part = *change->statistic;

	if (!strcmp(change->unit, "ms"))
		scale = (struct scale){.factor = 1, .measured = true, .unit = "ms"};
	scale.measured = true;
	table_cell(table, PAINT_NONE, "%s%s%s%s%s", change->metric, part ? " " : "",
		   change->statistic, labelled ? " " : "", change->label);
	table_cell(table, PAINT_NONE, "%s", scale.unit);
	table_number(table, change->before, &scale);
	table_number(table, change->after, &scale);
	signed_cell(table, change->shift, &scale);
	if (isfinite(change->interval.low))
		table_cell(table, PAINT_NONE, "%s … %s",
			   number_format(change->interval.low, &scale).text,
			   number_format(change->interval.high, &scale).text);
	else
		table_cell(table, PAINT_NONE, "%s", "");
	table_cell(table, verdict_paint(change->verdict), "%s",
		   change_verdict_name(change->verdict));
}

static void put_changes(struct page *page, const struct comparison *comparison)
{
	static const struct column columns[] = {
		{.head = "metric", .least = 20},
		{.head = "unit", .least = 4},
		{.head = "before", .right = true},
		{.head = "after", .right = true},
		{.head = "shift", .right = true},
		{.head = "95 % interval", .right = true, .drop = 1},
		{.head = "verdict"},
	};
	static const enum change_verdict order[] = {
		CHANGE_WORSE,
		CHANGE_BETTER,
		CHANGE_OTHER,
		CHANGE_NONE,
		CHANGE_UNOBSERVED_BEFORE,
		CHANGE_UNOBSERVED_AFTER,
		CHANGE_TOO_FEW,
	};
	const size_t *verdicts = comparison->verdicts;
	size_t changed = verdicts[CHANGE_WORSE] + verdicts[CHANGE_BETTER] + verdicts[CHANGE_OTHER];
	size_t limit = page->style.verbose ? SIZE_MAX : ROWS, shown = 0;
	struct table table;

	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!page->style.verbose && i > 2)
			break;
		vec_each(&comparison->changes, change)
			if (change->verdict == order[i] && shown < limit) {
				change_row(&table, change);
				shown++;
			}
	}
	if (shown) {
		fputc('\n', page->out);
		table_print(&table, 1);
	}
	if (!page->style.verbose)
		text_more(page, 1, changed, shown);
}

/* What makes the two sides hard to compare. */
static void put_differences(struct page *page, const struct baseline *before,
			    const struct baseline *after)
{
	if (strcmp(before->host, after->host) != 0)
		page_prose(page, 0, PAINT_MEDIUM, "Not the same host: %s, then %s.", before->host,
			   after->host);
	if (before->cpus != after->cpus)
		page_prose(page, 0, PAINT_MEDIUM, "Not the same number of CPUs: %u, then %u.",
			   before->cpus, after->cpus);
	if (strcmp(before->kernel, after->kernel) != 0)
		page_prose(page, 0, PAINT_MEDIUM, "Not the same kernel: %s, then %s.",
			   before->kernel, after->kernel);
	if (strcmp(before->target_kind, after->target_kind) != 0)
		page_prose(page, 0, PAINT_MEDIUM, "Not the same target: %s, then %s.",
			   before->target_kind, after->target_kind);
}

/* The answer in a sentence or two. */
static void put_answer(struct page *page, const struct comparison *comparison)
{
	const size_t *verdicts = comparison->verdicts;
	size_t unobserved = verdicts[CHANGE_UNOBSERVED_BEFORE] + verdicts[CHANGE_UNOBSERVED_AFTER];
	size_t compared = comparison->changes.len - unobserved - verdicts[CHANGE_TOO_FEW];

	if (!compared)
		page_prose(page, 0, PAINT_HEADING,
			   "Not enough slices to compare anything: each side needs %d with the "
			   "warm-up left out. Watch longer (-d 60).",
			   COMPARE_SLICES);
	else if (compared == verdicts[CHANGE_NONE])
		page_prose(page, 0, PAINT_HEADING, "No change: %zu series compared.", compared);
	else
		page_prose(page, 0, PAINT_HEADING,
			   "%zu worse, %zu better, %zu changed without being either; no change in "
			   "%zu of %zu series.",
			   verdicts[CHANGE_WORSE], verdicts[CHANGE_BETTER], verdicts[CHANGE_OTHER],
			   verdicts[CHANGE_NONE], compared);
	if (compared && verdicts[CHANGE_TOO_FEW])
		page_prose(page, 0, PAINT_NONE,
			   "%zu more have fewer than %d slices on a side: not enough to compare.",
			   verdicts[CHANGE_TOO_FEW], COMPARE_SLICES);
	if (unobserved)
		page_prose(page, 0, PAINT_NONE, "%zu more were observed on one side only%s.",
			   unobserved, page->style.verbose ? "" : ": -v shows them");
}

int baseline_show_comparison(const struct baseline *before, const struct baseline *after,
			     const struct comparison *comparison, const struct show_options *show)
{
	struct text text;
	json_t *object, *changes;

	if (show_is_for_programs(show)) {
		object = document_json();
		changes = json_array();
		field_put(object, "before", whole_json(before));
		field_put(object, "after", whole_json(after));
		field_count(object, "worse", comparison->verdicts[CHANGE_WORSE]);
		field_count(object, "better", comparison->verdicts[CHANGE_BETTER]);
		field_count(object, "changed", comparison->verdicts[CHANGE_OTHER]);
		vec_each(&comparison->changes, change)
			row_append(changes, change_json(change));
		field_put(object, "changes", changes);
		return print_json(object);
	}
	text_open(&text, show);
	put_answer(&text.page, comparison);
	put_head(&text.page, "before: ", before);
	put_head(&text.page, "after: ", after);
	put_lost(&text.page, "lost before", before);
	put_lost(&text.page, "lost after", after);
	put_differences(&text.page, before, after);
	put_changes(&text.page, comparison);
	return text_print(&text);
}
