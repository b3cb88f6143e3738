/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.ping-pong: two parties hand work to and fro in pieces so small that most of the time goes
 * to waking each other up. Its marks: they wake each other, equally often, and nobody else; each
 * runs for a few microseconds of its own code before it sleeps again; and the CPU samples lie in
 * wakeups and switches.
 *
 * A client and its server do the same with real work in between, and are no such thing.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/detectors/task_work.h"
#include "analysis/stats.h"

#define SWITCHES_PER_SECOND 2000.0
/*
 * Own code between two switches. A switch and a wakeup take 2 to 5 us on hardware, more where CPUs
 * go idle in between or are virtual: what runs longer than this is worth waking up for.
 */
#define USER_NS_MOST 10e3
#define SWITCH_SHARE 0.3 /* of the CPU samples */
#define MUTUAL_SHARE 0.6 /* of the wakeups of each, by the other */
#define BALANCE      0.5 /* wakeups one way to those the other way, at least */
#define LOCK_SHARE   0.5 /* of the waits: more of them for a mutex are lock.user's */

/* Wakeups of which the waker is known: of threads of `woken` by processes of `waker`. */
struct wakes {
	uint32_t woken, waker;
	double count;
};

struct table {
	VEC(struct wakes) at;
	double *all; /* by group: of its threads, by any known waker */
};

static void table_add(struct table *table, uint32_t woken, uint32_t waker, double count)
{
	vec_each(&table->at, at)
		if (at->woken == woken && at->waker == waker) {
			at->count += count;
			return;
		}
	vec_push(&table->at, (struct wakes){woken, waker, count});
}

static double table_get(const struct table *table, uint32_t woken, uint32_t waker)
{
	vec_each(&table->at, at)
		if (at->woken == woken && at->waker == waker)
			return at->count;
	return 0;
}

static double switches_of(const struct analysis *a, uint32_t group)
{
	return facts_count(a->facts, "sched.switches", group, NULL);
}

/* What could take part: the table is small then, whatever the host does. */
static bool group_switches(const struct analysis *a, uint32_t group)
{
	const struct group *g = &a->facts->groups.at[group];
	double switches = switches_of(a, group);

	return !g->kernel && switches / (a->facts->window_ns / 1e9) >= SWITCHES_PER_SECOND &&
	       g->ns[STATE_RUN_USER] / switches <= 2 * USER_NS_MOST;
}

static void table_fill(const struct analysis *a, struct table *table)
{
	bool *takes_part = calloc(a->facts->groups.len + 1, sizeof(*takes_part));

	if (!takes_part)
		abort();
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		takes_part[group] = group_switches(a, group);
	vec_each(&a->rec->edges, edge) {
		uint32_t woken = a->facts->threads[edge->thread].group;
		uint32_t waker = facts_process_group(a->facts, edge->party);

		if (edge->kind != EDGE_WAKER || woken == NONE || edge->party == NONE ||
		    !takes_part[woken])
			continue;
		table->all[woken] += (double)edge->count;
		if (waker != NONE)
			table_add(table, woken, waker, (double)edge->count);
	}
	free(takes_part);
}

/* What is known of a pair; of one group with itself, of the group. */
struct pair {
	uint32_t a, b;
	double there, back;                         /* wakeups of b by a, of a by b */
	double switches, wakeups, user, run, ready; /* ns: sums of both */
	double samples, switching, waits, lock_waits;
};

static void pair_add_group(const struct analysis *a, struct pair *pair, uint32_t group)
{
	const struct group *g = &a->facts->groups.at[group];

	pair->switches += switches_of(a, group);
	pair->wakeups += facts_count(a->facts, "sched.wakeups", group, NULL);
	pair->user += g->ns[STATE_RUN_USER];
	pair->run += g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL];
	pair->ready += g->ns[STATE_READY_WOKEN];
	vec_each(&a->rec->samples, sample) {
		double count = (double)sample->count;
		enum task_work work;

		if (a->facts->threads[sample->thread].group != group)
			continue;
		if (sample->kind == SAMPLE_OFFCPU || sample->kind == SAMPLE_IDLE)
			pair->waits += count;
		if (sample->kind == SAMPLE_LOCK)
			pair->lock_waits += count;
		if (sample->kind != SAMPLE_CPU || !sample_counts(a->rec, sample))
			continue;
		pair->samples += count;
		work = stack_work(a->rec, &a->rec->stacks.at[sample->stack]);
		if (work == WORK_SLEEP || work == WORK_WAKE)
			pair->switching += count;
	}
}

