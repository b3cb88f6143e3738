/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase 3: who had the CPU while threads waited long for it, and why they did not get it. */
#include <math.h>
#include <sched.h>
#include <stdlib.h>

#include "analysis/phases.h"
#include "analysis/wakeups.h"

#define DELAYS    30    /* told */
#define MIN_SHARE 0.005 /* of the time of all long waits for a CPU */
/* As in blame.c, for single threads. */
#define NICE_APART     5
#define IDLE_ELSEWHERE 0.2

enum why {
	WHY_NO_CPU,
	WHY_QUOTA,
	WHY_REALTIME,
	WHY_PRIORITY,
	WHY_AFFINITY,
	WHY_INTERRUPTS,
	WHY_UNKNOWN,
	WHYS,
};

static const char *const why_names[WHYS] = {
	[WHY_NO_CPU] = "no CPU free",        [WHY_QUOTA] = "quota",
	[WHY_REALTIME] = "real time",        [WHY_PRIORITY] = "priority",
	[WHY_AFFINITY] = "affinity",         [WHY_INTERRUPTS] = "interrupts",
	[WHY_UNKNOWN] = "nobody seen there",
};

/* Waits of one group's threads of one name, of which another such group had the CPU. */
struct kind {
	uint32_t victim, victim_comm;     /* group, string */
	uint32_t occupant, occupant_comm; /* NONE, 0 = nobody */
	uint32_t why;
	/* ---- not part of what it is ---- */
	uint32_t thread, other; /* of the longest */
	double count, ns;
	uint64_t longest_ns;
};

struct kinds {
	struct analysis *a;
	VEC(struct kind) kinds;
	struct index by_key;
	double *idle; /* by thread: idle share of the CPUs that it may not use; NAN = not asked yet
		       */
	double ns;
};

/* ---- why ---- */

static bool thread_realtime(const struct thread *thread)
{
	return thread->realtime_priority || thread->policy == SCHED_FIFO ||
	       thread->policy == SCHED_RR || thread->policy == 6 /* SCHED_DEADLINE */;
}

static double idle_elsewhere(const struct facts *facts, const struct thread *thread)
{
	uint32_t cpus = facts->cpu_count < 256 ? facts->cpu_count : 256, count = 0;
	double sum = 0;

	if (!thread->cpus_allowed || thread->cpus_allowed >= facts->rec->host.cpus)
		return 0;
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		if (thread->cpu_mask[cpu / 64] >> cpu % 64 & 1 || isnan(facts->cpu_idle[cpu]))
			continue;
		sum += facts->cpu_idle[cpu];
		count++;
	}
	return count ? sum / count : 0;
}

static bool thread_pinned_away(const struct kinds *kinds, uint32_t thread)
{
	if (isnan(kinds->idle[thread]))
		kinds->idle[thread] =
			idle_elsewhere(kinds->a->facts, &kinds->a->rec->threads.at[thread]);
	return kinds->idle[thread] > IDLE_ELSEWHERE;
}

/* A thread of the kernel that is there for interrupts: as ready_classify() has it for groups. */
static bool thread_interrupts(const struct analysis *a, uint32_t thread)
{
	const uint64_t *ns = a->facts->threads[thread].ns;

	return a->rec->processes.at[a->rec->threads.at[thread].process].kernel &&
	       2 * ns[STATE_RUN_IRQ] > ns[STATE_RUN_USER] + ns[STATE_RUN_KERNEL] +
					       ns[STATE_RUN_IRQ] + ns[STATE_RUN_STOLEN];
}

/* Why `other` had the CPU and `thread` had not. */
static enum why why_of(const struct kinds *kinds, uint32_t thread, uint32_t other)
{
	const struct thread *victim = &kinds->a->rec->threads.at[thread], *occupant;

	if (other == NONE)
		return thread_pinned_away(kinds, thread) ? WHY_AFFINITY : WHY_UNKNOWN;
	occupant = &kinds->a->rec->threads.at[other];
	if (thread_realtime(occupant) &&
	    (!thread_realtime(victim) || occupant->realtime_priority > victim->realtime_priority))
		return WHY_REALTIME;
	if (thread_interrupts(kinds->a, other))
		return WHY_INTERRUPTS;
	if (thread_pinned_away(kinds, thread))
		return WHY_AFFINITY;
	if (victim->nice - occupant->nice >= NICE_APART ||
	    (victim->policy == SCHED_IDLE && occupant->policy != SCHED_IDLE))
		return WHY_PRIORITY;
	return WHY_NO_CPU;
}

/* ---- sums ---- */

static bool kind_equal(const void *context, uint32_t position, const void *key)
{
	const struct kind *at = &((const struct kinds *)context)->kinds.at[position], *wanted = key;

	return at->victim == wanted->victim && at->victim_comm == wanted->victim_comm &&
	       at->occupant == wanted->occupant && at->occupant_comm == wanted->occupant_comm &&
	       at->why == wanted->why;
}

static uint64_t kind_hash(const struct kind *kind)
{
	return hash_mix(hash_mix((uint64_t)kind->victim << 32 | kind->victim_comm, kind->why),
			(uint64_t)kind->occupant << 32 | kind->occupant_comm);
}

