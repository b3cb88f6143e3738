/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report document: what the five phases concluded from one recording. Analysis builds it; the
 * renderers (text, JSON, …) show it and compute nothing. Its JSON form is in
 * docs/json.md. Text that came from a traced process is raw: renderers escape it.
 *
 * All strings belong to the document (document_text) or are literals. Shares are 0 … 1; a share's
 * basis is named beside it. NAN means "not observed" and is shown as such, never as 0.
 */
#ifndef STRAIT_DOCUMENT_H
#define STRAIT_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/vec.h"

struct spread {
	double avg, min, max, p50, p95, p99;
	uint64_t count; /* values it was made from */
};

struct metric {
	const char *name;  /* "cpu_busy_percent" */
	const char *unit;  /* "percent", "ms", "bytes/s", … */
	const char *label; /* of which device or interface, NULL = of the host */
	const char *what;  /* one line for people */
	struct spread spread;
};

struct service {
	const char *process, *container, *address, *protocol; /* NULL = unknown */
	uint32_t pid;
	double throughput_per_s, error_percent;  /* NAN = not observed */
	struct spread response_ms, delivered_ms; /* count 0 = not observed */
	const char *coverage;                    /* what could and could not be seen of it */
};

/*
 * A process whose resident memory grew, between its first and its last reading behind the warm-up.
 * The rate is the growth over the time between the two.
 */
struct memory_growth {
	const char *process, *container; /* container: NULL = none */
	uint32_t pid;
	uint64_t start_bytes, end_bytes, growth_bytes;
	double bytes_per_s, seconds;
	bool exited; /* inside the window: the host has the memory back */
};

enum severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };

/* What applies is set, the rest is NULL or 0. */
struct place {
	const char *process, *container, *cgroup, *function, *module, *file, *device, *path, *lock,
		*peer, *thread;
	uint32_t pid, line;
	/* Where `function` is not known: at which byte of the module's file it begins, by the
	 * unwind table. */
	uint64_t begin;
};

struct evidence {
	const char *what;
	double value;
	const char *unit;
};

struct link {
	const char *id; /* finding id, or a word for what happens there: "waits for CPU" */
	struct place where;
	struct place woken_by; /* who ended its waits, and in which function; empty = not known */
};

/* Of a finding about many groups: what it takes of one of them. */
struct part {
	uint32_t group;
	double share; /* as impact.share, of which it is a part */
};

enum confidence { CONFIDENCE_LOW, CONFIDENCE_MEDIUM, CONFIDENCE_HIGH };
enum effort { EFFORT_QUICK, EFFORT_MEDIUM, EFFORT_COMPLEX };

struct impact {
	double share, low, high;
	const char *basis;
};

struct bottleneck {
	uint32_t rank;        /* 1 = first */
	const char *id;       /* "cpu.antagonist" */
	const char *resource; /* "cpu", "disk", … */
	const char *title;    /* one sentence */
	enum severity severity;
	enum confidence confidence;
	struct place where;
	struct impact impact;
	VEC(struct link) chain; /* cause first, victim last */
	VEC(struct evidence) evidence;
	VEC(uint32_t) stacks; /* positions in the recording's stacks */

	/* For phase four. */
	const char *action; /* what to do, imperative, one or two sentences */
	enum effort effort;
	double effort_hours[2];
	/*
	 * What the fix removes: `removable` of the impact's time. `group` is the group of processes
	 * whose time is saved, `group_ns` how much of its time the cause takes; `subject` the group
	 * that the finding is about (positions in the analysis' groups, NONE = the host).
	 */
	double removable, group_ns;
	uint32_t group, subject;
	VEC(uint32_t) covers; /* further groups that take part: it explains theirs as well */
	/* Where there is no subject, but many groups of which each could be: them. Else none. */
	VEC(struct part) parts;
	bool of_running; /* the time is CPU time of `subject`: such findings overlap */
};

struct hotspot {
	uint32_t rank;
	const char *kind;                               /* sample kind: "cpu", "offcpu", … */
	const char *function, *module, *file, *process; /* NULL = unknown */
	const char *container;                          /* NULL = none */
	uint64_t begin;                                 /* struct place.begin */
	uint32_t line;
	double self_share, total_share; /* of the kind's weight */
	double self_low, self_high;     /* 95 % interval (Wilson) of self_share */
	double self_weight;             /* seconds of CPU, of waiting, …: */
	const char *self_unit;          /* its unit, NULL = "s" */
	enum severity severity;
	double impact;    /* share of the busy threads' wall time */
	double priority;  /* impact × confidence / effort, see strategy */
	uint32_t of_kind; /* how many of its kind are hotter */
};

/* What long waits were in the end, or a part of them. */
struct terminal {
	const char *what; /* "running", "disk read", … */
	struct place who;
	double share; /* of the waits */
};

