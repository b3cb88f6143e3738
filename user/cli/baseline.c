/* SPDX-License-Identifier: BSD-2-Clause */
/* strait baseline: what is normal here, kept under a name and compared. */
#include "cli/baseline.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "analysis/baseline.h"
#include "cli/baseline_words.h"
#include "cli/cli.h"
#include "cli/observe.h"

/* Watched live: long enough for the comparison to see changes of a standard deviation or two. */
#define LIVE_LENGTH (60 * OBSERVE_SECOND)
#define LIVE_WARMUP (2 * OBSERVE_SECOND)

/* What the subcommands take, all together; each shows its own part of it. */
struct baseline_options {
	struct observe_options observe;
	struct show_options show;
	struct baseline_place place;
	const char *same;
	bool replace, fail_on_regression;
};

#define BASELINE_DEFAULTS                                                                          \
	{                                                                                          \
		.observe = OBSERVE_DEFAULTS, .show = SHOW_DEFAULTS                                 \
	}

static void store_rows(struct option_table *table, struct baseline_options *options)
{
	const struct option rows[] = {
		{"store", 0, "FILE", option_text, &options->place.store,
		 "keep baselines in this file; without it in /var/lib/strait as root, else in "
		 "~/.local/share/strait"},
		{}};

	options_add(table, rows);
}

/*
 * The rows of save and compare, which watch now unless they are told what to take. Baselines are
 * watched longer than reports, and always with a warm-up.
 */
static void window_rows(struct option_table *target, struct option_table *how,
			struct baseline_options *options)
{
	options->observe.warmup_ns = OBSERVE_WARMUP_AUTO;
	target_rows(target, &options->observe.target);
	observe_rows(how, &options->observe);
	for (struct option *row = how->rows; row->name; row++) {
		if (!strcmp(row->name, "duration"))
			row->help = "how long to watch; 60 without it, or until the command ends. "
				    "Ctrl-C ends it early and keeps what was seen";
		if (!strcmp(row->name, "warmup"))
			row->help = "leave the first seconds out, 2 without it (0 where less than "
				    "10 s are watched)";
	}
}

/* What was not said about watching now. */
static void live_defaults(struct observe_options *observed)
{
	if (!observed->length_ns && !observed->target.command)
		observed->length_ns = LIVE_LENGTH;
	if (observed->warmup_ns == OBSERVE_WARMUP_AUTO)
		observed->warmup_ns =
			!observed->length_ns || observed->length_ns >= 10 * OBSERVE_SECOND
				? LIVE_WARMUP
				: 0;
}

static int load_live(struct baseline_options *options, struct baseline **out, struct error *error)
{
	struct recording *rec = NULL;
	int err;

	options->observe.quiet_command = show_is_for_programs(&options->show);
	err = observe(&options->observe, &rec, error);
	cli_confine(); /* before anything is made of it */
	if (!err) {
		*out = baseline_extract(rec);
		baseline_text(&(*out)->name, "now");
	}
	recording_free(rec);
	return err;
}

static bool observe_options_given(const struct baseline_options *options)
{
	const struct observe_options *observed = &options->observe;

	return observed->length_ns || observed->warmup_ns != OBSERVE_WARMUP_AUTO ||
	       observed->target.pids.count || observed->target.cgroup ||
	       observed->target.container || observed->target.command;
}

/* Usage errors that save and compare share; OPTIONS_GO when there are none. */
static int check_window(const struct usage *usage, struct baseline_options *options,
			const struct arguments *rest, const char *word)
{
	struct error error;

	options->observe.target.command = rest->command;
	if (word && observe_options_given(options))
		return options_wrong(usage,
				     "'%.100s' was watched already: leave it out to watch now, or "
				     "leave out how to watch",
				     word);
	if (word)
		return OPTIONS_GO;
	live_defaults(&options->observe);
	if (observe_check(&options->observe, &error))
		return options_wrong(usage, "%s", error.text);
	return OPTIONS_GO;
}

/* What a baseline is to be kept as. */
struct keeping {
	const struct baseline_place *place;
	const char *name;
	bool replace;
};

