/* SPDX-License-Identifier: BSD-2-Clause */
/* strait without a subcommand: watch, then report. */
#include "cli/cli.h"
#include "cli/observe.h"
#include "cli/show.h"

static const char what[] =
	"strait watches the whole host for ten seconds and reports what holds it back: what is "
	"normal here, what is in the way, where in the code, and what to do first.\n"
	"It needs root, or some capabilities: see RIGHTS in the manual. Progress goes to stderr, "
	"the report to stdout.";

static const char synopsis[] = "strait [OPTIONS]              watch, then report\n"
			       "strait [OPTIONS] -- COMMAND   the same while a command runs\n"
			       "strait SUBCOMMAND             see: strait help";

static const char examples[] =
	"  sudo strait                   ten seconds, the whole host\n"
	"  sudo strait -d 60 -p 1234     one minute, one process and its children\n"
	"  sudo strait -o r.strait -- make -j8   a build, and keep the recording\n";

int cli_trace(int argc, char **argv)
{
	struct observe_options observe_options = OBSERVE_DEFAULTS;
	struct show_options show = SHOW_DEFAULTS;
	struct option_table target = {}, how = {}, print = {};
	const struct option file[] = {
		{"output", 'o', "FILE", option_text, &observe_options.file,
		 "also keep the recording in this file, see: strait help record"},
		{"replace", 0, NULL, option_flag, &observe_options.replace,
		 "take the place of an older recording of that name"},
		{}};
	const struct option_group groups[] = {
		{"What to watch (without any: the host)", target.rows},
		{"How", how.rows},
		{"What to print", print.rows},
		{}};
	const struct usage usage = {.name = "strait",
				    .synopsis = synopsis,
				    .what = what,
				    .groups = groups,
				    .examples = examples,
				    .command = true};
	struct recording *rec = NULL;
	struct names_cache *names = NULL;
	struct error error;
	int status, err;

	show_rows(&print, &show);
	status = observe_parse(&usage, argc, argv, &target, &how, file, &observe_options);
	if (status != OPTIONS_GO)
		return status;
	observe_options.names = &names;
	observe_options.quiet_command = show_is_for_programs(&show);
	err = observe(&observe_options, &rec, &error);
	cli_confine();
	if (err)
		status = cli_failed(err, &error);
	if (rec) {
		int shown = show_report(rec, &show);

		status = err ? status : shown;
	}
	observe_keep_names(names);
	recording_free(rec);
	return status;
}
