/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Phase 4: what to do first, and what it would buy.
 *
 * Gains are computed from the recording, in up to three ways; the smallest is claimed:
 *   Amdahl:  1 / (1 - s), s the share of the group's working time that the fix removes;
 *   demand:  throughput is limited by the CPUs once they are full (D1/D2 of the operational laws;
 *            Lazowska and others, "Quantitative system performance", 1984, chapter 5): a group
 *            whose exchanges take c CPU-seconds cannot become faster than the free CPUs / c;
 *   replay:  the recorded excerpts of the schedule, run again without the cause (replay.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/phases.h"
#include "analysis/replay.h"
#include "analysis/replay_cause.h"

double confidence_weight(enum confidence confidence)
{
	static const double sure[] = {
		[CONFIDENCE_LOW] = 0.4, [CONFIDENCE_MEDIUM] = 0.7, [CONFIDENCE_HIGH] = 1.0};

	return sure[confidence];
}

double priority_of(double impact, enum confidence confidence, enum effort effort)
{
	static const double cost[] = {
		[EFFORT_QUICK] = 1, [EFFORT_MEDIUM] = 3, [EFFORT_COMPLEX] = 8};

	return impact * confidence_weight(confidence) / cost[effort];
}

/* CPU time that a group's work takes: its own and that of the servers it waits for. */
static double group_demand(const struct analysis *a, uint32_t group)
{
	struct blame_filter run = BLAME_ANY(STATES_RUN | STATE_BIT(STATE_RUN_IRQ));

	run.victim = group;
	return blame_sum(a->blame, &run);
}

/*
 * Findings of which others have the CPU that the group waits for. While they have it, the queue of
 * the group's own threads grows, and goes with them: all of its waiting for CPUs may.
 */
static bool finding_queues(const struct bottleneck *finding)
{
	static const char *const ids[] = {"cpu.antagonist", "cpu.realtime-hog", "cpu.priority"};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!strcmp(finding->id, ids[i]))
			return true;
	return false;
}

/*
 * Waiting for a mutex of which the holder's own code is the cause, where the finding's cause
 * reaches its victim through a mutex: how long the queue is depends on how long each holds it, so
 * it goes with what they wait for while they do.
 */
static double finding_queue_ns(const struct analysis *a, const struct bottleneck *finding)
{
	struct blame_filter queue = BLAME_ANY(STATE_BIT(STATE_WAIT_LOCK_USER));

	queue.victim = finding->group;
	queue.by_lock = 1;
	for (size_t i = 1; i < finding->chain.len; i++)
		if (!strcmp(finding->chain.at[i].id, "lock.user"))
			return blame_sum(a->blame, &queue);
	return 0;
}

/* CPU time that would be left for a group: all of it but what uninvolved groups take. */
static double group_supply(const struct analysis *a, uint32_t group, uint32_t culprit)
{
	double others = 0;

	for (uint32_t i = 0; i < a->facts->groups.len; i++) {
		const struct group *g = &a->facts->groups.at[i];
		struct blame_filter run = BLAME_ANY(STATES_RUN);

		run.victim = group;
		run.owner = i;
		if (i == group || i == culprit || blame_sum(a->blame, &run) > 0)
			continue;
		others += group_on_cpu(g);
	}
	return fmax(a->facts->cpu_ns - others, 0);
}

/* The bounds on what a fix saves, as shares; `demand` is 1 where it is none. */
struct bounds {
	double amdahl, demand;
};

