/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/observe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture/namespace.h"
#include "capture/session.h"
#include "cli/cli.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "store/store.h"
#include "symbols/symbols.h"
#include "util/confine.h"
#include "util/rights.h"

/* No file's names are begun later than that after a report. */
#define NAMES_NS 300000000ull

struct observation {
	const struct observe_options *options;
	struct target_found target;
	struct session_options session_options;
	struct session *session;
	struct command command;
	bool has_command;
	struct store *store;
	struct progress progress;
	struct symbols_fetch fetch;
	struct symbols_fetched fetched;
	bool fetching; /* a file was asked for */
	int file_err;  /* what went wrong with the file, once */
	struct error file_error;
};

void observe_rows(struct option_table *table, struct observe_options *options)
{
	const struct option rows[] = {
		{"duration", 'd', "SECONDS", option_duration, &options->length_ns,
		 "how long to watch; 10 without it, or until the command ends (one that still runs "
		 "then gets SIGTERM). Ctrl-C ends it early and still reports",
		 "a duration in seconds", 0.01, 31536000},
		{"frequency", 'F', "HZ", option_count, &options->sample_hz,
		 "CPU samples per second and CPU, 99 without it", "a rate in Hz", 1, 10000},
		{"alloc", 0, NULL, option_flag, &options->alloc,
		 "also observe what programs allocate: calls and bytes of malloc() and its kin, by "
		 "process, and stacks. Each call becomes 0.5 us or more dearer while it is "
		 "observed; "
		 "where that exceeds the budget, it is for a part of the time only, and estimated"},
		OBSERVE_BUDGET_ROW(options->budget),
		{"interval", 'i', "SECONDS", option_duration, &options->slice_ns,
		 "length of the slices that counts are kept in, 1 without it",
		 "an interval in seconds", 0.1, 3600},
		{"warmup", 0, "SECONDS", option_duration, &options->warmup_ns,
		 "leave the first seconds out of the baseline; 1 without it (0 where less than 5 s "
		 "are watched)",
		 "a time in seconds", 0, 31536000},
		OBSERVE_BTF_ROW(options->btf),
		{"debuginfod", 0, NULL, option_flag, &options->debuginfod,
		 "afterwards fetch debug files of programs and libraries that have none here from "
		 "the servers in DEBUGINFOD_URLS or /etc/debuginfod, for names, lines and inlined "
		 "functions; tells the servers the build-ids of what ran. Two minutes at most"},
		{"quiet", 'q', NULL, option_flag, &options->quiet,
		 "no progress and no notices on stderr"},
		{}};

	options_add(table, rows);
}

int observe_check(const struct observe_options *options, struct error *error)
{
	const struct target_options *target = &options->target;
	int kinds = (target->pids.count > 0) + (target->tids.count > 0) + !!target->cgroup +
		    !!target->container + !!target->command;

	if (kinds > 1)
		return error_set(error, -EINVAL,
				 "-p, -t, -c, --container and -- COMMAND exclude each other");
	if (options->length_ns && options->warmup_ns != OBSERVE_WARMUP_AUTO &&
	    options->warmup_ns >= options->length_ns)
		return error_set(error, -EINVAL, "--warmup leaves nothing of -d");
	return 0;
}

int observe_parse(const struct usage *usage, int argc, char **argv, struct option_table *target,
		  struct option_table *how, const struct option *own,
		  struct observe_options *options)
{
	struct arguments rest;
	struct error error;
	int status;

	target_rows(target, &options->target);
	observe_rows(how, options);
	options_add(how, own);
	status = options_parse(usage, argc, argv, &rest);
	if (status != OPTIONS_GO)
		return status;
	options->target.command = rest.command;
	if (observe_check(options, &error))
		return options_wrong(usage, "%s", error.text);
	return OPTIONS_GO;
}

/* -EPERM and -ENOTSUP are the host's; what else fails with them is an ordinary failure. */
static int own_failure(int err)
{
	return err == -EPERM || err == -ENOTSUP ? -EIO : err;
}

static void file_failed(struct observation *o, int err)
{
	o->file_err = own_failure(err);
	store_close(o->store);
	o->store = NULL;
}

