/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table that fits its page: columns of text give way, columns of less worth are left out, and a
 * column without any content is not shown.
 */
#ifndef STRAIT_TABLE_H
#define STRAIT_TABLE_H

#include "report/number.h"
#include "report/page.h"
#include "util/escape.h"
#include "util/vec.h"

struct column {
	const char *head;
	bool right;         /* aligned right, for numbers */
	unsigned int least; /* > 0: gives way down to this width */
	unsigned int drop;  /* > 0: may be left out; the highest goes first */
	enum fit keep;      /* which end of a text that does not fit */
	bool wrap;          /* the last column only: a long text goes on below itself */
};

struct cell {
	char *text; /* escaped */
	enum paint paint;
};

struct table {
	struct page *page;
	const struct column *columns;
	size_t count;
	VEC(struct cell) cells; /* row by row */
	bool unobserved;        /* a number was NAN */
};

#define TABLE_COLUMNS 16

/* `columns` is kept by reference; at most TABLE_COLUMNS. */
void table_init(struct table *table, struct page *page, const struct column *columns, size_t count);

/* The next cell, row by row. */
void table_cell(struct table *table, enum paint paint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The next cell: a number as by number_format(). */
void table_number(struct table *table, double value, const struct scale *scale);

/* Prints head and rows, indented, then a note if something was not observed; frees the cells. */
void table_print(struct table *table, unsigned int indent);

#endif