static struct bounds bounds_at(const struct analysis *a, const struct bottleneck *finding,
			       double share)
{
	double worked = a->blame->worked[finding->group], demand, limit;
	struct blame_filter ready = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));
	struct bounds bounds = {0, 1};
	double ns = finding->group_ns, work = replay_cause_work(a, finding);

	if (worked <= 0 || finding->impact.share <= 0)
		return bounds;
	ready.victim = finding->group;
	if (finding_queues(finding))
		ns = fmax(ns, blame_sum(a->blame, &ready));
	/* With a wait goes its end: getting a CPU again. */
	if (work > 0)
		ns += work + blame_sum(a->blame, &ready);
	ns += finding_queue_ns(a, finding);
	share = fmin(ns * share / finding->impact.share / worked, 1) * finding->removable;
	/* Nothing becomes infinitely fast: leave a thousandth. */
	bounds.amdahl = fmin(share, 0.999);
	demand = group_demand(a, finding->group) - work;
	/* Without them, interrupts are no demand. */
	if (!strcmp(finding->id, "cpu.interrupts")) {
		ready.states = STATE_BIT(STATE_RUN_IRQ);
		demand -= blame_sum(a->blame, &ready);
	}
	if (finding->of_running || demand <= 0)
		return bounds;
	/* One that is held back by its own priority takes the CPU from others once it is not. */
	limit = finding->subject == finding->group && finding_queues(finding)
			? a->facts->cpu_ns
			: group_supply(a, finding->group, finding->subject);
	limit /= demand;
	bounds.demand = 1 - 1 / fmax(limit, 1);
	return bounds;
}

static double bounds_least(const struct bounds *bounds)
{
	return fmin(bounds->amdahl, bounds->demand);
}

/* Which of the ways decided, and what the others say. */
static const char *method_text(const struct analysis *a, const struct bounds *bounds,
			       const struct replay_gain *gain)
{
	const char *amdahl = document_text(a->doc, "Amdahl bound %.0f %%", 100 * bounds->amdahl);
	const char *cpus = "", *replay;

	if (bounds->demand < 1)
		cpus = document_text(a->doc, "free CPUs %.0f %%, ", 100 * bounds->demand);
	if (!gain->why && gain->saved <= bounds_least(bounds))
		return document_text(a->doc,
				     "replay of the schedule (%u excerpts, off by %.0f %%; %s%s)",
				     gain->excerpts, 100 * gain->off, cpus, amdahl);
	replay = gain->why ? document_text(a->doc, "not replayed: %s", gain->why)
			   : document_text(a->doc, "replay %.0f %%", 100 * gain->saved);
	if (bounds->demand < bounds->amdahl)
		return document_text(a->doc, "the bound of the free CPUs (%s, %s)", amdahl, replay);
	return document_text(a->doc, "Amdahl bound on the recorded time (%s%s)", cpus, replay);
}

static struct prediction predict(struct analysis *a, struct replay *replay,
				 const struct bottleneck *finding)
{
	struct bounds bounds = bounds_at(a, finding, finding->impact.share);
	struct bounds low = bounds_at(a, finding, finding->impact.low);
	struct bounds high = bounds_at(a, finding, finding->impact.high);
	struct replay_gain gain = replays_gain(replay, finding);
	struct prediction p = {
		.metric =
			document_text(a->doc, "working time of %s", group_name(a, finding->group)),
		.saved_share = bounds_least(&bounds),
		.low = bounds_least(&low),
		.high = bounds_least(&high),
		.method = method_text(a, &bounds, &gain),
	};

	/* The least of each: low <= saved <= high holds for every way, so for these. */
	if (!gain.why) {
		p.saved_share = fmin(p.saved_share, gain.saved);
		p.low = fmin(p.low, gain.low);
		p.high = fmin(p.high, gain.high);
	}
	p.speedup = 1 / (1 - fmin(p.saved_share, 0.999));
	return p;
}

/* Of the groups that wait for a CPU while the subject has it, the one that waits most. */
static uint32_t waiting_most(const struct analysis *a, const struct bottleneck *finding)
{
	struct blame_filter ready = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));
	uint32_t most = NONE;
	double ns = 0;

	ready.party = finding->subject;
	for (uint32_t group = 0; group < a->facts->groups.len; group++) {
		bool part = group == finding->group || group == finding->subject;
		double sum;

		vec_each(&finding->covers, covered)
			part |= *covered == group;
		ready.victim = group;
		if (part || a->blame->worked[group] <= 0)
			continue;
		sum = blame_sum(a->blame, &ready);
		if (sum > ns) {
			ns = sum;
			most = group;
		}
	}
	return most;
}

/*
 * CPU time that a group does not need is for those who wait for it: where they gain more than the
 * group itself, it is their gain that is told. Returns whose it is.
 */
