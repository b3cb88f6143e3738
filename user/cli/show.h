/* SPDX-License-Identifier: BSD-2-Clause */
/* How a result is shown on stdout. */
#ifndef STRAIT_SHOW_H
#define STRAIT_SHOW_H

#include "cli/options.h"
#include "model/recording.h"
#include "report/formats.h"

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct show_options {
	const struct format *format;
	enum color_choice color;
	bool verbose;
};

#define SHOW_DEFAULTS                                                                              \
	{                                                                                          \
		.format = &report_formats[0]                                                       \
	}

/* Adds the rows that say how to show it. */
void show_rows(struct option_table *table, struct show_options *show);

/* True for a format that programs read. */
bool show_is_for_programs(const struct show_options *show);

/* How text goes to stdout: its width, colour, characters. */
struct text_style show_style(enum color_choice color, bool verbose);

/* Analyses the recording and writes the report to stdout; the exit status. */
int show_report(const struct recording *rec, const struct show_options *show);

#endif
