/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase two as text: each finding with its evidence, low ones in one line each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/number.h"
#include "report/table.h"
#include "report/text.h"

#define INDENT 5
#define LABEL  11

static void put_where(struct page *page, const struct bottleneck *item)
{
	char *where = place_text(&item->where);

	if (*where)
		page_field(page, INDENT, LABEL, "where", "%s", where);
	free(where);
}

static void put_impact(struct page *page, const struct bottleneck *item)
{
	const struct impact *impact = &item->impact;
	struct number interval = share_interval(impact->low, impact->high);
	const char *basis = basis_text(impact);

	page_field(page, INDENT, LABEL, "impact", "%s%s%s%s%s%s · confidence %s",
		   isfinite(impact->share) ? share_format(impact->share).text : "not observed",
		   *interval.text ? " (" : "", interval.text, *interval.text ? ")" : "",
		   basis ? " of " : "", basis ? basis : "", confidence_name(item->confidence));
}

/* " (woken by postgres [17] in send_answer)" */
static void put_waker(FILE *out, const struct place *waker)
{
	char *name = place_name(waker);

	if (*name)
		fprintf(out, " (woken by %s%s%s)", name, waker->function ? " in " : "",
			waker->function ? waker->function : "");
	free(name);
}

/* "burner [4242] has the CPU → postgres [17] waits for a CPU": cause first, victim last. */
static void put_chain(struct page *page, const struct bottleneck *item)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out;

	if (!item->chain.len)
		return;
	out = open_memstream(&text, &length);
	if (!out)
		abort();
	vec_each(&item->chain, part) {
		char *name = place_name(&part->where);
		/* A finding's id is set off, words for what happens there are read on. */
		bool finding = part->id && strchr(part->id, '.') && !strchr(part->id, ' ');

		fprintf(out, "%s%s", part == item->chain.at ? "" : " → ", name);
		if (part->id && *part->id)
			fprintf(out, finding ? "%s(%s)" : "%s%s", *name ? " " : "", part->id);
		free(name);
		put_waker(out, &part->woken_by);
	}
	if (fclose(out))
		abort();
	page_field(page, INDENT, LABEL, "chain", "%s", text);
	free(text);
}

static void put_evidence(struct page *page, const struct bottleneck *item)
{
	static const struct column columns[] = {
		{.head = "evidence", .least = 20},
		{.head = "value", .right = true},
		{.head = "unit", .least = 6},
	};
	size_t shown = text_rows(page, item->evidence.len, TEXT_EVIDENCE);
	struct table table;

	if (!item->evidence.len)
		return;
	table_init(&table, page, columns, 3);
	for (size_t i = 0; i < shown; i++) {
		const struct evidence *fact = &item->evidence.at[i];
		struct scale scale = scale_choose(fact->value, fact->unit);

		table_cell(&table, PAINT_NONE, "%s", fact->what ? fact->what : "");
		table_number(&table, fact->value, &scale);
		table_cell(&table, PAINT_NONE, "%s", isfinite(fact->value) ? scale.unit : "");
	}
	table_print(&table, INDENT);
	text_more(page, INDENT, item->evidence.len, shown);
}

static void put_fix(struct page *page, const struct document *doc, const struct bottleneck *item)
{
	const struct step *step = NULL;
	struct number hours = hours_format(item->effort_hours);

	if (item->action && *item->action)
		page_field(page, INDENT, LABEL, "fix", "%s", item->action);
	vec_each(&doc->steps, each)
		if (!step && each->bottleneck == item->rank)
			step = each;
	if (step) {
		char *gain = prediction_text(&step->predicted);
		const char *method = step->predicted.method;
		bool known = isfinite(step->predicted.saved_share) && method && *method;

		page_field(page, INDENT, LABEL, "gain", "%s%s%s · effort %s%s%s", gain,
			   known ? ", by " : "", known ? method : "", effort_name(item->effort),
			   *hours.text ? ", " : "", hours.text);
		free(gain);
	}
}

static void put_finding(struct page *page, const struct document *doc,
			const struct bottleneck *item)
{
	const char *severity = severity_name(item->severity);

	fprintf(page->out, " %2u  ", item->rank);
	page_paint(page, paint_severity(item->severity), severity);
	fprintf(page->out, "  ");
	page_rest(page, INDENT + (unsigned int)strlen(severity) + 2, PAINT_NONE, "%s",
		  item->id ? item->id : "");
	page_prose(page, INDENT, PAINT_HEADING, "%s", item->title ? item->title : "");
	put_impact(page, item);
	put_where(page, item);
	put_chain(page, item);
	put_fix(page, doc, item);
	put_evidence(page, item);
}

/* `rows` are positions of findings. */
static void put_low(struct page *page, const struct document *doc, const uint32_t *rows,
		    size_t count)
{
	static const struct column columns[] = {
		{.head = "#", .right = true},
		{.head = "impact", .right = true},
		{.head = "finding", .least = 12, .drop = 1},
		{.head = "what", .least = 24},
	};
	struct table table;

	table_init(&table, page, columns, 4);
	for (size_t i = 0; i < count; i++) {
		const struct bottleneck *item = &doc->bottlenecks.at[rows[i]];

		table_cell(&table, PAINT_NONE, "%2u", item->rank);
		table_cell(&table, PAINT_NONE, "%s", share_format(item->impact.share).text);
		table_cell(&table, PAINT_NONE, "%s", item->id ? item->id : "");
		table_cell(&table, PAINT_NONE, "%s", item->title ? item->title : "");
	}
	page_prose(page, 1, PAINT_LOW, "low: noted, not worth doing first");
	table_print(&table, 1);
}

void text_bottlenecks(struct page *page, const struct document *doc)
{
	VEC(uint32_t) low = {};
	size_t shown = 0, total = doc->bottlenecks.len;
	size_t limit = text_rows(page, total, TEXT_FINDINGS);

	page_heading(page, "2 Bottlenecks", "what is in the way");
	if (!total)
		page_prose(page, 1, PAINT_NONE, "Nothing found that holds the target back.");
	vec_each(&doc->bottlenecks, item) {
		if (shown == limit)
			break;
		shown++;
		if (item->severity == SEVERITY_LOW && !page->style.verbose) {
			vec_push(&low, (uint32_t)(item - doc->bottlenecks.at));
			continue;
		}
		if (shown > 1)
			fputc('\n', page->out);
		put_finding(page, doc, item);
	}
	if (low.len) {
		if (low.len < shown)
			fputc('\n', page->out);
		put_low(page, doc, low.at, low.len);
	}
	text_more(page, 1, total, shown);
	vec_free(&low);
}