static uint32_t predict_waiting(struct analysis *a, struct replay *replay,
				const struct bottleneck *finding, struct prediction *p)
{
	struct blame_filter ready = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));
	struct replay_gain gain;
	uint32_t group = NONE;
	double bound;

	if (finding->of_running && finding->subject == finding->group)
		group = waiting_most(a, finding);
	if (group == NONE)
		return finding->group;
	gain = replays_gain_together(replay, &finding, 1, group);
	/* Its own queue grew meanwhile, and goes: see finding_queues(). */
	ready.victim = group;
	bound = fmin(blame_sum(a->blame, &ready) / a->blame->worked[group], 0.999);
	if (gain.why || fmin(gain.saved, bound) * a->blame->worked[group] <=
				p->saved_share * a->blame->worked[finding->group])
		return finding->group;
	p->metric = document_text(a->doc, "working time of %s", group_name(a, group));
	p->saved_share = fmin(gain.saved, bound);
	p->low = fmin(gain.low, bound);
	p->high = fmin(gain.high, bound);
	p->speedup = 1 / (1 - p->saved_share);
	p->method = document_text(a->doc, "%s (%u excerpts; %s %.0f %%), which waits meanwhile",
				  gain.saved <= bound ? "replay of the schedule"
						      : "Amdahl bound on the recorded time",
				  gain.excerpts, gain.saved <= bound ? "Amdahl bound" : "replay",
				  100 * (gain.saved <= bound ? bound : gain.saved));
	return group;
}

static int by_priority(const void *a, const void *b)
{
	const struct bottleneck *left = *(struct bottleneck *const *)a,
				*right = *(struct bottleneck *const *)b;
	double l = priority_of(left->impact.low, left->confidence, left->effort);
	double r = priority_of(right->impact.low, right->confidence, right->effort);

	if (l != r)
		return l < r ? 1 : -1;
	return left->rank < right->rank ? -1 : left->rank > right->rank;
}

/* ---- all steps together ---- */

/* The steps in the order to do them in. */
struct plan {
	struct analysis *a;
	struct replay *replay;
	const struct bottleneck *const *order;
	const uint32_t *groups; /* of each: whose time it saves */
	size_t len;
};

static const struct prediction *plan_predicted(const struct plan *plan, size_t i)
{
	return &plan->a->doc->steps.at[i].predicted;
}

enum end { END_LOW, END_MIDDLE, END_HIGH };

/*
 * What the steps save one group by Amdahl: each takes its part of what the ones before left. Parts
 * of one group's CPU time overlap (a hot function of a spinning thread), so they shrink by each
 * other; waits are parts of a partition and simply add up.
 */
static double plan_amdahl(const struct plan *plan, uint32_t group, enum end end)
{
	double waits = 0, run_left = 1;

	for (size_t i = 0; i < plan->len; i++) {
		const struct bottleneck *finding = plan->order[i];
		const double ends[] = {finding->impact.low, finding->impact.share,
				       finding->impact.high};
		double share = bounds_at(plan->a, finding, ends[end]).amdahl;

		if (plan->groups[i] != group)
			continue;
		if (finding->group != group)
			share = plan_predicted(plan, i)->high; /* bounded already */
		if (finding->of_running)
			run_left *= 1 - share;
		else
			waits += share;
	}
	return fmin(waits + 1 - run_left, 0.999);
}

/* What the steps save one group: no less than the best of them alone. */
static struct prediction plan_group(const struct plan *plan, uint32_t group)
{
	struct replay_gain gain =
		replays_gain_together(plan->replay, plan->order, plan->len, group);
	double left = 1, low_left = 1, high_left = 1;
	struct prediction all = {}, best = {};

	for (size_t i = 0; i < plan->len; i++) {
		const struct prediction *one = plan_predicted(plan, i);

		if (plan->groups[i] != group)
			continue;
		left *= 1 - one->saved_share;
		low_left *= 1 - one->low;
		high_left *= 1 - one->high;
		best.saved_share = fmax(best.saved_share, one->saved_share);
		best.low = fmax(best.low, one->low);
		best.high = fmax(best.high, one->high);
	}
	if (gain.why)
		gain = (struct replay_gain){1 - left, 1 - low_left, 1 - high_left};
	all.saved_share =
		fmax(fmin(gain.saved, plan_amdahl(plan, group, END_MIDDLE)), best.saved_share);
	all.low = fmax(fmin(gain.low, plan_amdahl(plan, group, END_LOW)), best.low);
	all.high = fmax(fmin(gain.high, plan_amdahl(plan, group, END_HIGH)), best.high);
	all.low = fmin(all.low, all.saved_share);
	all.high = fmax(all.high, all.saved_share);
	return all;
}

