/* SPDX-License-Identifier: BSD-2-Clause */
/* Phases three to five as text: profile, strategy, monitor. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/recording.h"
#include "report/number.h"
#include "report/table.h"
#include "report/text.h"

/* Without its folders; "" for NULL. */
static const char *path_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (!path)
		return "";
	return slash && slash[1] ? slash + 1 : path;
}

/* Without its folders, unless all details are asked for. */
static const char *path_shown(const struct table *table, const char *path)
{
	return table->page->style.verbose && path ? path : path_name(path);
}

/* "spin.c:12", empty when unknown. */
static void source_cell(struct table *table, const struct hotspot *spot)
{
	const char *file = path_shown(table, spot->file);

	if (*file && spot->line)
		table_cell(table, PAINT_NONE, "%s:%u", file, spot->line);
	else
		table_cell(table, PAINT_NONE, "%s", file);
}

static void hotspot_row(struct table *table, const struct hotspot *spot)
{
	struct number weight =
		number_with_unit(spot->self_weight, spot->self_unit ? spot->self_unit : "s");
	bool named = spot->function && *spot->function;
	char *begin = spot->begin && spot->module ? code_name(spot->module, spot->begin) : NULL;
	const char *module = path_shown(table, spot->module);

	table_cell(table, PAINT_NONE, "%u", spot->rank);
	table_cell(table, PAINT_NONE, "%s", spot->kind ? spot->kind : "");
	table_cell(table, PAINT_NONE, "%s", share_format(spot->self_share).text);
	table_cell(table, PAINT_NONE, "%s", share_interval(spot->self_low, spot->self_high).text);
	table_cell(table, PAINT_NONE, "%s", share_format(spot->total_share).text);
	table_cell(table, PAINT_NONE, "%s",
		   isfinite(spot->self_weight) ? weight.text : NOT_OBSERVED);
	table_cell(table, PAINT_NONE, "%s", share_format(spot->impact).text);
	table_cell(table, paint_severity(spot->severity), "%s", severity_name(spot->severity));
	table_cell(table, PAINT_NONE, "%s", spot->process ? spot->process : "");
	table_cell(table, PAINT_NONE, "%s", spot->container ? spot->container : "");
	if (named)
		table_cell(table, PAINT_NONE, "%s", spot->function);
	else if (begin)
		table_cell(table, PAINT_NONE, "%s", begin);
	else
		table_cell(table, PAINT_NONE, "[no name%s%s]", *module ? " in " : "",
			   path_name(spot->module));
	table_cell(table, PAINT_NONE, "%s", module);
	source_cell(table, spot);
	free(begin);
}

void text_profile(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "#", .right = true},
		{.head = "kind", .least = 7},
		{.head = "self", .right = true},
		{.head = "interval", .right = true, .drop = 8},
		{.head = "total", .right = true, .drop = 4},
		{.head = "weight", .right = true, .drop = 7},
		{.head = "impact", .right = true, .drop = 1},
		{.head = "severity", .drop = 6},
		{.head = "process", .least = 8},
		{.head = "container", .least = 12, .keep = FIT_END},
		{.head = "function", .least = 22},
		{.head = "module", .least = 12, .drop = 5, .keep = FIT_END},
		{.head = "source", .least = 12, .drop = 2, .keep = FIT_END},
	};
	size_t shown = text_rows(page, doc->hotspots.len, TEXT_HOTSPOTS);
	struct table table;

	page_heading(page, "3 Profile", "where exactly; self and total are shares of the kind");
	if (!doc->hotspots.len) {
		page_prose(page, 1, PAINT_NONE, "%s",
			   doc->coverage.cpu_samples ? "No code stands out."
						     : "No samples were taken.");
		return;
	}
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown; i++)
		hotspot_row(&table, &doc->hotspots.at[i]);
	table_print(&table, 1);
	text_more(page, 1, doc->hotspots.len, shown);
}

void text_strategy(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "step", .right = true},
		{.head = "for", .right = true, .drop = 2},
		{.head = "category"},
		{.head = "effort", .right = true},
		{.head = "saves", .right = true},
		{.head = "interval", .right = true, .drop = 3},
		{.head = "as fast", .right = true, .drop = 1},
		{.head = "what to do", .least = 36, .wrap = true},
	};
	struct table table;

	page_heading(page, "4 Strategy",
		     "what to do first; each saves a share of the time it names");
	if (!doc->steps.len) {
		page_prose(page, 1, PAINT_NONE, "Nothing to do: no finding calls for a step.");
		return;
	}
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	vec_each(&doc->steps, step) {
		const struct prediction *gain = &step->predicted;
		const char *metric = isfinite(gain->saved_share) ? gain->metric : NULL;

		table_cell(&table, PAINT_NONE, "%u", step->order);
		table_cell(&table, PAINT_NONE, "#%u", step->bottleneck);
		table_cell(&table, PAINT_NONE, "%s", effort_name(step->category));
		table_cell(&table, PAINT_NONE, "%s", hours_format(step->effort_hours).text);
		table.unobserved |= !isfinite(gain->saved_share);
		table_cell(&table, PAINT_NONE, "%s", share_format(gain->saved_share).text);
		table_cell(&table, PAINT_NONE, "%s", share_interval(gain->low, gain->high).text);
		table_cell(&table, PAINT_NONE, "%s", speedup_format(gain->speedup).text);
		table_cell(&table, PAINT_NONE, metric && *metric ? "%s (Saves %s.)" : "%s",
			   step->action ? step->action : "", metric);
	}
	table_print(&table, 1);
	if (isfinite(doc->total.saved_share)) {
		char *total = prediction_text(&doc->total);
		const char *method = doc->total.method;

		page_prose(page, 1, PAINT_HEADING, "All steps together: %s%s%s.", total,
			   method && *method ? ", by " : "", method ? method : "");
		free(total);
	}
}

/* As it was set: "0.1", "1,000". */
static struct number limit_format(double value)
{
	struct number number;

	if (value >= 0 && value < 1e15 && value == floor(value))
		return count_format((uint64_t)value);
	snprintf(number.text, sizeof(number.text), "%.6g", value);
	return number;
}

void text_monitor(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "metric", .least = 20},
		{.head = "now", .right = true},
		{.head = "unit", .least = 6},
		{.head = "alert when", .least = 14},
		{.head = "state"},
		{.head = "from", .least = 7, .drop = 1},
	};
	struct table table;

	page_heading(page, "5 Monitor", "does it stay that way: strait monitor watches these");
	if (!doc->thresholds.len) {
		page_prose(page, 1, PAINT_NONE, "No thresholds are set.");
		return;
	}
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	vec_each(&doc->thresholds, limit) {
		bool seen = isfinite(limit->current);
		/* One scale for both, that of the threshold. */
		struct scale scale = scale_choose(limit->threshold, limit->unit);

		table_cell(&table, PAINT_NONE, "%s", limit->name ? limit->name : "");
		table_cell(&table, PAINT_NONE, "%s", number_format(limit->current, &scale).text);
		table_cell(&table, PAINT_NONE, "%s", scale.unit);
		table_cell(&table, PAINT_NONE, "%s %s", limit->comparison ? limit->comparison : "",
			   limit_format(limit->threshold * scale.factor).text);
		table_cell(&table, seen && limit->exceeded ? PAINT_HIGH : PAINT_NONE, "%s",
			   !seen             ? "not observed"
			   : limit->exceeded ? "EXCEEDED"
					     : "ok");
		table_cell(&table, PAINT_NONE, "%s", limit->from ? limit->from : "");
	}
	table_print(&table, 1);
}