/* Can it be kept? */
static int look_free(const void *what)
{
	const struct keeping *keeping = what;
	struct baselines *store;
	struct baseline *there;
	struct error error;
	int err = baselines_open(&store, keeping->place->store, BASELINES_WRITE, &error);

	cli_confine();
	if (err)
		return cli_failed(err, &error);
	err = baselines_load(store, keeping->name, &there, &error);
	if (!err && !keeping->replace)
		err = error_set(&error, -EEXIST,
				"there is a baseline '%s' already: give another name, or --replace",
				keeping->name);
	else if (err == -ENOENT)
		err = 0;
	baselines_close(store);
	return err ? cli_failed(err, &error) : EXIT_OK;
}

/* Loads the window and keeps it under that name; the exit status. */
static int save_window(struct baseline_options *options, const char *name, const char *from)
{
	struct baseline *baseline = NULL;
	struct baselines *store = NULL;
	struct word word;
	struct error error;
	int err = baseline_place_find(&options->place, &error), status;

	if (!err && !from) {
		status = look_apart(look_free,
				    &(struct keeping){&options->place, name, options->replace});
		if (status)
			return status;
	}
	word_open(&options->place, from, &word);
	if (!err)
		err = baselines_open(&store, options->place.store, BASELINES_WRITE, &error);
	if (!err && !from)
		err = load_live(options, &baseline, &error);
	else
		cli_confine();
	if (!err && from)
		err = word_load(&word, &baseline, &error);
	if (!err && !baseline->slices)
		err = error_set(&error, -ENODATA,
				"nothing to keep: no slice was seen whole behind the warm-up");
	if (!err) {
		baseline_text(&baseline->name, name);
		err = baselines_save(store, baseline, options->replace, &error);
	}
	if (!err && !options->observe.quiet)
		cli_say("baseline '%s': %u slices, %zu series, kept in %.200s", name,
			baseline->slices, baseline->series.len, options->place.store);
	word_close(&word);
	baselines_close(store);
	baseline_free(baseline);
	return err ? cli_failed(err, &error) : EXIT_OK;
}

static int cli_save(int argc, char **argv)
{
	struct baseline_options options = BASELINE_DEFAULTS;
	struct option_table target = {}, how = {}, where = {};
	const struct option replace[] = {{"replace", 0, NULL, option_flag, &options.replace,
					  "take the place of an older baseline of that name"},
					 {}};
	const struct option_group groups[] = {
		{"What to watch (without any: the host)", target.rows},
		{"How to watch (where no FILE is given)", how.rows},
		{"Where to keep it", where.rows},
		{}};
	const struct usage usage = {
		.name = "strait baseline save",
		.synopsis =
			"strait baseline save NAME [OPTIONS]              watch now\n"
			"strait baseline save NAME [OPTIONS] -- COMMAND   the same while it runs\n"
			"strait baseline save NAME FILE [OPTIONS]         from a recording",
		.what = "Keeps what is normal here under a name: every metric of the host, slice "
			"by slice, with the warm-up left out. Watch for a minute or longer, under "
			"the load that shall count as normal: a comparison needs at least 8 slices "
			"on each side, and with 30 or more it sees smaller changes.",
		.groups = groups,
		.examples = "  sudo strait baseline save monday -d 300\n"
			    "  strait baseline save v1 v1.strait --replace\n",
		.words = 2,
		.command = true};
	struct arguments rest;
	struct error error;
	int status;

	window_rows(&target, &how, &options);
	store_rows(&where, &options);
	options_add(&where, replace);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	if (!rest.count)
		return options_wrong(&usage, "under which name?");
	if (baseline_name_check(rest.at[0], &error))
		return options_wrong(&usage, "%s", error.text);
	status = check_window(&usage, &options, &rest, rest.count > 1 ? rest.at[1] : NULL);
	return status == OPTIONS_GO
		       ? save_window(&options, rest.at[0], rest.count > 1 ? rest.at[1] : NULL)
		       : status;
}

static int cli_list(int argc, char **argv)
{
	struct baseline_options options = BASELINE_DEFAULTS;
	struct option_table print = {};
	const struct option_group groups[] = {{"What to print", print.rows}, {}};
	const struct usage usage = {.name = "strait baseline list",
				    .synopsis = "strait baseline list [OPTIONS]",
				    .what = "Lists the baselines that are kept, oldest first.",
				    .groups = groups};
	struct baselines *store = NULL;
	struct arguments rest;
	struct error error;
	int status, err;

	show_rows(&print, &options.show);
	store_rows(&print, &options);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	err = baseline_place_find(&options.place, &error);
	if (!err)
		err = baselines_open(&store, options.place.store, BASELINES_READ, &error);
	cli_confine();
	if (err && err != -ENOENT)
		return cli_failed(err, &error);
	status = baseline_show_list(store, options.place.store, &options.show);
	baselines_close(store);
	return status;
}

