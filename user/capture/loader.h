/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading: which programs this kernel can take, decided by probing it, never by its version.
 *
 * A program whose tracepoint the kernel does not have is left out. One that the verifier refuses is
 * left out too and the rest is loaded again. Each omission is kept with its reason, for the
 * recording's coverage and for `strait doctor`.
 */
#ifndef STRAIT_LOADER_H
#define STRAIT_LOADER_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/session.h"
#include "util/rights.h"

struct bpf_program;
struct btf;

struct program_state {
	char name[48]; /* "sched__switch" */
	char hook[64]; /* "tp_btf/sched_switch" */
	bool loaded;
	char why[200]; /* if not loaded: one line */
};

struct loader {
	VEC(struct program_state) programs;
	bool untyped;      /* the kernel knows no types: the programs are others (untyped.h) */
	bool task_storage; /* ledgers are in task storage (else in a hash) */
	char lost[RIGHTS_LOST_TEXT]; /* what missing rights cost; empty = nothing */
	/* While it loads. */
	struct btf *kernel; /* the kernel's types; NULL = it tells none */
	struct btf *given;  /* the same from a file that was given; NULL = none was */
	int types_fd;       /* those of them that the programs need: kernel_types.h; -1 = all */
};

/*
 * Opens and loads the programs into session->skeleton. `configure` is called before every attempt
 * to set .rodata and map sizes. Fills session->loader.
 * -EPERM: rights are missing; -ENOTSUP: no BTF, or nothing at all could be loaded.
 */
int loader_load(struct session *session,
		int (*configure)(struct session *session, struct error *error),
		struct error *error);
void loader_free(struct loader *loader);

/* While it loads: the types that the programs are fitted to. */
const struct btf *loader_types(const struct loader *loader);

/* The tracepoint that programs of this section are at; NULL = at none. */
const char *program_tracepoint(const char *section);
/* Whether programs of this section run in an iterator of the kernel. */
bool program_iterates(const char *section);

/* Whether a program belongs to the family of this name. */
bool program_in_family(const char *program, const char *family);

/* What the kernel counted of programs since they were loaded. */
struct program_total {
	uint64_t run_ns, runs; /* as far as it was timed: bpf_enable_stats() */
	/*
	 * Events that a program missed because it was interrupted by itself: on newer kernels,
	 * programs on system calls can be preempted, and the kernel does not run a program twice on
	 * one CPU.
	 */
	uint64_t missed;
};

/*
 * Of the programs of each of `count` families, and in totals[count] of all others. One system call
 * for each program.
 */
void programs_spent(const struct session *session, const char *const names[], size_t count,
		    struct program_total totals[]);

/* Writes to the session's recording how each family fared that was asked for. */
void loader_tell(const struct session *session);

/* What the host lacks to run strait at all: 0, or a negative errno with a line that says it. */
int loader_check_host(struct error *error);

#endif
