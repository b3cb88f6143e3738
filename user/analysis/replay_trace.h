/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recorded excerpt of the schedule as what each thread did, free of when it got a CPU for it: a
 * list of steps, each of which needs CPU time, ends another thread's wait, or waits. Replaying the
 * steps under other conditions gives another schedule of the same work (replay_run.h).
 *
 * A wait that a thread ended is over when that thread gets to the same point of its own work, be it
 * earlier or later than it was; one that an interrupt ended takes as long as it took. Steps depend
 * only on steps that were recorded earlier, so a replay always comes to an end.
 */
#ifndef STRAIT_REPLAY_TRACE_H
#define STRAIT_REPLAY_TRACE_H

#include "model/recording.h"

/* Steps of one excerpt that are looked at. */
#define REPLAY_EVENTS 65536
/* More CPUs than affinity masks tell apart are not replayed. */
#define REPLAY_CPUS 256

/* Scheduling groups that are told apart. */
#define REPLAY_GROUPS 256

enum step_kind {
	STEP_RUN,   /* needs a CPU for `ns` */
	STEP_WAKE,  /* ends the wait that is step `step` of thread `thread` */
	STEP_WAIT,  /* until another thread's STEP_WAKE for it; it took `ns` */
	STEP_SLEEP, /* for `ns`: ended by a timer, a device, another host */
	STEP_HELD,  /* for `ns`: the CPU quota of its group was used up */
};

struct replay_step {
	uint8_t kind;    /* enum step_kind */
	uint8_t state;   /* of STEP_WAIT and STEP_SLEEP: enum thread_state */
	bool lock;       /* it waits for a mutex that another thread holds */
	bool yielded;    /* STEP_RUN: it ended with sched_yield() */
	uint32_t thread; /* STEP_WAKE: position in the trace's threads */
	uint32_t step;
	uint64_t ns;
};

/* How a thread begins. */
enum replay_start { START_BLOCKED, START_READY, START_RUNNING };

/* Times count from the begin of the excerpt. */
struct replay_thread {
	uint32_t thread;      /* position in the recording */
	uint32_t sched_group; /* small numbers; see `groups` */
	uint32_t cpu;         /* where it was first */
	uint8_t start;        /* enum replay_start */
	VEC(struct replay_step) steps;
	uint64_t end_ns;    /* when its recorded steps were done */
	uint64_t idle_ns;   /* of it, waits for work to arrive: STEP_SLEEPs of that kind */
	uint64_t active_ns; /* it worked, or was kept from it */
	uint64_t run_ns;    /* it had a CPU */
	uint64_t yield_ns;  /* of active_ns: turns that ended with sched_yield(), and until the next
			     */
};

struct replay_trace {
	VEC(struct replay_thread) threads;
	uint32_t cpus;            /* numbers are below this */
	bool absent[REPLAY_CPUS]; /* of these, those that are off line */
	uint32_t groups;          /* scheduling groups */
	uint32_t root;            /* the one whose threads stand for themselves; NONE = not known */
	uint64_t length_ns;
};

/* Makes the trace of an excerpt; false if there is nothing in it that could be replayed. */
bool replay_trace_make(struct replay_trace *trace, const struct recording *rec, uint32_t excerpt);
void replay_trace_free(struct replay_trace *trace);

#endif
