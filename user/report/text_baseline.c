/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase one as text: the host's metrics, and the servers found on it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/number.h"
#include "report/table.h"
#include "report/text.h"

static void spread_cell(struct table *table, const struct spread *spread, double value,
			const struct scale *scale)
{
	table_number(table, spread->count ? value : NAN, scale);
}

/*
 * All figures of a row in one unit, that which suits its 95th percentile, and with decimals unless
 * every one of them is whole.
 */
static void spread_row(struct table *table, const struct spread *spread, const char *unit)
{
	const double values[] = {spread->avg, spread->min, spread->p50,
				 spread->p95, spread->p99, spread->max};
	struct scale scale = scale_choose(spread->p95 != 0 ? spread->p95 : spread->max, unit);

	/* "runqueue_ms" in µs would read wrong. */
	if (unit && !strcmp(unit, "ms"))
		scale = (struct scale){.factor = 1, .unit = "ms"};
	for (size_t i = 0; i < 6; i++)
		scale.measured |= values[i] != floor(values[i]);
	table_cell(table, PAINT_NONE, "%s", scale.unit);
	for (size_t i = 0; i < 6; i++)
		spread_cell(table, spread, values[i], &scale);
}

static void metric_row(struct table *table, const struct metric *metric)
{
	bool labelled = metric->label && *metric->label;

	table_cell(table, PAINT_NONE, "%s%s%s", metric->name ? metric->name : "",
		   labelled ? " " : "", labelled ? metric->label : "");
	spread_row(table, &metric->spread, metric->unit);
	table_cell(table, PAINT_NONE, "%s", metric->what ? metric->what : "");
}

static bool metric_moved(const struct metric *metric)
{
	return metric->spread.count && (metric->spread.max != 0 || metric->spread.min != 0);
}

/* The names of metrics that were not observed, each once. */
static void put_unobserved(struct page *page, const struct document *doc)
{
	const char *last = "";
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		abort();
	vec_each(&doc->metrics, metric) {
		if (metric->spread.count || !metric->name || !strcmp(metric->name, last))
			continue;
		fprintf(out, "%s%s", *last ? ", " : "", metric->name);
		last = metric->name;
	}
	if (fclose(out))
		abort();
	if (*last)
		page_prose(page, 1, PAINT_NONE, "Not observed: %s.", text);
	free(text);
}

/*
 * A metric that was 0 all the time is counted, one that was not observed is named: both would only
 * hide what happened among their rows. All rows are shown when asked for.
 */
static void put_metrics(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "metric", .least = 18},
		{.head = "unit", .least = 6},
		{.head = "avg", .right = true},
		{.head = "min", .right = true, .drop = 4},
		{.head = "p50", .right = true, .drop = 2},
		{.head = "p95", .right = true},
		{.head = "p99", .right = true, .drop = 3},
		{.head = "max", .right = true, .drop = 1},
		{.head = "what", .least = 24, .drop = 5},
	};
	size_t moved = 0, still = 0, shown = 0, limit;
	struct table table;

	vec_each(&doc->metrics, metric) {
		moved += metric_moved(metric);
		still += metric->spread.count && !metric_moved(metric);
	}
	limit = text_rows(page, moved, TEXT_METRICS);
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	vec_each(&doc->metrics, metric) {
		if (!page->style.verbose && (!metric_moved(metric) || shown == limit))
			continue;
		metric_row(&table, metric);
		shown++;
	}
	table_print(&table, 1);
	if (page->style.verbose)
		return;
	text_more(page, 1, moved, shown);
	if (still)
		page_prose(page, 1, PAINT_NONE, "%zu metrics were 0 all the time: -v shows them.",
			   still);
	put_unobserved(page, doc);
}

static void service_row(struct table *table, const struct service *service, bool delivered)
{
	const struct spread *response = &service->response_ms;
	const char *process = service->process && *service->process ? service->process : "?";
	static const struct scale ms = {.factor = 1, .measured = true}, each = {.factor = 1};

	if (service->pid)
		table_cell(table, PAINT_NONE, "%s [%u]", process, service->pid);
	else
		table_cell(table, PAINT_NONE, "%s", process);
	table_cell(table, PAINT_NONE, "%s", service->container ? service->container : "");
	table_cell(table, PAINT_NONE, "%s", service->address ? service->address : "");
	table_cell(table, PAINT_NONE, "%s", service->protocol ? service->protocol : "");
	table_number(table, service->throughput_per_s, &each);
	spread_cell(table, response, response->p50, &ms);
	spread_cell(table, response, response->p95, &ms);
	spread_cell(table, response, response->p99, &ms);
	if (delivered)
		spread_cell(table, &service->delivered_ms, service->delivered_ms.p95, &ms);
	else
		table_cell(table, PAINT_NONE, "%s", "");
	table_number(table, service->error_percent, &ms);
}

static void put_services(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "server", .least = 16},
		{.head = "container", .least = 12, .keep = FIT_END},
		{.head = "address", .least = 14, .drop = 4, .keep = FIT_END},
		{.head = "protocol", .least = 4, .drop = 6},
		{.head = "req/s", .right = true},
		{.head = "p50 ms", .right = true, .drop = 1},
		{.head = "p95 ms", .right = true},
		{.head = "p99 ms", .right = true, .drop = 2},
		{.head = "delivered p95 ms", .right = true, .drop = 3},
		{.head = "errors %", .right = true},
	};
	size_t shown = text_rows(page, doc->services.len, TEXT_SERVICES);
	bool delivered = false;
	struct table table;

	vec_each(&doc->services, service)
		delivered |= service->delivered_ms.count > 0;
	fputc('\n', page->out);
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown; i++)
		service_row(&table, &doc->services.at[i], delivered);
	table_print(&table, 1);
	text_more(page, 1, doc->services.len, shown);
	for (size_t i = 0; i < shown; i++) {
		const struct service *service = &doc->services.at[i];

		if (service->coverage && *service->coverage)
			page_prose(page, 1, PAINT_NONE, "%s: %s",
				   service->process ? service->process : "?", service->coverage);
	}
}

void text_baseline(struct page *page, const struct document *doc)
{
	uint32_t warmup = doc->warmup_slices;
	uint32_t slices = doc->slices > warmup ? doc->slices - warmup : 0;
	char *what;
	int made;

	if (warmup)
		made = asprintf(&what, "what is normal here; %u slices after %u of warm-up", slices,
				warmup);
	else
		made = asprintf(&what, "what is normal here; %u slices", slices);
	if (made < 0)
		abort();
	page_heading(page, "1 Baseline", what);
	free(what);
	if (doc->metrics.len)
		put_metrics(page, doc);
	else
		page_prose(page, 1, PAINT_NONE, "No metrics were observed.");
	if (doc->services.len)
		put_services(page, doc);
	else
		page_prose(page, 1, PAINT_NONE, "No servers were observed.");
}
