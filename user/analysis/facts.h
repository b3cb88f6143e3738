/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording summed up for reasoning: what each thread and each group of processes did with its
 * time. A group is what an operator would call one service or job: the processes that run the same
 * executable in the same cgroup (and are all targeted, or none of them).
 */
#ifndef STRAIT_FACTS_H
#define STRAIT_FACTS_H

#include "model/document.h"
#include "model/recording.h"

/* Why a thread that could run did not. */
enum ready_cause {
	READY_SATURATED,  /* more work than CPUs, of its own kind or of equals */
	READY_ANTAGONIST, /* a job that never waits took the CPU from one that does */
	READY_REALTIME,   /* a real-time thread took it */
	READY_PRIORITY,   /* one of higher priority took it */
	READY_AFFINITY,   /* it may not use the CPUs that are idle */
	READY_INTERRUPTS, /* softirq threads took it */
	READY_CAUSES,
};

struct thread_facts {
	uint64_t ns[STATE_COUNT];
	uint64_t total;  /* observed life */
	uint64_t active; /* working or held back from it */
	uint32_t group;
	bool busy; /* active for a notable part of its life */
};

struct group {
	char *name;       /* "sh", "sh (podman:web)": of the process that worked most */
	uint32_t process; /* that process: position in the recording */
	uint32_t cgroup;  /* position, NONE = unknown */
	uint32_t processes, threads, busy_threads;
	bool kernel, targeted;
	bool server;            /* has a listening socket */
	bool realtime;          /* most of its CPU time is that of real-time threads */
	double nice;            /* mean of its threads, by active time */
	bool idle_class;        /* SCHED_IDLE or SCHED_BATCH mostly */
	bool pinned;            /* its busy threads may use only some of the CPUs */
	double ns[STATE_COUNT]; /* of its busy threads */
	double total, active;   /* ns, of its busy threads */
	double samples;         /* CPU samples, without those inside interrupts */
	double lock_ns;         /* its threads waited for a mutex that another held */
	double interpreter_ns;  /* an interpreter's lock alone held its threads back */
};

/* A process whose threads take turns under one lock (interpreters.h). */
struct interpreter {
	uint32_t group, process;
	uint32_t module, name, stack; /* the function they wait in; where most of it was */
	uint32_t threads;             /* that take turns */
	double waits, waited_ns;      /* there, all of them together */
	double expired_share;         /* of the long waits: ended because their time was over */
	double run_ns, peak;          /* on a CPU together; most in one slice, CPUs */
	double held_ns;               /* of waited_ns: while there were idle CPUs for them */
};

/* A counter summed over the window. */
struct total {
	uint32_t metric, label, group;
	double value;
};

/* Bits of the states in which a thread has a CPU. */
#define STATES_ON_CPU                                                                              \
	(1u << STATE_RUN_USER | 1u << STATE_RUN_KERNEL | 1u << STATE_RUN_IRQ |                     \
	 1u << STATE_RUN_STOLEN)

struct facts {
	const struct recording *rec;
	double window_ns;
	struct thread_facts *threads; /* by thread position */
	uint32_t *process_group;      /* by process position, NONE = none */
	VEC(struct group) groups;
	double idle_share; /* of the CPUs' time; NAN = not observed */
	double cpu_ns;     /* CPU time there was: CPUs × window */
	double *cpu_idle;  /* idle share by CPU number, NAN = not observed */
	uint32_t cpu_count;
	VEC(struct interpreter) interpreters;
	VEC(struct total) totals; /* behind facts_count() */
	struct index by_total;
};

struct facts *facts_new(const struct recording *rec);
void facts_free(struct facts *facts);

uint32_t facts_process_group(const struct facts *facts, uint32_t process);
/* The group of a thread; NULL if it has none. */
struct group *facts_group(const struct facts *facts, uint32_t thread);

/* Sum of a counter (metric) of one group, NONE = of all; label NULL = any. */
double facts_count(const struct facts *facts, const char *metric, uint32_t group,
		   const char *label);
/* Sum, mean and maximum of a point over the slices; label NULL = any (mean: of all readings). */
double facts_point_sum(const struct facts *facts, const char *metric, const char *label);
double facts_point_mean(const struct facts *facts, const char *metric, const char *label);

/* How much of a group's running and waiting was of a kind that waits for nobody: 0 … 1. */
double group_batch_share(const struct group *group);
/* ns in which threads of the group had a CPU: interrupted and stolen time too. */
double group_on_cpu(const struct group *group);

/* Idle share of the CPUs that the group's busy threads may not use; 0 when they may use all. */
double facts_idle_elsewhere(const struct facts *facts, uint32_t group);

#endif