/* `other` (NONE = nobody) had the CPU for `part` of what the wait stands for. */
static void kinds_add(struct kinds *kinds, const struct delay *delay, uint32_t other, double part,
		      enum why why)
{
	const struct analysis *a = kinds->a;
	uint64_t length = delay->end_ns - delay->begin_ns;
	struct kind kind = {.victim = a->facts->threads[delay->thread].group,
			    .victim_comm = a->rec->threads.at[delay->thread].comm,
			    .occupant = NONE,
			    .why = why,
			    .thread = delay->thread,
			    .other = other};
	uint64_t hash;
	uint32_t found;
	struct kind *at;

	if (other != NONE) {
		kind.occupant = a->facts->threads[other].group;
		kind.occupant_comm = a->rec->threads.at[other].comm;
	}
	hash = kind_hash(&kind);
	found = index_find(&kinds->by_key, hash, kind_equal, kinds, &kind);
	if (found == INDEX_NONE) {
		found = (uint32_t)kinds->kinds.len;
		index_add(&kinds->by_key, hash, found);
		vec_push(&kinds->kinds, kind);
	}
	at = &kinds->kinds.at[found];
	at->count += length ? (double)delay->weight_ns / (double)length : 1;
	at->ns += (double)delay->weight_ns * part;
	if (length > at->longest_ns) {
		at->longest_ns = length;
		at->thread = delay->thread;
		at->other = other;
	}
}

#define NOBODY_MIN_SHARE 0.1 /* less of a wait is the switching between those who ran */

/*
 * A wait is shared out among those who had the CPU in the part of it that was seen. `first`: its
 * occupants; returns the position behind them.
 */
static size_t delay_add(struct kinds *kinds, uint32_t position, size_t first)
{
	const struct recording *rec = kinds->a->rec;
	const struct delay *delay = &rec->delays.at[position];
	double seen = (double)delay->seen_ns, ran = 0;
	size_t end = first;

	for (; end < rec->occupants.len && rec->occupants.at[end].delay == position; end++)
		ran += (double)rec->occupants.at[end].ns;
	if (kinds->a->facts->threads[delay->thread].group == NONE)
		return end;
	kinds->ns += (double)delay->weight_ns;
	/* Whoever has the CPU meanwhile takes nothing from a thread that may have none. */
	if (delay->state == STATE_READY_THROTTLED) {
		kinds_add(kinds, delay, NONE, 1, WHY_QUOTA);
		return end;
	}
	if (ran > seen * (1 - NOBODY_MIN_SHARE))
		seen = ran;
	for (size_t i = first; i < end && seen > 0; i++)
		kinds_add(kinds, delay, rec->occupants.at[i].thread,
			  (double)rec->occupants.at[i].ns / seen,
			  why_of(kinds, delay->thread, rec->occupants.at[i].thread));
	if (seen > ran || seen <= 0)
		kinds_add(kinds, delay, NONE, seen > 0 ? (seen - ran) / seen : 1,
			  why_of(kinds, delay->thread, NONE));
	return end;
}

static int by_time(const void *a, const void *b)
{
	const struct kind *left = a, *right = b;

	if (left->ns != right->ns)
		return left->ns < right->ns ? 1 : -1;
	return left->thread != right->thread ? (left->thread < right->thread ? -1 : 1)
					     : (int)left->why - (int)right->why;
}

static void kind_tell(struct analysis *a, const struct kind *kind)
{
	struct delayed *row = vec_extend(&a->doc->delays, 1);

	row->rank = (uint32_t)a->doc->delays.len;
	row->waits = wakeup_place(a, kind->victim, kind->thread, NONE);
	if (kind->other != NONE)
		row->occupant = wakeup_place(a, kind->occupant, kind->other, NONE);
	row->why = why_names[kind->why];
	row->count = (uint64_t)(kind->count + 0.5);
	row->seconds = kind->ns / 1e9;
	row->longest_ms = (double)kind->longest_ns / 1e6;
}

void delays_find(struct analysis *a)
{
	struct kinds kinds = {.a = a};
	size_t at = 0;

	a->doc->coverage.delays = (uint64_t)facts_point_sum(a->facts, "delays.count", NULL);
	a->doc->coverage.delays_seconds = facts_point_sum(a->facts, "delays.ns", NULL) / 1e9;
	a->doc->coverage.delays_single = a->rec->delays.len;
	kinds.idle = malloc((a->rec->threads.len + 1) * sizeof(*kinds.idle));
	if (!kinds.idle)
		abort();
	for (size_t i = 0; i < a->rec->threads.len; i++)
		kinds.idle[i] = NAN;
	for (uint32_t i = 0; i < a->rec->delays.len; i++) {
		/* A file may hold occupants in any order. */
		while (at < a->rec->occupants.len && a->rec->occupants.at[at].delay < i)
			at++;
		at = delay_add(&kinds, i, at);
	}
	vec_sort(&kinds.kinds, by_time);
	vec_each(&kinds.kinds, kind)
		if (a->doc->delays.len < DELAYS && kind->ns > 0 && kind->ns >= MIN_SHARE * kinds.ns)
			kind_tell(a, kind);
	vec_free(&kinds.kinds);
	index_free(&kinds.by_key);
	free(kinds.idle);
}