/* Long waits of one kind in one place, all of them ended by one party from one place. */
struct wakeup {
	uint32_t rank;
	const char *state;    /* what for: "local peer", "mutex", … */
	struct place waits;   /* who, and where */
	const char *ended_by; /* "thread", "timer", "softirq NET_RX", … */
	struct place wakes;   /* of a thread: who, and where; else empty */
	uint64_t count;
	double seconds, longest_ms;
	bool blamed;                    /* for another's work; else it may be idleness */
	VEC(struct terminal) terminals; /* of those a thread ended; largest first */
	VEC(struct link) chain;         /* of the longest, likewise; cause first, victim last */
};

/* Long waits for a CPU of one kind of threads, while threads of another had it. */
struct delayed {
	uint32_t rank;
	struct place waits, occupant; /* occupant: empty = nobody, or not known */
	const char *why;              /* "no CPU free", "quota", "real time", … */
	uint64_t count;               /* of the waits in which it took part */
	double seconds;               /* of these, that it had the CPU */
	double longest_ms;            /* the longest of these, all of it */
};

struct prediction {
	const char *metric;
	double saved_share, low, high, speedup;
	const char *method;
};

struct step {
	uint32_t order, bottleneck; /* bottleneck: rank */
	enum effort category;
	double effort_hours[2];
	const char *action;
	struct prediction predicted;
};

struct threshold {
	const char *name, *comparison, *unit;
	double threshold;
	const char *from; /* "default", "user", "baseline NAME" */
	double current;   /* in this window, NAN = not observed */
	bool exceeded;
};

struct skipped {
	const char *family, *why;
};

struct counted {
	const char *what;
	uint64_t count;
};

/* The tables by which user stacks were unwound. */
struct unwind_tables {
	bool observed;
	uint64_t loaded, cached;  /* cached: of the loaded ones, found on disk */
	uint64_t evicted;         /* thrown out again: they took more memory than they may */
	uint64_t failed, refused; /* files: none could be made of them; too many waited */
	uint64_t bytes;           /* of all at the end */
	double longest_ms;        /* until the one that took longest was there */
};

struct document {
	const char *version, *host, *kernel, *arch;
	uint32_t cpus;
	uint64_t memory_bytes;
	const char *start; /* ISO 8601, UTC */
	double seconds;
	uint32_t slices, warmup_slices;
	const char *target_kind, *target_name;
	bool cut; /* the recording is incomplete: it was killed, or the disk was full */

	struct {
		uint64_t lost_events, lost_samples;
		VEC(struct counted) lost; /* by reason */
		VEC(struct skipped) skipped;
		uint64_t cpu_samples, user_samples, user_complete;
		/* Waits: of the time that threads of the target were blocked, the share whose place
		 * is known; how many places were looked at twice, and were another one. NAN, 0 =
		 * none. */
		/* Shares of the window in which system calls, messages, and allocations were
		 * observed; NAN = none were. */
		double calls_observed, messages_observed, allocs_observed;
		uint64_t alloc_files; /* of these: with an allocator that was probed */
		double samples_taken; /* share of the CPU samples that were due; NAN = not known */
		double self_budget_percent;    /* of one CPU; NAN = not known */
		double self_interrupt_percent; /* of one CPU, beside strait's; NAN = not known */
		double waits_placed;
		uint64_t waits, places_checked, places_wrong;
		/* Waits told one by one; of the time of those that a thread ended, the share of
		 * which is known in what function (NAN = there were none); waits in poll that were
		 * too many to be told. */
		uint64_t waits_single;
		double wakers_placed;
		uint64_t polls_untold;
		/* Long waits for a CPU; of them, told one by one. */
		uint64_t delays, delays_single;
		double delays_seconds;
		uint64_t tracing_samples; /* of cpu_samples: inside tracing programs, no hotspots */
		uint32_t sample_hz;
		const char *sample_source;
		VEC(struct counted) incomplete; /* user samples by reason */
		struct unwind_tables tables;
		double ledger_share; /* threads' wall time accounted / observed; 1 = all */
		double self_cpu_percent, self_bpf_percent;
		uint64_t self_rss_bytes, self_map_bytes;
	} coverage;

	VEC(struct metric) metrics;
	VEC(struct service) services;
	bool memory_growth_observed; /* false: nothing is known, else an empty list is none */
	VEC(struct memory_growth) memory_growth; /* the largest growth first */
	VEC(struct bottleneck) bottlenecks;
	const char *verdict; /* one sentence: the answer */
	VEC(struct hotspot) hotspots;
	VEC(struct wakeup) wakeups; /* those that are blamed first, then by time */
	VEC(struct delayed) delays; /* by time */
	VEC(struct step) steps;
	struct prediction total;
	VEC(struct threshold) thresholds;

	VEC(char *) owned; /* text made by document_text */
};

struct document *document_new(void);
void document_free(struct document *doc);
/* What a finding owns, not itself. */
void bottleneck_free(struct bottleneck *finding);

/* A formatted text that lives as long as the document. */
const char *document_text(struct document *doc, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

const char *severity_name(enum severity severity);       /* "critical", … */
const char *confidence_name(enum confidence confidence); /* "high", … */
const char *effort_name(enum effort effort);             /* "quick", "medium", "complex" */

#endif
