/* SPDX-License-Identifier: BSD-2-Clause */
/* strait report: the report of a recording. */
#include "cli/cli.h"
#include "cli/show.h"

static const char what[] = "Prints the report of a recording: what the live report over the same "
			   "time would have said. "
			   "It needs no root, only the right to read the file.";

static const char examples[] = "  strait report r.strait              for people\n"
			       "  strait report r.strait --json | jq '.bottlenecks[0]'\n"
			       "  strait report -v r.strait | less    everything\n";

int cli_report(int argc, char **argv)
{
	struct show_options show = SHOW_DEFAULTS;
	struct option_table print = {};
	const struct option_group groups[] = {{"What to print", print.rows}, {}};
	const struct usage usage = {.name = "strait report",
				    .synopsis = "strait report FILE [OPTIONS]",
				    .what = what,
				    .groups = groups,
				    .examples = examples,
				    .words = 1};
	struct recording *rec;
	struct arguments rest;
	struct error error;
	int status;

	show_rows(&print, &show);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	if (!rest.count)
		return options_wrong(&usage, "which recording? give its file");
	if (cli_open(rest.at[0], &rec, &error)) {
		cli_error(&error);
		return EXIT_FAILED;
	}
	status = show_report(rec, &show);
	recording_free(rec);
	return status;
}
