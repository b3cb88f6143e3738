/* SPDX-License-Identifier: BSD-2-Clause */
/* One window of observation, for every command that traces. */
#ifndef STRAIT_OBSERVE_H
#define STRAIT_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/target.h"
#include "model/recording.h"
#include "util/error.h"

#define OBSERVE_SECOND 1000000000ULL
/* warmup_ns: one second, unless the window is short. */
#define OBSERVE_WARMUP_AUTO UINT64_MAX

struct observe_options {
	struct target_options target;
	uint32_t sample_hz;
	bool alloc;         /* allocators too */
	double budget;      /* of all CPUs' time, 0 … 1 */
	uint64_t length_ns; /* 0 = until the command ends, OBSERVE_LENGTH without one */
	bool endless;       /* until a signal; length_ns is not looked at */
	bool confine;       /* for good: nothing comes but windows, all as this one */
	uint64_t slice_ns, warmup_ns, wait_threshold_ns;

	const char *file; /* write the recording there too, NULL = nowhere */
	bool replace;     /* an older recording of that name */
	bool file_only;   /* nothing but the file is wanted: a full disk ends the window */
	bool quiet;       /* no progress and no notices */
	const char *btf;  /* the kernel's types are in this file; NULL = the kernel tells them */
	bool debuginfod;  /* fetch debug files that are not here */
	/* Out: to be given to observe_keep_names() when the result is shown. NULL = done at once.
	 */
	struct names_cache **names;
	bool quiet_command; /* what the command prints goes to stderr: a program reads stdout */

	/*
	 * Called when a slice has ended, NULL = nothing. It may drop the observations (see
	 * monitor/window.h). A negative return ends the window, and observe() returns it.
	 */
	int (*slice)(void *context, struct recording *rec, struct error *error);
	void *context;
};

#define OBSERVE_DEFAULTS                                                                           \
	{                                                                                          \
		.sample_hz = 99, .budget = 0.01, .slice_ns = OBSERVE_SECOND,                       \
		.wait_threshold_ns = OBSERVE_SECOND / 1000, .warmup_ns = OBSERVE_WARMUP_AUTO       \
	}
#define OBSERVE_LENGTH (10 * OBSERVE_SECOND) /* where neither -d nor a command says otherwise */

/* The row of --budget, for a command's own table. */
#define OBSERVE_BUDGET_ROW(value)                                                                  \
	{                                                                                          \
		"budget", 0, "PERCENT", option_percent, &(value),                                  \
			"what watching may cost, as a share of the time of all CPUs, 1% without "  \
			"it. Where system calls are so many that it would cost more, they are "    \
			"observed for a part of the time only, and estimated",                     \
			"a share of the CPUs in percent", 0.01, 100                                \
	}

/* The same of --btf. */
#define OBSERVE_BTF_ROW(value)                                                                     \
	{                                                                                          \
		"btf", 0, "FILE", option_text, &(value),                                           \
			"take the types of the running kernel from this file: BTF, or an ELF "     \
			"file that has it, such as vmlinux"                                        \
	}

/* Adds the rows that say how to observe. */
void observe_rows(struct option_table *table, struct observe_options *options);

/*
 * Watches until the window is over, a signal ends it (which is no error), or the command ends. Then
 * *out is the recording, to be freed by the caller; its file, if there is one, is complete. Shows
 * progress and notices on stderr.
 *
 * Where it fails half-way, *out is set too: what was captured until then. When it could not begin,
 * *out is untouched. -EPERM and -ENOTSUP mean that this host or these rights cannot do it, and
 * nothing else does; -EINVAL: see observe_check().
 */
int observe(const struct observe_options *options, struct recording **out, struct error *error);

/*
 * Keeps the names of what was observed for when it is met without its symbols; frees `names`, NULL
 * is nothing. A few ms a program that was not met before, half a second at most.
 */
void observe_keep_names(struct names_cache *names);

/*
 * The command line of commands that do nothing but watch: fills the tables that the usage shows,
 * with the rows of `own` behind the others of `how`, and reads the arguments. OPTIONS_GO, or the
 * exit status.
 */
int observe_parse(const struct usage *usage, int argc, char **argv, struct option_table *target,
		  struct option_table *how, const struct option *own,
		  struct observe_options *options);

/* Checks that hold between options: 0, or -EINVAL with a text for options_wrong(). */
int observe_check(const struct observe_options *options, struct error *error);

#endif
