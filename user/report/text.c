/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report for people. First the answer: what was watched, the verdict, the three worst
 * bottlenecks with what fixing them buys. Then the five phases with their details, and last what
 * could not be seen.
 */
#include "report/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/number.h"
#include "util/escape.h"
#include "util/output.h"

#define ANSWERS 3

size_t text_rows(const struct page *page, size_t rows, size_t limit)
{
	/* Not worth cutting for one row: the line that says so is as long. */
	return page->style.verbose || rows <= limit + 1 ? rows : limit;
}

void text_more(struct page *page, unsigned int indent, size_t rows, size_t shown)
{
	if (rows > shown)
		page_prose(page, indent, PAINT_NONE, "… %zu more: -v shows all", rows - shown);
}

char *prediction_text(const struct prediction *prediction)
{
	struct number speedup = speedup_format(prediction->speedup);
	struct number interval = share_interval(prediction->low, prediction->high);
	const char *metric = prediction->metric;
	char *text;
	int length;

	if (!isfinite(prediction->saved_share)) {
		length = asprintf(&text, "not predicted");
	} else {
		length = asprintf(&text, "saves %s%s%s%s%s%s%s%s%s",
				  share_format(prediction->saved_share).text,
				  *interval.text ? " (" : "", interval.text,
				  *interval.text ? ")" : "", metric && *metric ? " of " : "",
				  metric ? metric : "", *speedup.text ? ", " : "", speedup.text,
				  *speedup.text ? " as fast" : "");
	}
	if (length < 0)
		abort();
	return text;
}

const char *basis_text(const struct impact *impact)
{
	const char *basis = impact->basis;

	if (!basis || !*basis)
		return NULL;
	return strncmp(basis, "of ", 3) == 0 ? basis + 3 : basis;
}

/* "db1 · whole host · 10.0 s · 2 CPUs, 7.75 GiB · Linux 6.1.0" */
static void put_watched(struct page *page, const struct document *doc)
{
	const char *kind = doc->target_kind ? doc->target_kind : "host";
	bool host = !strcmp(kind, "host");
	struct number memory = number_with_unit((double)doc->memory_bytes, "bytes");
	char *cpus = NULL;

	if (asprintf(&cpus, "%u CPU%s%s%s", doc->cpus, doc->cpus == 1 ? "" : "s",
		     doc->memory_bytes ? ", " : "", doc->memory_bytes ? memory.text : "") < 0)
		abort();
	page_prose(page, 0, PAINT_NONE, "%s · %s%s%s · %s · %s%s%s",
		   doc->host && *doc->host ? doc->host : "unknown host", host ? "whole host" : kind,
		   host ? "" : " ", host || !doc->target_name ? "" : doc->target_name,
		   number_with_unit(doc->seconds, "s").text, doc->cpus ? cpus : "unknown CPUs",
		   doc->kernel && *doc->kernel ? " · Linux " : "", doc->kernel ? doc->kernel : "");
	free(cpus);
}

static const struct step *step_of(const struct document *doc, uint32_t rank)
{
	vec_each(&doc->steps, step)
		if (step->bottleneck == rank)
			return step;
	return NULL;
}

/* The basis that all findings share, NULL if they do not. */
static const char *basis_common(const struct document *doc)
{
	const char *first = NULL;

	vec_each(&doc->bottlenecks, item) {
		const char *basis = basis_text(&item->impact);

		if (!basis || (first && strcmp(basis, first) != 0))
			return NULL;
		first = basis;
	}
	return first;
}

/* "47 % (41–52)" */
static char *impact_short(const struct page *page, const struct impact *impact)
{
	struct number interval = share_interval(impact->low, impact->high);
	char *end = strstr(interval.text, " %"), *text, *escaped;

	if (end)
		*end = '\0';
	if (asprintf(&text, *interval.text ? "%s (%s)" : "%s", share_format(impact->share).text,
		     interval.text) < 0)
		abort();
	escaped = page_escape(page, text);
	free(text);
	return escaped;
}

/* One finding in a few lines. The text has a column of its own unless the page is narrow. */
static void put_answer(struct page *page, const struct document *doc, const struct bottleneck *item)
{
	bool narrow = page->style.width < 80;
	unsigned int indent = narrow ? 5 : 29;
	const struct step *step = step_of(doc, item->rank);
	const char *severity = severity_name(item->severity);
	char *impact = impact_short(page, &item->impact);
	size_t used = text_columns(impact);

	fprintf(page->out, " %2u ", item->rank);
	page_paint(page, paint_severity(item->severity), severity);
	fprintf(page->out, "%*s%s", 10 - (int)strlen(severity), "", impact);
	free(impact);
	if (narrow || used > 14)
		fprintf(page->out, "\n%*s", (int)indent, "");
	else
		fprintf(page->out, "%*s", 15 - (int)used, "");
	page_rest(page, indent, PAINT_NONE, "%s", item->title ? item->title : item->id);
	if (step) {
		char *gain = prediction_text(&step->predicted);

		page_field(page, indent, 6, "fix", "%s", step->action ? step->action : "");
		page_field(page, indent, 6, "gain", "%s · %s, %s", gain,
			   effort_name(step->category), hours_format(step->effort_hours).text);
		free(gain);
	}
}

/* What was watched, the verdict, and the worst of what is in the way. */
static void text_answer(struct page *page, const struct document *doc)
{
	const char *basis = basis_common(doc);
	size_t shown = 0, above_low = 0;

	put_watched(page, doc);
	fputc('\n', page->out);
	page_prose(page, 0, PAINT_HEADING, "%s",
		   doc->verdict && *doc->verdict ? doc->verdict : "No verdict.");
	if (doc->cut)
		page_prose(page, 0, PAINT_HIGH,
			   "The recording is incomplete: it was cut off before "
			   "its end. What it holds is shown.");
	vec_each(&doc->bottlenecks, item)
		above_low += item->severity > SEVERITY_LOW;
	if (!above_low)
		return;
	fputc('\n', page->out);
	vec_each(&doc->bottlenecks, item) {
		if (shown == ANSWERS || item->severity == SEVERITY_LOW)
			continue;
		put_answer(page, doc, item);
		shown++;
	}
	if (above_low > shown)
		page_prose(page, 5, PAINT_NONE, "… and %zu more below", above_low - shown);
	if (basis)
		page_prose(page, 5, PAINT_NONE, "Impact is the share of %s, with its interval.",
			   basis);
}

static struct text_style style_bound(const struct text_style *style)
{
	struct text_style bound = style ? *style : (struct text_style){};

	if (!bound.width)
		bound.width = TEXT_WIDTH_DEFAULT;
	if (bound.width < TEXT_WIDTH_MIN)
		bound.width = TEXT_WIDTH_MIN;
	if (bound.width > TEXT_WIDTH_MAX)
		bound.width = TEXT_WIDTH_MAX;
	return bound;
}

int report_text(const struct document *doc, FILE *out, const struct text_style *style)
{
	struct page page = {.style = style_bound(style)};
	size_t length = 0;
	char *text = NULL;
	int result;

	page.out = open_memstream(&text, &length);
	if (!page.out)
		return -ENOMEM;
	text_answer(&page, doc);
	text_baseline(&page, doc);
	text_memory_growth(&page, doc);
	text_bottlenecks(&page, doc);
	text_profile(&page, doc);
	text_wakeups(&page, doc);
	text_strategy(&page, doc);
	text_monitor(&page, doc);
	text_coverage(&page, doc);
	result = fclose(page.out) ? -ENOMEM : output_write(out, text, length);
	free(text);
	return result;
}