static int cli_show(int argc, char **argv)
{
	struct baseline_options options = BASELINE_DEFAULTS;
	struct option_table print = {};
	const struct option_group groups[] = {{"What to print", print.rows}, {}};
	const struct usage usage = {
		.name = "strait baseline show",
		.synopsis = "strait baseline show NAME [OPTIONS]",
		.what = "Prints a kept baseline (or, given its file, the baseline of a recording): "
			"average, smallest, largest and percentiles of every metric. Percentiles "
			"of latencies are those of the events, of other metrics those of the "
			"slices.",
		.groups = groups,
		.words = 1};
	struct baseline *baseline;
	struct arguments rest;
	struct error error;
	struct word word;
	int status, err;

	show_rows(&print, &options.show);
	store_rows(&print, &options);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	if (!rest.count)
		return options_wrong(&usage, "which baseline? 'strait baseline list' shows them");
	word_open(&options.place, rest.at[0], &word);
	cli_confine();
	err = word_load(&word, &baseline, &error);
	word_close(&word);
	if (err)
		return cli_failed(err, &error);
	status = baseline_show(baseline, &options.show);
	baseline_free(baseline);
	return status;
}

static int cli_remove(int argc, char **argv)
{
	struct baseline_options options = BASELINE_DEFAULTS;
	struct option_table where = {};
	const struct option_group groups[] = {{"Where it is kept", where.rows}, {}};
	const struct usage usage = {.name = "strait baseline remove",
				    .synopsis = "strait baseline remove NAME [OPTIONS]",
				    .what = "Removes a kept baseline.",
				    .groups = groups,
				    .words = 1};
	struct baselines *store = NULL;
	struct arguments rest;
	struct error error;
	int status, err;

	store_rows(&where, &options);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	if (!rest.count)
		return options_wrong(&usage, "which baseline? 'strait baseline list' shows them");
	err = baseline_place_find(&options.place, &error);
	if (!err && !access(options.place.store, F_OK))
		err = baselines_open(&store, options.place.store, BASELINES_WRITE, &error);
	else if (!err)
		err = error_set(&error, -ENOENT, "there is no baseline '%.100s': %s is not there",
				rest.at[0], options.place.store);
	cli_confine();
	if (!err)
		err = baselines_remove(store, rest.at[0], &error);
	baselines_close(store);
	return err ? cli_failed(err, &error) : EXIT_OK;
}

/* What is compared: words, each of them given or not. */
struct compared {
	struct baseline_place *place;
	const char *before, *after, *same;
};

/* Are they there? The words that were given; the rest stays NULL. */
static int load_kept(struct word *before, struct word *same, struct baseline *out[2],
		     struct error *error)
{
	int err = word_load(before, &out[0], error);

	return err || !same->text ? err : word_load(same, &out[1], error);
}

static int look_there(const void *what)
{
	const struct compared *compared = what;
	struct baseline *kept[2] = {};
	struct word before, same;
	struct error error;
	int err;

	word_open(compared->place, compared->before, &before);
	word_open(compared->place, compared->same, &same);
	cli_confine();
	err = load_kept(&before, &same, kept, &error);
	return err ? cli_failed(err, &error) : EXIT_OK;
}

/* Loads what is compared, compares and shows it; the exit status. */
static int compare_windows(struct baseline_options *options, const struct compared *compared)
{
	struct baseline *kept[2] = {}, *after = NULL;
	struct word before_word, same_word, after_word;
	struct comparison comparison = {};
	struct error error;
	int status = compared->after ? 0 : look_apart(look_there, compared), err = 0;

	if (status)
		return status;
	word_open(compared->place, compared->before, &before_word);
	word_open(compared->place, compared->same, &same_word);
	word_open(compared->place, compared->after, &after_word);
	if (!compared->after)
		err = load_live(options, &after, &error);
	else
		cli_confine();
	if (!err)
		err = load_kept(&before_word, &same_word, kept, &error);
	if (!err && compared->after)
		err = word_load(&after_word, &after, &error);
	if (err) {
		status = cli_failed(err, &error);
	} else {
		baseline_compare(kept[0], after, kept[1], &comparison);
		status = baseline_show_comparison(kept[0], after, &comparison, &options->show);
		if (!status && options->fail_on_regression && comparison.verdicts[CHANGE_WORSE])
			status = EXIT_FAILED;
	}
	word_close(&before_word);
	word_close(&same_word);
	word_close(&after_word);
	comparison_free(&comparison);
	baseline_free(kept[0]);
	baseline_free(kept[1]);
	baseline_free(after);
	return status;
}

