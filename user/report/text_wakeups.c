/* SPDX-License-Identifier: BSD-2-Clause */
/* Who ended the long waits, and who had the CPU in those for one, as text: part of phase three. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/recording.h"
#include "report/number.h"
#include "report/table.h"
#include "report/text.h"

#define TERMINALS     3
#define TEXT_DELAYS   5
#define DELAYED_SHARE 0.01 /* of the window: rows with less waiting are no news */

/* "produce", "known+0x1200"; "" where it is not known. To be freed. */
static char *function_text(const struct place *place)
{
	char *text = NULL;

	if (!place->function && place->begin && place->module)
		return code_name(place->module, place->begin);
	text = strdup(place->function ? place->function : "");
	if (!text)
		abort();
	return text;
}

/* "disk read of db 72 %, running 20 %": who only where that is not the waker itself. */
static char *terminals_text(const struct wakeup *wakeup)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		abort();
	if (!wakeup->blamed)
		fputs(wakeup->terminals.len ? "may be idle: " : "may be idle", out);
	for (size_t i = 0; i < wakeup->terminals.len && i < TERMINALS; i++) {
		const struct terminal *terminal = &wakeup->terminals.at[i];
		bool other = terminal->who.process && terminal->who.pid != wakeup->wakes.pid;

		fprintf(out, "%s%s%s%s", i ? ", " : "", terminal->what ? terminal->what : "",
			other ? " of " : "", other ? terminal->who.process : "");
		if (other && terminal->who.container)
			fprintf(out, " (%s)", terminal->who.container);
		fprintf(out, " %s", share_format(terminal->share).text);
	}
	if (fclose(out))
		abort();
	return text;
}

/* "postgres", "app/worker": a thread with a name of its own; "sh (podman:web)". */
static void who_cell(struct table *table, const struct place *who, const char *otherwise)
{
	if (!who->process)
		table_cell(table, PAINT_NONE, "%s", otherwise ? otherwise : "");
	else
		table_cell(table, PAINT_NONE, "%s%s%s%s%s%s", who->process, who->thread ? "/" : "",
			   who->thread ? who->thread : "", who->container ? " (" : "",
			   who->container ? who->container : "", who->container ? ")" : "");
}

static void wakeup_row(struct table *table, const struct wakeup *wakeup)
{
	char *waits = function_text(&wakeup->waits), *wakes = function_text(&wakeup->wakes);
	char *terminals = terminals_text(wakeup);

	table_cell(table, PAINT_NONE, "%s", number_with_unit(wakeup->seconds, "s").text);
	table_cell(table, PAINT_NONE, "%s", count_format(wakeup->count).text);
	table_cell(table, PAINT_NONE, "%s", number_with_unit(wakeup->longest_ms, "ms").text);
	who_cell(table, &wakeup->waits, "");
	table_cell(table, PAINT_NONE, "%s", waits);
	table_cell(table, PAINT_NONE, "%s", wakeup->state ? wakeup->state : "");
	who_cell(table, &wakeup->wakes, wakeup->ended_by);
	table_cell(table, PAINT_NONE, "%s", wakes);
	table_cell(table, PAINT_NONE, "%s", terminals);
	free(terminals);
	free(wakes);
	free(waits);
}

static void delayed_row(struct table *table, const struct delayed *delayed)
{
	table_cell(table, PAINT_NONE, "%s", number_with_unit(delayed->seconds, "s").text);
	table_cell(table, PAINT_NONE, "%s", count_format(delayed->count).text);
	table_cell(table, PAINT_NONE, "%s", number_with_unit(delayed->longest_ms, "ms").text);
	who_cell(table, &delayed->waits, "");
	who_cell(table, &delayed->occupant, "");
	table_cell(table, PAINT_NONE, "%s", delayed->why ? delayed->why : "");
}

static bool delayed_shown(const struct document *doc, const struct delayed *delayed)
{
	return delayed->seconds >= DELAYED_SHARE * doc->seconds;
}

static void text_delays(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "waited", .right = true},
		{.head = "waits", .right = true, .drop = 1},
		{.head = "longest", .right = true, .drop = 2},
		{.head = "who waits", .least = 9},
		{.head = "who had the CPU", .least = 15},
		{.head = "why", .least = 11},
	};
	size_t rows = 0, shown;
	struct table table;

	while (rows < doc->delays.len && delayed_shown(doc, &doc->delays.at[rows]))
		rows++;
	if (!rows)
		return;
	shown = text_rows(page, rows, TEXT_DELAYS);
	fputc('\n', page->out);
	page_prose(page, 1, PAINT_NONE,
		   "Who waited for a CPU, 1 ms and more at a time, and who had it meanwhile:");
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown; i++)
		delayed_row(&table, &doc->delays.at[i]);
	table_print(&table, 1);
	text_more(page, 1, rows, shown);
}

static void text_ends(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "waited", .right = true},
		{.head = "waits", .right = true, .drop = 2},
		{.head = "longest", .right = true, .drop = 3},
		{.head = "who waits", .least = 9},
		{.head = "in", .least = 13, .drop = 1},
		{.head = "for", .least = 8, .drop = 4},
		{.head = "woken by", .least = 9},
		{.head = "in", .least = 13},
		{.head = "in the end", .least = 18, .wrap = true},
	};
	size_t shown = text_rows(page, doc->wakeups.len, TEXT_WAKEUPS);
	struct table table;

	if (!doc->wakeups.len)
		return;
	fputc('\n', page->out);
	page_prose(page, 1, PAINT_NONE,
		   "Who ended the long waits, in which function, and what they were in the end:");
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < shown; i++)
		wakeup_row(&table, &doc->wakeups.at[i]);
	table_print(&table, 1);
	text_more(page, 1, doc->wakeups.len, shown);
}

void text_wakeups(struct page *page, const struct document *doc)
{
	text_ends(page, doc);
	text_delays(page, doc);
}
