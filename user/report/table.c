/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/number.h"

#define GAP 2 /* columns between two columns */
/* Longer cells are cut before they are measured. */
#define CELL_COLUMNS 400

/* Widths while a table is laid out; 0 = not shown. */
struct layout {
	size_t natural[TABLE_COLUMNS], width[TABLE_COLUMNS];
};

void table_init(struct table *table, struct page *page, const struct column *columns, size_t count)
{
	*table = (struct table){.page = page, .columns = columns, .count = count};
	if (count > TABLE_COLUMNS)
		abort();
}

static const char *ellipsis(const struct table *table)
{
	return table->page->style.unicode ? "…" : "..";
}

void table_cell(struct table *table, enum paint paint, const char *format, ...)
{
	char *raw, *escaped;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&raw, format, args);
	va_end(args);
	if (length < 0)
		abort();
	escaped = page_escape(table->page, raw);
	vec_push(&table->cells,
		 (struct cell){.text = text_fit(escaped, CELL_COLUMNS, FIT_BEGIN, ellipsis(table)),
			       .paint = paint});
	free(escaped);
	free(raw);
}

void table_number(struct table *table, double value, const struct scale *scale)
{
	struct number number = number_format(value, scale);

	table->unobserved |= !isfinite(value);
	table_cell(table, PAINT_NONE, "%s", number.text);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void layout_measure(struct layout *layout, const struct table *table)
{
	memset(layout, 0, sizeof(*layout));
	for (size_t i = 0; i < table->cells.len; i++) {
		size_t *natural = &layout->natural[i % table->count];
		size_t columns = text_columns(table->cells.at[i].text);

		*natural = columns > *natural ? columns : *natural;
	}
	for (size_t i = 0; i < table->count; i++) {
		size_t head = text_columns(table->columns[i].head);

		/* A column in which no row has anything is not shown. */
		if (layout->natural[i] && layout->natural[i] < head)
			layout->natural[i] = head;
		layout->width[i] = layout->natural[i];
		if (table->columns[i].least)
			layout->width[i] = smaller(layout->natural[i], table->columns[i].least);
	}
}

static size_t layout_total(const struct layout *layout, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		if (layout->width[i])
			total += layout->width[i] + (total ? GAP : 0);
	return total;
}

/* Leaves out the shown column of least worth; false when each must stay. */
static bool layout_drop(struct layout *layout, const struct table *table)
{
	size_t worst = table->count;

	for (size_t i = 0; i < table->count; i++)
		if (layout->width[i] && table->columns[i].drop &&
		    (worst == table->count || table->columns[i].drop > table->columns[worst].drop))
			worst = i;
	if (worst == table->count)
		return false;
	layout->width[worst] = 0;
	return true;
}

/* Hands out what is left of the width to the columns that gave way. */
static void layout_spread(struct layout *layout, const struct table *table, size_t room)
{
	size_t total = layout_total(layout, table->count);
	bool grown = true;

	while (grown && total < room) {
		grown = false;
		for (size_t i = 0; i < table->count && total < room; i++) {
			if (!layout->width[i] || layout->width[i] >= layout->natural[i])
				continue;
			layout->width[i]++;
			total++;
			grown = true;
		}
	}
}

/* Last resort on a page too narrow for what must stay: the columns of text shrink below `least`. */
static void layout_squeeze(struct layout *layout, const struct table *table, size_t room)
{
	for (size_t i = table->count; i-- > 0;)
		while (table->columns[i].least && layout->width[i] > 1 &&
		       layout_total(layout, table->count) > room)
			layout->width[i]--;
}

static void put_cell(struct table *table, const struct cell *cell, const struct column *column,
		     size_t width, bool last)
{
	FILE *out = table->page->out;
	char *text = text_fit(cell->text, width, column->keep, ellipsis(table));
	size_t used = text_columns(text);
	int pad = used < width ? (int)(width - used) : 0;

	if (column->right)
		fprintf(out, "%*s", pad, "");
	page_paint(table->page, cell->paint, text);
	if (!column->right && !last)
		fprintf(out, "%*s", pad, "");
	free(text);
}

static void put_row(struct table *table, const struct layout *layout, const struct cell *cells,
		    unsigned int indent)
{
	FILE *out = table->page->out;
	unsigned int column = indent;
	size_t last = 0;

	for (size_t i = 0; i < table->count; i++)
		if (layout->width[i] && (table->columns[i].right || *cells[i].text))
			last = i;
	fprintf(out, "%*s", (int)indent, "");
	for (size_t i = 0; i <= last; i++) {
		if (!layout->width[i])
			continue;
		if (column > indent)
			column += (unsigned int)fprintf(out, "%*s", GAP, "");
		if (i == last && table->columns[i].wrap) {
			page_wrap(table->page, column, cells[i].paint, cells[i].text);
			return;
		}
		put_cell(table, &cells[i], &table->columns[i], layout->width[i], i == last);
		column += (unsigned int)layout->width[i];
	}
	fputc('\n', out);
}

void table_print(struct table *table, unsigned int indent)
{
	size_t room = table->page->style.width > indent ? table->page->style.width - indent : 1;
	struct cell head[TABLE_COLUMNS] = {};
	struct layout layout;

	layout_measure(&layout, table);
	while (layout_total(&layout, table->count) > room && layout_drop(&layout, table))
		;
	layout_squeeze(&layout, table, room);
	layout_spread(&layout, table, room);
	for (size_t i = 0; i < table->count; i++)
		head[i] = (struct cell){.text = page_escape(table->page, table->columns[i].head),
					.paint = PAINT_HEADING};
	put_row(table, &layout, head, indent);
	for (size_t i = 0; i + table->count <= table->cells.len; i += table->count)
		put_row(table, &layout, &table->cells.at[i], indent);
	if (table->unobserved)
		page_prose(table->page, indent, PAINT_NONE, "%s = not observed", NOT_OBSERVED);
	for (size_t i = 0; i < table->count; i++)
		free(head[i].text);
	vec_each(&table->cells, cell)
		free(cell->text);
	vec_free(&table->cells);
}