static int cli_compare(int argc, char **argv)
{
	struct baseline_options options = BASELINE_DEFAULTS;
	struct option_table target = {}, how = {}, compare = {}, print = {};
	const struct option noise[] = {
		{"same", 0, "NAME|FILE", option_text, &options.same,
		 "another run of what NAME is: what these two differ by is noise"},
		{"fail-on-regression", 0, NULL, option_flag, &options.fail_on_regression,
		 "exit 1 when a metric is worse; without it the exit status is 0 either way"},
		{}};
	const struct option_group groups[] = {
		{"What to watch (without any: the host)", target.rows},
		{"How to watch (where only NAME is given)", how.rows},
		{"How to compare", compare.rows},
		{"What to print", print.rows},
		{}};
	const struct usage usage = {
		.name = "strait baseline compare",
		.synopsis =
			"strait baseline compare NAME [OPTIONS]              with what is now\n"
			"strait baseline compare NAME [OPTIONS] -- COMMAND   with a command's run\n"
			"strait baseline compare NAME OTHER [OPTIONS]        with a kept one\n"
			"strait baseline compare NAME FILE [OPTIONS]         with a recording",
		.what = "Says which metrics changed. NAME may be the file of a recording too.\n"
			"A metric counts as changed when a rank test on its slices says so, at "
			"most 5 % false ones expected among all that are named; and when the "
			"interval of the shift excludes 0; and when the shift exceeds the noise: "
			"what the two halves of each window differ by, what --same differs by, and "
			"what the metric can resolve. Slices that resemble their neighbours count "
			"for less. Each side needs 8 slices; 30 or more see smaller changes.",
		.groups = groups,
		.examples = "  sudo strait baseline compare monday\n"
			    "  strait baseline compare v1 v2.strait --fail-on-regression\n"
			    "  strait baseline compare monday tuesday --same sunday --json\n",
		.words = 2,
		.command = true};
	struct compared compared;
	struct arguments rest;
	int status;

	window_rows(&target, &how, &options);
	options_add(&compare, noise);
	store_rows(&compare, &options);
	show_rows(&print, &options.show);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	if (!rest.count)
		return options_wrong(&usage, "which baseline? 'strait baseline list' shows them");
	compared = (struct compared){&options.place, rest.at[0], rest.count > 1 ? rest.at[1] : NULL,
				     options.same};
	status = check_window(&usage, &options, &rest, compared.after);
	return status == OPTIONS_GO ? compare_windows(&options, &compared) : status;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} actions[] = {
	{"save", cli_save},       {"list", cli_list},     {"show", cli_show},
	{"compare", cli_compare}, {"remove", cli_remove},
};

int cli_baseline(int argc, char **argv)
{
	const struct usage usage = {
		.name = "strait baseline",
		.synopsis = "strait baseline save NAME [FILE]         keep what is normal here\n"
			    "strait baseline list                     what is kept\n"
			    "strait baseline show NAME                one of them\n"
			    "strait baseline compare NAME [OTHER]     what has changed since\n"
			    "strait baseline remove NAME",
		.what = "What is normal on this host? Keep it while all is well, and compare when "
			"something seems slow, or after a change: with statistics, never by eye. "
			"Each of these has its own --help.",
		.examples = "  sudo strait baseline save quiet -d 60\n"
			    "  sudo strait baseline compare quiet -d 60\n",
		.words = 1};
	struct arguments rest;
	int status;

	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(argv[1], actions[i].name))
			return actions[i].run(argc - 1, argv + 1);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	if (rest.count)
		return options_wrong(&usage, "there is no 'strait baseline %.40s'", rest.at[0]);
	return options_wrong(&usage, "save, list, show, compare or remove?");
}