/*
 * What all steps save a group that none of them is planned for. One that takes part in what another
 * does (processes that are started, who wakes) saves like that. The subject of a finding may gain
 * as well; who has the CPU that others wait for gains nothing when he gives it up.
 */
static struct prediction plan_other(const struct plan *plan, uint32_t group)
{
	struct prediction like = {};
	struct replay_gain gain = {};
	bool subject = false;

	for (size_t i = 0; i < plan->len; i++) {
		const struct bottleneck *finding = plan->order[i];

		subject |= finding->subject == group && !finding_queues(finding);
		vec_each(&finding->covers, covered)
			if (*covered == group &&
			    plan_predicted(plan, i)->saved_share > like.saved_share)
				like = *plan_predicted(plan, i);
	}
	if (like.saved_share > 0 || !subject)
		return like;
	gain = replays_gain_together(plan->replay, plan->order, plan->len, group);
	if (gain.why)
		return like;
	return (struct prediction){.saved_share = gain.saved, .low = gain.low, .high = gain.high};
}

/* What all steps save a group. */
static struct prediction plan_saves(const struct plan *plan, uint32_t group)
{
	if (plan->a->blame->worked[group] <= 0)
		return (struct prediction){};
	for (size_t i = 0; i < plan->len; i++)
		if (plan->groups[i] == group)
			return plan_group(plan, group);
	return plan_other(plan, group);
}

static void total_solve(const struct plan *plan)
{
	const struct blame *blame = plan->a->blame;
	struct prediction *total = &plan->a->doc->total;
	double worked = 0, saved = 0, low = 0, high = 0;

	for (uint32_t group = 0; group < plan->a->facts->groups.len; group++) {
		struct prediction of = plan_saves(plan, group);

		worked += blame->worked[group];
		saved += blame->worked[group] * of.saved_share;
		low += blame->worked[group] * of.low;
		high += blame->worked[group] * of.high;
	}
	worked = fmax(worked, 1);
	total->metric = "working time of all processes";
	total->saved_share = fmin(saved / worked, 0.999);
	total->low = fmin(low / worked, total->saved_share);
	total->high = fmax(fmin(high / worked, 1), total->saved_share);
	total->speedup = 1 / (1 - total->saved_share);
	total->method = "replay without the causes of all steps, within their Amdahl bounds";
}

void strategy_plan(struct analysis *a)
{
	struct document *doc = a->doc;
	struct bottleneck **order = calloc(doc->bottlenecks.len + 1, sizeof(*order));
	uint32_t *groups = calloc(doc->bottlenecks.len + 1, sizeof(*groups));
	struct replay *replay;
	size_t n = 0;

	if (!order || !groups)
		abort();
	/* What is below medium is noted, and not worth anybody's hours. */
	vec_each(&doc->bottlenecks, finding)
		if (finding->action && finding->group != NONE && finding->severity > SEVERITY_LOW)
			order[n++] = finding;
	qsort(order, n, sizeof(*order), by_priority);
	replay = n ? replays_new(a) : NULL;
	for (size_t i = 0; i < n; i++) {
		struct step *step = vec_extend(&doc->steps, 1);

		step->order = (uint32_t)i + 1;
		step->bottleneck = order[i]->rank;
		step->category = order[i]->effort;
		step->effort_hours[0] = order[i]->effort_hours[0];
		step->effort_hours[1] = order[i]->effort_hours[1];
		step->action = order[i]->action;
		step->predicted = predict(a, replay, order[i]);
		groups[i] = predict_waiting(a, replay, order[i], &step->predicted);
	}
	if (n)
		total_solve(&(struct plan){a, replay, (const struct bottleneck *const *)order,
					   groups, n});
	replays_free(replay);
	free(order);
	free(groups);
}
