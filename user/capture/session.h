/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture session: the programs loaded and attached, the ring buffer read, the maps drained slice
 * by slice into a recording.
 *
 *   session_open → session_run (slices until the time is over or `stop` is set) → session_close
 */
#ifndef STRAIT_SESSION_H
#define STRAIT_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/recording.h"
#include "symbols/symbols.h"
#include "util/error.h"
#include "wire.h"
#include "wire_walk.h" /* for the skeleton */

struct strait_bpf;
struct bpf_map;
struct bpf_link;
struct ring_buffer;
struct session;
struct family;

#define SESSION_FAMILIES 16
#define SESSION_TARGETS  64 /* pids in -p */

struct session_options {
	uint32_t sample_hz; /* 1 … 10000 */
	uint64_t length_ns; /* of the window; 0 = until stopped */
	uint64_t slice_ns;  /* 1 s by default */
	uint64_t warmup_ns; /* the slices that begin before this are warm-up */
	uint64_t wait_threshold_ns;
	const char *btf; /* a file with the kernel's types; NULL = as the kernel tells them */
	bool alloc;      /* observe allocators, which makes their calls many times dearer */
	double budget;   /* what the programs may cost: share of all CPUs' time, 0 … 1 */
	const struct symbols_fetch *fetch; /* after the window; NULL = no file is fetched */
	struct symbols_fetched *fetched;   /* what came of it, NULL = of no interest */
	bool name_each_slice; /* the recording goes to a file: names are there if it is cut */
	bool details_later;   /* and lines and inlined functions at the end, where they can wait */

	enum target_kind target;
	pid_t pids[SESSION_TARGETS];
	size_t pid_count;
	uint64_t cgroup;         /* id as in struct wire_thread */
	const char *target_name; /* for the report */
	int command_fd; /* TARGET_COMMAND: write a byte here to let the command begin; -1 */

	const volatile sig_atomic_t *stop; /* set by a signal handler: end the window early */
	volatile sig_atomic_t *pause;      /* likewise: stand still until SIGCONT; taken back */
	/* Called at the end of every slice, NULL = nothing. A negative return ends the window. */
	int (*slice_done)(void *context, struct recording *rec, struct error *error);
	void *slice_context;
};

struct session {
	struct session_options options;
	struct strait_bpf *skeleton;
	struct recording *recording;
	struct symbols *symbols;
	int nice;          /* of this thread, as the user wanted it */
	uint64_t begin_ns; /* CLOCK_MONOTONIC at the begin of the window */

	uint64_t slice_end_ns; /* CLOCK_MONOTONIC: end of the slice that is being drained */
	bool last_slice;       /* nothing is drained after it */
	uint64_t over_ns;      /* CLOCK_MONOTONIC at the end of the window, 0 = it is not over */
	uint64_t due_ns;       /* a family's tick is wanted at that time; CLOCK_MONOTONIC */

	struct tasks *tasks;   /* processes, threads and their ledgers: tasks.h */
	struct stacks *stacks; /* stack ids seen so far: stacks.h */
	struct series *series; /* figures from /proc: series.h */
	struct loader *loader; /* what was loaded, what was not, and why: loader.h */
	struct meter *meter;   /* what strait itself costs: meter.h */
	struct budget *budget; /* what the programs cost and may: budget.h */
	struct ring_buffer *ring;
	VEC(struct bpf_link *) links;
	uint64_t dropped[DROP_COUNT], missed; /* when last read */
	void *family_data[SESSION_FAMILIES];  /* of each family, by its position in families[] */
	bool family_off[SESSION_FAMILIES];    /* its attach failed: not drained */
};

/* Loads and attaches everything this kernel allows; what it does not is said in the recording. */
int session_open(struct session **out, const struct session_options *options, struct error *error);

/*
 * Observes until the window is over. The recording is complete afterwards, names included.
 * Returns 0, or a negative errno if observing failed half-way (the recording holds what was seen).
 */
int session_run(struct session *session, struct error *error);

/*
 * What is to be kept of names, to be written when nobody waits for the report any more
 * (names_cache_store()), and freed. Between session_run() and session_take().
 */
struct names_cache *session_take_names(struct session *session);
/* Hands over the recording and detaches everything. */
struct recording *session_take(struct session *session);
void session_close(struct session *session);

/* ---- for families ---- */

/* The process with this id now: its position in the recording. */
uint32_t session_process(struct session *session, uint32_t tgid);
/* The thread with this id now; `tgid` its process. */
uint32_t session_thread(struct session *session, uint32_t tid, uint32_t tgid);
/* The stack of these two ids (0 = none), kernel part first: its position in the recording. */
uint32_t session_stack(struct session *session, uint64_t kernel_id, uint64_t user_id);
/* A struct wire_sample of the ring buffer → a sample of this kind. */
void session_sample(struct session *session, enum sample_kind kind, const void *record,
		    size_t size);
/* ns since the window began, 0 for earlier times. */
uint64_t session_time(const struct session *session, uint64_t monotonic_ns);

#endif
