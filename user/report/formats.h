/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats a report document can be written in. A new one is a file user/report/NAME.c with
 * report_NAME() in it, and one line in REPORT_FORMATS (docs/add-an-output.md).
 */
#ifndef STRAIT_FORMATS_H
#define STRAIT_FORMATS_H

#include <stdbool.h>
#include <stdio.h>

#include "model/document.h"

#define REPORT_FORMATS(FORMAT)                                                                     \
	FORMAT(text, "for people: the answer first, then the five phases")                         \
	FORMAT(json, "for programs: stable and versioned, see docs/json.md")

#define TEXT_WIDTH_DEFAULT 100 /* where out is no terminal */
#define TEXT_WIDTH_MIN     60
#define TEXT_WIDTH_MAX     200

/* How text for people is laid out; other formats ignore it. */
struct text_style {
	unsigned int width; /* columns; 0 = TEXT_WIDTH_DEFAULT, else held within MIN and MAX */
	bool color;         /* headings and severities, by SGR sequences */
	bool unicode;       /* the terminal shows UTF-8 */
	bool verbose;       /* all rows and all details */
};

/*
 * Writes the document to `out` and flushes it. `style` NULL = width 100, plain ASCII, no colour.
 * 0, or a negative errno of the write (see output_write).
 */
typedef int report_format(const struct document *doc, FILE *out, const struct text_style *style);

#define DECLARE(name, what) report_format report_##name;
REPORT_FORMATS(DECLARE)
#undef DECLARE

struct format {
	const char *name, *what;
	report_format *render;
};

/* Ends with a row whose name is NULL. */
extern const struct format report_formats[];

/* NULL when there is no format of this name. */
const struct format *format_find(const char *name);

#endif