static bool pair_alternates(const struct table *table, struct pair *pair)
{
	double low, high;

	pair->there = table_get(table, pair->b, pair->a);
	pair->back = table_get(table, pair->a, pair->b);
	low = fmin(pair->there, pair->back);
	high = fmax(pair->there, pair->back);
	return low > 0 && low >= BALANCE * high &&
	       pair->there >= MUTUAL_SHARE * table->all[pair->b] &&
	       pair->back >= MUTUAL_SHARE * table->all[pair->a];
}

static const char *pair_name(struct analysis *a, const struct pair *pair)
{
	if (pair->a == pair->b)
		return finding_text(a, "threads of %s", group_name(a, pair->a));
	return finding_text(a, "%s and %s", group_name(a, pair->a), group_name(a, pair->b));
}

static void pair_tell(struct analysis *a, struct bottleneck *finding, const struct pair *pair)
{
	double seconds = a->facts->window_ns / 1e9;
	const struct function *here = waits_most(a, pair->a), *there = waits_most(a, pair->b);
	struct place other = place_group(a, pair->b);

	place_function(a, &finding->where, here);
	place_function(a, &other, there);
	if (here)
		vec_push(&finding->stacks, here->stack);
	if (there && there != here)
		vec_push(&finding->stacks, there->stack);
	finding->title = finding_text(
		a, "%s wake each other %.0f times a second, for %.1f us of work each time",
		pair_name(a, pair), pair->wakeups / seconds, pair->user / pair->switches / 1e3);
	finding_evidence(finding, "wakeups of one by the other, of known wakers",
			 pair->there / seconds, "wakeups/s");
	if (pair->b != pair->a)
		finding_evidence(finding, "and back", pair->back / seconds, "wakeups/s");
	finding_evidence(finding, "switches", pair->switches / seconds, "switches/s");
	finding_evidence(finding, "own code between two switches",
			 pair->user / pair->switches / 1e3, "us");
	finding_evidence(finding, "on a CPU between two switches", pair->run / pair->switches / 1e3,
			 "us");
	if (pair->wakeups > 0)
		finding_evidence(finding, "from the wakeup to the CPU",
				 pair->ready / pair->wakeups / 1e3, "us");
	finding_evidence(finding, "CPU samples in wakeups and switches",
			 100 * pair->switching / pair->samples, "%");
	finding_link(finding, "wakes", &finding->where);
	finding_link(finding, "wakes back", &other);
	finding_action(finding, EFFORT_MEDIUM, 2, 16, 1,
		       "Hand over more at a time (a batch of items a message, a queue that is "
		       "woken only when it was empty), or do both parts in one thread.");
}

static void pair_judge(struct analysis *a, struct pair *pair)
{
	struct interval share;
	struct bottleneck *finding;
	double ns;

	pair_add_group(a, pair, pair->a);
	if (pair->b != pair->a)
		pair_add_group(a, pair, pair->b);
	if (pair->switches <= 0 || pair->user / pair->switches > USER_NS_MOST ||
	    pair->lock_waits > LOCK_SHARE * pair->waits)
		return;
	share = stats_wilson(pair->switching, pair->samples);
	if (share.low < SWITCH_SHARE)
		return;
	/* From its wakeup on a thread waits for nothing but the switch. */
	ns = pair->run * pair->switching / pair->samples + pair->ready;
	finding = finding_add(a, "sched.ping-pong", ns, pair->run * share.low + pair->ready,
			      pair->run * share.high + pair->ready);
	if (!finding)
		return;
	finding_of_group(a, finding, pair->a, false);
	finding->of_running = true;
	/* All that the two do but for their own code is done once a batch, for nothing then. */
	finding->group_ns = a->blame->worked[pair->a] * ns / (pair->run + pair->ready);
	finding->confidence = CONFIDENCE_HIGH;
	if (pair->b != pair->a)
		vec_push(&finding->covers, pair->b);
	pair_tell(a, finding, pair);
}

static void detect(struct analysis *a)
{
	struct table table = {.all = calloc(a->facts->groups.len + 1, sizeof(double))};

	if (!table.all)
		abort();
	table_fill(a, &table);
	vec_each(&table.at, wakes) {
		struct pair pair = {.a = wakes->waker, .b = wakes->woken};

		/* Each pair once; the one that works more is where it is told. */
		if (pair.a > pair.b || a->blame->worked[pair.a] <= 0 ||
		    a->blame->worked[pair.b] <= 0)
			continue;
		if (a->blame->worked[pair.b] > a->blame->worked[pair.a])
			pair = (struct pair){.a = pair.b, .b = pair.a};
		if (pair_alternates(&table, &pair))
			pair_judge(a, &pair);
	}
	vec_free(&table.at);
	free(table.all);
}

const struct detector sched_ping_pong = {"sched.ping-pong", detect};