static int slice_done(void *context, struct recording *rec, struct error *error)
{
	struct observation *o = context;
	int err;

	progress_show(&o->progress, rec->length_ns);
	if (o->options->slice) {
		err = o->options->slice(o->options->context, rec, error);
		if (err)
			return err;
	}
	if (!o->store)
		return 0;
	err = store_append(o->store, rec, &o->file_error);
	if (!err)
		return 0;
	file_failed(o, err);
	if (!o->options->file_only)
		return 0;
	*error = o->file_error;
	return o->file_err;
}

/* Ctrl-C now ends the fetching, as it ended the window before. */
static bool fetch_progress(void *context, const char *path, uint64_t done, uint64_t total)
{
	struct observation *o = context;

	if (!o->fetching)
		signals_watch_again();
	o->fetching = true;
	progress_fetch(&o->progress, path, done, total);
	return !*signals_stop();
}

static void fetch_tell(const struct observation *o)
{
	if (!o->options->debuginfod || o->options->quiet)
		return;
	cli_say("debuginfod: %u debug files fetched or in the cache, %u not to be had",
		o->fetched.fetched, o->fetched.missing);
}

static int file_create(struct observation *o, struct error *error)
{
	struct store_options options = {.replace = o->options->replace};

	if (!o->options->file)
		return 0;
	cli_owner(&options.owner, &options.group);
	return own_failure(store_create(&o->store, o->options->file, &options, error));
}

static int command_begin(struct observation *o, struct error *error)
{
	struct session_options *session = &o->session_options;
	int err;

	if (o->target.kind != TARGET_COMMAND)
		return 0;
	err = command_start(&o->command, o->options->target.command, o->options->quiet_command,
			    error);
	if (err)
		return own_failure(err);
	o->has_command = true;
	session->pids[0] = o->command.pid;
	session->pid_count = 1;
	session->command_fd = o->command.go;
	return 0;
}

/* The first second holds strait's own start; of a short window it would leave too little. */
static uint64_t warmup_length(const struct observe_options *options, uint64_t length)
{
	if (options->warmup_ns != OBSERVE_WARMUP_AUTO)
		return options->warmup_ns;
	return !length || length >= 5 * OBSERVE_SECOND ? OBSERVE_SECOND : 0;
}

static void session_describe(struct observation *o)
{
	const struct observe_options *options = o->options;
	const struct option_pids *pids =
		options->target.tids.count ? &options->target.tids : &options->target.pids;
	uint64_t length = options->endless ? 0 : options->length_ns;

	if (!length && !options->endless && o->target.kind != TARGET_COMMAND)
		length = OBSERVE_LENGTH;
	o->session_options = (struct session_options){
		.sample_hz = options->sample_hz,
		.btf = options->btf,
		.alloc = options->alloc,
		.budget = options->budget,
		.length_ns = length,
		.slice_ns = options->slice_ns,
		.warmup_ns = warmup_length(options, length),
		.wait_threshold_ns = options->wait_threshold_ns,
		.name_each_slice = options->file || options->slice,
		.details_later = !options->slice,
		.target = o->target.kind,
		.pid_count = pids->count,
		.cgroup = o->target.cgroup,
		.target_name = o->target.name,
		.command_fd = -1,
		.stop = signals_stop(),
		.pause = signals_pause(),
		.slice_done = slice_done,
		.slice_context = o,
	};
	o->fetch = (struct symbols_fetch){.progress = fetch_progress, .context = o};
	if (options->debuginfod) {
		o->session_options.fetch = &o->fetch;
		o->session_options.fetched = &o->fetched;
	}
	memcpy(o->session_options.pids, pids->at, pids->count * sizeof(pids->at[0]));
}

/*
 * In a pid namespace of its own strait knows processes by other numbers than the kernel does: it
 * would watch a stranger. Said once; -ENOTSUP where only these numbers tell what to watch.
 */
static int namespace_check(const struct observation *o, struct error *error)
{
	if (!namespace_is_own())
		return 0;
	if (o->target.kind == TARGET_PID || o->target.kind == TARGET_TID ||
	    o->target.kind == TARGET_COMMAND)
		return error_set(error, -ENOTSUP,
				 "strait runs in a pid namespace of its own, where processes have "
				 "other numbers than the kernel's: watch a cgroup (-c) or all, or "
				 "run it in the host's (docker run --pid=host)");
	if (!o->options->quiet)
		cli_say("%s", namespace_why);
	return 0;
}

