/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase one as text, continued: the processes whose memory grew. */
#include "report/number.h"
#include "report/table.h"
#include "report/text.h"

static void growth_row(struct table *table, const struct memory_growth *grown)
{
	table_cell(table, PAINT_NONE, "%s [%u]", grown->process ? grown->process : "?", grown->pid);
	table_cell(table, PAINT_NONE, "%s", grown->container ? grown->container : "");
	table_cell(table, PAINT_NONE, "%s",
		   number_with_unit((double)grown->start_bytes, "bytes").text);
	table_cell(table, PAINT_NONE, "%s",
		   number_with_unit((double)grown->end_bytes, "bytes").text);
	table_cell(table, PAINT_NONE, "%s",
		   number_with_unit((double)grown->growth_bytes, "bytes").text);
	table_cell(table, PAINT_NONE, "%s", number_with_unit(grown->bytes_per_s, "bytes/s").text);
	table_cell(table, PAINT_NONE, "%s", grown->exited ? "it has ended" : "");
}

void text_memory_growth(struct page *page, const struct document *doc)
{
	static const struct column columns[] = {
		{.head = "memory grew", .least = 16},
		{.head = "container", .least = 12, .keep = FIT_END},
		{.head = "from", .right = true, .drop = 2},
		{.head = "to", .right = true, .drop = 1},
		{.head = "growth", .right = true},
		{.head = "a second", .right = true},
		{.head = "", .drop = 3},
	};
	struct table table;

	if (!doc->memory_growth_observed) {
		page_prose(page, 1, PAINT_NONE, "Growth of processes' memory was not observed.");
		return;
	}
	if (!doc->memory_growth.len) {
		page_prose(page, 1, PAINT_NONE,
			   "No process's memory grew by 1 MiB and 1 %% or more.");
		return;
	}
	fputc('\n', page->out);
	table_init(&table, page, columns, sizeof(columns) / sizeof(columns[0]));
	vec_each(&doc->memory_growth, grown)
		growth_row(&table, grown);
	table_print(&table, 1);
}
