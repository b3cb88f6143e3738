/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a trace again: a discrete-event simulation in which the threads' steps queue for the host's
 * CPUs anew, as they were or with something changed.
 *
 * The scheduler is one of fair shares by weight, within scheduling groups and between them, with
 * real-time priorities above (CFS, sched(7)): idle CPUs take what waits elsewhere, and a turn ends
 * when others wait and its time is up.
 */
#ifndef STRAIT_REPLAY_RUN_H
#define STRAIT_REPLAY_RUN_H

#include "analysis/replay_trace.h"

/* What is otherwise for one thread. All zero but for `run`: nothing. */
struct replay_change {
	double run; /* factor of the CPU time of its steps: 1 = as it was, 0 = none */
	float spared[STATE_COUNT]; /* of its waits in each state, the share that is gone */
	float unlocked;            /* the same of those for mutexes that others hold */
	bool unheld;               /* no quota holds it */
	bool unpinned;             /* it may use all CPUs */
	bool ordinary;             /* no real-time priority */
	bool yields;               /* runs that ended with sched_yield() take no time */
	double weight;             /* its share of the CPUs, 1024 = nice 0; 0 = as it was */
};
#define REPLAY_UNCHANGED ((struct replay_change){.run = 1})

struct replay_scheduler {
	uint64_t turn_ns;   /* of a thread while others wait */
	bool wakes_preempt; /* a thread that wakes takes the CPU from one that had more of it */
};

/*
 * changes: one for each thread of the trace. done_ns: filled with when the steps of each were done,
 * since the begin. budget: events that may be looked at, less those that were. False if the replay
 * came to no end within its bounds.
 */
bool replay_run(const struct replay_trace *trace, const struct recording *rec,
		const struct replay_scheduler *scheduler, const struct replay_change *changes,
		uint64_t *done_ns, uint64_t *budget);

/* The weight of a thread of this nice level: 1024 at 0, a factor of 1.25 a level (sched(7)). */
double replay_weight(int32_t nice);

#endif
