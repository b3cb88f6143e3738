/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPUs of a replay and their run queues: who gets which CPU, and for how long.
 *
 * Each CPU has a queue. What waits in it competes by virtual time, which passes for a thread or a
 * group as slowly as its weight is high; the one that has had least is next. A group (cgroup or
 * session) competes with the others as one, with the weight of one thread of nice 0 spread over
 * the CPUs on which its threads are.
 */
#ifndef STRAIT_REPLAY_CPUS_H
#define STRAIT_REPLAY_CPUS_H

#include "analysis/replay_run.h"

struct cpus_thread {
	uint32_t step; /* the one it is at */
	uint64_t left; /* of that step, ns of CPU time */
	bool blocked, timed, done;
	uint32_t cpu; /* the last one it had or queued for */
	uint32_t group;
	bool alone;           /* it is in no group but the root */
	uint32_t realtime;    /* priority, 0 = none */
	double weight, had;   /* had: virtual time */
	const uint64_t *mask; /* of CPUs, NULL = all */
	uint64_t queued_at;
	double spared; /* waits that are no more, less those that were left out for it */
};

struct cpus_cpu {
	uint32_t current; /* thread, NONE = idle */
	uint64_t since;   /* charged up to here */
	uint64_t turn;    /* begin of the current thread's turn */
	bool resched;     /* somebody came into the queue */
	VEC(uint32_t) queue;
	double floor; /* virtual time of what was picked last among threads alone and groups */
};

/* A scheduling group on one CPU. */
struct cpus_share {
	double had, floor; /* floor: of what was picked last within the group */
	double load;       /* weights of its threads here, queued or running */
};

struct cpus {
	const struct replay_scheduler *scheduler;
	const bool *absent; /* CPUs that are off line */
	struct cpus_thread *threads;
	struct cpus_cpu at[REPLAY_CPUS];
	uint32_t len, groups;
	struct cpus_share *shares; /* [cpu * groups + group] */
	double *loads;             /* of each group on all CPUs */
	uint64_t now, balanced;
	uint32_t waiting;           /* threads in queues */
	uint64_t next[REPLAY_CPUS]; /* when something happens on the CPU by itself: cpus_settle() */
	bool changed[REPLAY_CPUS];  /* since then */
};

void cpus_open(struct cpus *cpus, const struct replay_trace *trace, const struct recording *rec,
	       const struct replay_scheduler *scheduler, const struct replay_change *changes);
void cpus_close(struct cpus *cpus);

static inline bool cpus_idle(const struct cpus *cpus, uint32_t cpu)
{
	return cpus->at[cpu].current == NONE;
}

/* Puts a thread into the queue of a CPU that it may use, of `cpu` if it may use that. */
void cpus_enqueue(struct cpus *cpus, uint32_t thread, uint32_t cpu);
/* The same for one that was woken: an idle CPU is looked for. */
void cpus_enqueue_woken(struct cpus *cpus, uint32_t thread);
/* Gives an idle CPU to the next thread, from another queue if its own is empty; NONE = nobody. */
uint32_t cpus_pick(struct cpus *cpus, uint32_t cpu);
/* The thread on the CPU is blocked or done. */
void cpus_release(struct cpus *cpus, uint32_t cpu);
/* Counts the time up to now for the thread on the CPU. */
void cpus_charge(struct cpus *cpus, uint32_t cpu);
/* Ends the turn of the thread on the CPU if it is over and others wait. */
void cpus_turn(struct cpus *cpus, uint32_t cpu);
/* The thread on the CPU lets those of its group that wait for it go first. */
void cpus_yield(struct cpus *cpus, uint32_t cpu);
/* Takes the CPU from its thread if one that was woken goes before it: true. */
bool cpus_preempt(struct cpus *cpus, uint32_t cpu);
/* Whether the CPU has to be looked at: it may be given to somebody. */
static inline bool cpus_pending(const struct cpus *cpus, uint32_t cpu)
{
	return cpus->changed[cpu] || (cpus->waiting && cpus_idle(cpus, cpu));
}

/* The CPU is up to date: finds out when it is to be looked at next. */
void cpus_settle(struct cpus *cpus, uint32_t cpu);

#endif
