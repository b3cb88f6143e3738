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

/* const struct format ** / enum color_choice *; the second is for the flag --json. */
option_parse option_format, option_json, option_color;

/* Rows for an option table. */
#define SHOW_OPTIONS(show)                                                                         \
	{"format",        0,                                                                       \
	 "FORMAT",        option_format,                                                           \
	 &(show)->format, "text (without it): for people; json: for programs"},                    \
		{"json", 0, NULL, option_json, &(show)->format, "the same as --format json"},      \
		{"color",                                                                          \
		 0,                                                                                \
		 "WHEN",                                                                           \
		 option_color,                                                                     \
		 &(show)->color,                                                                   \
		 "auto (without it): on a terminal, unless NO_COLOR is set; always; never"},       \
	{                                                                                          \
		"verbose", 'v', NULL, option_flag, &(show)->verbose,                               \
			"all rows of every table and all details"                                  \
	}

/* True for a format that programs read. */
bool show_is_for_programs(const struct show_options *show);

/* How text goes to stdout: its width, colour, characters. */
struct text_style show_style(enum color_choice color, bool verbose);

/* Analyses the recording and writes the report to stdout; the exit status. */
int show_report(const struct recording *rec, const struct show_options *show);

#endif
