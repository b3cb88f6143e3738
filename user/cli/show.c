/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/show.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "analysis/analysis.h"
#include "cli/cli.h"

static int option_format(const struct option *option, const char *text, struct error *error)
{
	const struct format *format = format_find(text);
	char names[80] = "";

	if (format) {
		*(const struct format **)option->value = format;
		return 0;
	}
	for (format = report_formats; format->name; format++) {
		strncat(names, *names ? ", " : "", sizeof(names) - strlen(names) - 1);
		strncat(names, format->name, sizeof(names) - strlen(names) - 1);
	}
	return error_set(error, -EINVAL, "unknown format '%.40s': there is %s", text, names);
}

static int option_json(const struct option *option, const char *text, struct error *error)
{
	(void)text;
	return option_format(option, "json", error);
}

static int option_color(const struct option *option, const char *text, struct error *error)
{
	static const char *const names[] = {
		[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i])) {
			*(enum color_choice *)option->value = (enum color_choice)i;
			return 0;
		}
	return error_set(error, -EINVAL, "'%.40s' is not auto, always or never", text);
}

void show_rows(struct option_table *table, struct show_options *show)
{
	const struct option rows[] = {
		{"format", 0, "FORMAT", option_format, &show->format,
		 "text (without it): for people; json: for programs"},
		{"json", 0, NULL, option_json, &show->format, "the same as --format json"},
		{"color", 0, "WHEN", option_color, &show->color,
		 "auto (without it): on a terminal, unless NO_COLOR is set; always; never"},
		{"verbose", 'v', NULL, option_flag, &show->verbose,
		 "all rows of every table and all details"},
		{}};

	options_add(table, rows);
}

bool show_is_for_programs(const struct show_options *show)
{
	return strcmp(show->format->name, "text") != 0;
}

static unsigned int terminal_width(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return 0;
}

struct text_style show_style(enum color_choice color, bool verbose)
{
	const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool able = isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0 &&
		    !(no_color && *no_color);

	return (struct text_style){
		.width = terminal_width(),
		.color = color == COLOR_ALWAYS || (color == COLOR_AUTO && able),
		.unicode = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.verbose = verbose,
	};
}

int show_report(const struct recording *rec, const struct show_options *show)
{
	struct text_style style = show_style(show->color, show->verbose);
	struct document *doc = analysis_run(rec);
	int err;

	if (cli_unconfined())
		vec_push(&doc->coverage.skipped, (struct skipped){"confinement", cli_unconfined()});
	err = show->format->render(doc, stdout, &style);
	document_free(doc);
	return cli_written(err);
}
