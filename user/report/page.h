/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What text for people is put on: prose wrapped at the width, headings, colour. Everything that is
 * shown goes through page_escape(), so no name of a stranger reaches the terminal as it is.
 */
#ifndef STRAIT_PAGE_H
#define STRAIT_PAGE_H

#include <stdio.h>

#include "model/document.h"
#include "report/formats.h"

struct page {
	FILE *out; /* memory: never fails but for lack of it */
	struct text_style style;
};

enum paint {
	PAINT_NONE,
	PAINT_HEADING,
	PAINT_CRITICAL,
	PAINT_HIGH,
	PAINT_MEDIUM,
	PAINT_LOW,
};

enum paint paint_severity(enum severity severity);

/* Escaped for this page; to be freed. */
char *page_escape(const struct page *page, const char *text);

/* Puts already escaped text, coloured if the page has colour. */
void page_paint(struct page *page, enum paint paint, const char *escaped);

/* "2 Bottlenecks · what is in the way ─────────", with an empty line before it. */
void page_heading(struct page *page, const char *title, const char *what);

/* A paragraph indented by `indent` columns and wrapped. */
void page_prose(struct page *page, unsigned int indent, enum paint paint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Escaped text from the cursor's column, `indent`, to the end of line, wrapped under itself. */
void page_wrap(struct page *page, unsigned int indent, enum paint paint, const char *escaped);

/* page_prose() where the cursor stands at column `indent` already. */
void page_rest(struct page *page, unsigned int indent, enum paint paint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* "     label     text, wrapped under itself". The text begins at column `indent` + `label_width`.
 */
void page_field(struct page *page, unsigned int indent, unsigned int label_width, const char *label,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Where something is, in one line: "burner [4242], spin() at spin.c:12 in /tmp/burner". Freed. */
char *place_text(const struct place *place);

/* Just the name of it: "burner [4242]", "sda", "10.0.0.5:5432". To be freed. */
char *place_name(const struct place *place);

#endif
