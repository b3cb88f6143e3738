/* SPDX-License-Identifier: BSD-2-Clause */
/* strait flame: the stacks of a recording, for flame graphs and profile viewers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/observe.h"
#include "export/exports.h"

static const char what[] =
	"Prints stacks for a flame graph, from a recording or from a live window. Folded stacks "
	"are one line each: the process, the functions from the outermost to the innermost, and "
	"how much: samples for cpu, microseconds for times, bytes or a count for the others.";

static const char synopsis[] = "strait flame FILE [OPTIONS]\n"
			       "strait flame [OPTIONS] [-- COMMAND]   watch now";

static const char examples[] =
	"  strait flame r.strait | flamegraph.pl >cpu.svg\n"
	"  strait flame r.strait --kind offcpu -U       where programs wait\n"
	"  sudo strait flame -d 5 -p 1234 >stacks.folded\n"
	"  sudo strait flame --kind alloc -p 1234       who allocates, by bytes\n";

static int option_kind(const struct option *option, const char *text, struct error *error)
{
	for (int kind = 0; kind < SAMPLE_KINDS; kind++)
		if (!strcmp(text, sample_kind_name((enum sample_kind)kind))) {
			*(enum sample_kind *)option->value = (enum sample_kind)kind;
			return 0;
		}
	return error_set(error, -EINVAL,
			 "'%.40s' is no kind of sample, such as cpu, offcpu or fault", text);
}

static int option_export(const struct option *option, const char *text, struct error *error)
{
	const struct export *export = export_find(text);

	if (!export)
		return error_set(error, -EINVAL, "unknown format '%.40s': there is %s", text,
				 export_formats[0].name);
	*(const struct export **)option->value = export;
	return 0;
}

static int option_folded(const struct option *option, const char *text, struct error *error)
{
	(void)text;
	return option_export(option, "folded", error);
}

/* "cpu, offcpu" */
static void kinds_list(const bool seen[SAMPLE_KINDS], char *out, size_t size)
{
	out[0] = 0;
	for (int kind = 0; kind < SAMPLE_KINDS; kind++)
		if (seen[kind])
			snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? ", " : "",
				 sample_kind_name((enum sample_kind)kind));
}

/* All of it in a line, for who wants no notices but must not take a part for the whole. */
static void lost_warn(const struct recording *rec)
{
	uint64_t sum = 0;
	char *why = NULL;
	size_t length;
	FILE *out = open_memstream(&why, &length);

	if (!out)
		abort();
	vec_each(&rec->losses, loss) {
		fprintf(out, "%s %s %" PRIu64, sum ? "," : "", string_get(rec, loss->reason),
			loss->count);
		sum += loss->count;
	}
	if (fclose(out))
		abort();
	if (sum)
		cli_say("lost %" PRIu64 ":%s", sum, why);
	free(why);
}

/* Stacks have no room for it: a profile without them looks whole. */
static void lost_tell(const struct recording *rec, bool quiet)
{
	if (quiet)
		return lost_warn(rec);
	vec_each(&rec->losses, loss)
		if (loss->count)
			cli_say("lost: %s: %" PRIu64, string_get(rec, loss->reason), loss->count);
}

/* Why a recording can have no samples of allocations; empty = there were none. */
static const char *allocs_missing(const struct recording *rec)
{
	uint32_t name = string_find(rec, "alloc");

	vec_each(&rec->families, family)
		if (family->name == name && family->status == FAMILY_SKIPPED)
			return string_get(rec, family->why);
	return string_find(rec, "alloc.observed_share") != NONE
		       ? ""
		       : "allocations are observed when asked for: strait record --alloc";
}

static int stacks_show(const struct recording *rec, enum sample_kind kind,
		       const struct export *format, const struct export_options *options)
{
	bool seen[SAMPLE_KINDS];
	char kinds[160];
	const char *why = kind == SAMPLE_ALLOC ? allocs_missing(rec) : "";

	export_kinds(rec, seen);
	if (seen[kind])
		return cli_written(format->write(rec, kind, stdout, options));
	kinds_list(seen, kinds, sizeof(kinds));
	cli_say("no %s samples in this recording; it has %s%s%s", sample_kind_name(kind),
		*kinds ? kinds : "none at all", *why ? "; " : "", why);
	return EXIT_FAILED;
}

int cli_flame(int argc, char **argv)
{
	struct observe_options observe_options = OBSERVE_DEFAULTS;
	struct export_options export_options = {};
	const struct export *format = &export_formats[0];
	enum sample_kind kind = SAMPLE_CPU;
	const struct option show[] = {
		{"kind", 0, "KIND", option_kind, &kind,
		 "cpu (without it): where CPUs are busy; offcpu: where threads wait; idle: "
		 "where they wait for work or for a time of their choice; alloc: where they "
		 "allocate "
		 "memory (a recording needs --alloc for it); or another kind that the recording "
		 "has"},
		{"user", 'U', NULL, option_flag, &export_options.user_only,
		 "only the user part of the stacks"},
		{"kernel", 'K', NULL, option_flag, &export_options.kernel_only,
		 "only the kernel part"},
		{"containers", 0, NULL, option_flag, &export_options.containers,
		 "the container, pod or unit that a process is in is a frame of its own, below the "
		 "process: what is in one adds up"},
		{"format", 0, "FORMAT", option_export, &format, "folded (without it)"},
		{"folded", 'f', NULL, option_folded, &format, "the same as --format folded"},
		{}};
	struct option_table target = {}, how = {};
	const struct option_group groups[] = {{"Which stacks", show},
					      {"Without FILE: what to watch", target.rows},
					      {"Without FILE: how", how.rows},
					      {}};
	const struct usage usage = {.name = "strait flame",
				    .synopsis = synopsis,
				    .what = what,
				    .groups = groups,
				    .examples = examples,
				    .words = 1,
				    .command = true};
	struct recording *rec = NULL;
	struct names_cache *names = NULL;
	struct arguments rest;
	struct error error;
	int status, err;

	target_rows(&target, &observe_options.target);
	observe_rows(&how, &observe_options);
	status = options_parse(&usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	observe_options.target.command = rest.command;
	observe_options.quiet_command = true;
	observe_options.alloc |= kind == SAMPLE_ALLOC;
	if (export_options.user_only && export_options.kernel_only)
		return options_wrong(&usage, "-U and -K exclude each other");
	if (rest.count && rest.command)
		return options_wrong(&usage, "give a recording or a command, not both");
	if (observe_check(&observe_options, &error))
		return options_wrong(&usage, "%s", error.text);
	if (rest.count) {
		err = cli_open(rest.at[0], &rec, &error);
		if (err)
			cli_error(&error);
		status = err ? EXIT_FAILED : EXIT_OK;
	} else {
		observe_options.names = &names;
		err = observe(&observe_options, &rec, &error);
		cli_confine();
		status = err ? cli_failed(err, &error) : EXIT_OK;
	}
	if (rec) {
		int shown = stacks_show(rec, kind, format, &export_options);

		lost_tell(rec, observe_options.quiet);
		status = err ? status : shown;
	}
	observe_keep_names(names);
	recording_free(rec);
	return status;
}