/* The command was started with all of them, and waits. */
static void rights_reduce(const struct observation *o)
{
	const struct observe_options *options = o->options;
	int err = rights_enter(
		RIGHTS_WATCH,
		(options->file || options->slice || options->debuginfod ? RIGHTS_FILES : 0) |
			(o->has_command ? RIGHTS_CHILD : 0));

	if (err && !options->quiet)
		cli_say("cannot give up rights: %s; going on with all of them", strerror(-err));
}

/* Windows come after this one: not to the calls of a report alone. */
static void calls_reduce(void)
{
	int err = confine(CONFINE_WATCH);

	if (err)
		cli_say("cannot give up system calls: %s; going on with all of them",
			strerror(-err));
}

static int observation_open(struct observation *o, struct error *error)
{
	int err = observe_check(o->options, error);

	if (!err && o->options->debuginfod) {
		err = symbols_fetch_check(error);
		if (err)
			return err;
	}
	if (!err)
		err = target_find(&o->options->target, &o->target, error);
	if (err)
		return own_failure(err);
	err = namespace_check(o, error);
	if (err)
		return err;
	session_describe(o);
	err = command_begin(o, error);
	if (err)
		return err;
	signals_watch(o->has_command ? o->command.pid : 0);
	rights_enter(RIGHTS_OPEN, 0); /* not the first window, perhaps */
	err = session_open(&o->session, &o->session_options, error);
	if (!err)
		err = file_create(o, error);
	if (!err)
		rights_reduce(o);
	if (!err && o->options->confine)
		calls_reduce();
	return err;
}

/* Completes the file; what goes wrong is kept in file_err. */
static void file_finish(struct observation *o, const struct recording *rec)
{
	int err;

	if (!o->store)
		return;
	err = store_finish(o->store, rec, &o->file_error);
	if (err)
		file_failed(o, err);
	store_close(o->store);
	o->store = NULL;
}

/* The command's end: the errno of an exec that failed, or a notice of how it went. */
static int command_end(struct observation *o, struct error *error)
{
	char outcome[80];
	int status, err;

	if (!o->has_command)
		return 0;
	o->has_command = false;
	err = command_finish(&o->command, &status, error);
	if (err)
		return own_failure(err);
	command_outcome(status, outcome, sizeof(outcome));
	if (!o->options->quiet || status)
		cli_say("%.200s %s", o->command.name, outcome);
	return 0;
}

void observe_keep_names(struct names_cache *names)
{
	names_cache_store(names, NAMES_NS);
	names_cache_free(names);
}

static void names_hand_over(struct observation *o, struct names_cache *names)
{
	if (o->options->names)
		*o->options->names = names;
	else
		observe_keep_names(names);
}

static int observation_run(struct observation *o, struct recording **out, struct error *error)
{
	struct names_cache *names;
	struct recording *rec;
	struct error ignored;
	int err, command_err;

	progress_begin(&o->progress, &o->target, o->session_options.length_ns, o->options->quiet);
	err = session_run(o->session, error);
	progress_end(&o->progress);
	fetch_tell(o);
	names = session_take_names(o->session);
	rec = session_take(o->session);
	o->session = NULL;
	rec->cut = err != 0;
	command_err = command_end(o, err ? &ignored : error);
	if ((command_err && !err) || !rec->length_ns) { /* there was nothing to see */
		names_cache_free(names);
		store_discard(o->store);
		o->store = NULL;
		recording_free(rec);
		return command_err && !err ? command_err : own_failure(err);
	}
	file_finish(o, rec);
	names_hand_over(o, names);
	if (!err && o->file_err) {
		*error = o->file_error;
		err = o->file_err;
	}
	*out = rec;
	return own_failure(err);
}

int observe(const struct observe_options *options, struct recording **out, struct error *error)
{
	struct observation o = {.options = options};
	struct error ignored;
	int err = observation_open(&o, error);

	if (!err)
		err = observation_run(&o, out, error);
	else
		session_close(o.session);
	if (o.has_command) {
		int status;

		command_finish(&o.command, &status, &ignored);
	}
	signals_release();
	return err;
}
