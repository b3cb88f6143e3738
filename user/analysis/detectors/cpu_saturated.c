/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.saturated: more threads want to run than there are CPUs, and nobody in particular is to
 * blame: the group competes with itself and with its equals. Where many groups do, of which none
 * alone has most of the waiting, they are one finding: ten services that each lose a little are a
 * host that is too small.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/detectors/ready.h"

/* While CPUs are this idle, waiting for them is not for want of CPUs. */
#define IDLE_AT_MOST 0.2

static double ready_ns(const struct group *group)
{
	return group->ns[STATE_READY_WOKEN] + group->ns[STATE_READY_PREEMPTED];
}

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t subject,
		     uint32_t victim)
{
	const struct group *group = &a->facts->groups.at[subject];
	double running =
		(group->ns[STATE_RUN_USER] + group->ns[STATE_RUN_KERNEL]) / a->facts->window_ns;
	double waiting = ready_ns(group) / a->facts->window_ns;
	struct place at_victim = place_group(a, victim);

	finding->confidence = CONFIDENCE_MEDIUM;
	finding->title = finding_text(a, "%s wants %.1f CPUs and gets %.1f: the host has %u",
				      group_name(a, subject), running + waiting, running,
				      a->facts->cpu_count);
	ready_evidence(a, finding, subject, subject);
	finding_link(finding, "cpu.saturated", &finding->where);
	finding_link(finding, "waits for a CPU", &at_victim);
	finding_action(
		finding, EFFORT_COMPLEX, 4, 40, 1,
		finding_text(a,
			     "Give %s more CPUs, less work, or cheaper work (see its hottest "
			     "functions).",
			     group_name(a, subject)));
}

/* ---- many, of which none alone wants most ---- */

/* From this share of all such waiting on, a group has a finding of its own. */
#define MOST_SHARE 0.5
#define NAMED      5 /* groups in the evidence */

/* All groups that wait for a CPU among equals. */
struct crowd {
	VEC(struct part) parts;      /* who waits most first */
	double running_ns, ready_ns; /* of these groups, whatever they waited for a CPU for */
};

static struct blame_filter saturated_of(uint32_t owner)
{
	struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));

	filter.ready = READY_SATURATED;
	filter.owner = owner;
	return filter;
}

static double saturated_share(const struct analysis *a, uint32_t owner)
{
	struct blame_filter filter = saturated_of(owner);

	return a->blame->total > 0 ? blame_sum(a->blame, &filter) / a->blame->total : 0;
}

static int by_share(const void *a, const void *b)
{
	const struct part *left = a, *right = b;

	if (left->share != right->share)
		return left->share < right->share ? 1 : -1;
	return left->group < right->group ? -1 : 1;
}

/* The caller frees its parts. */
static struct crowd crowd_of(const struct analysis *a)
{
	struct crowd crowd = {};

	for (uint32_t group = 0; group < a->facts->groups.len; group++) {
		const struct group *g = &a->facts->groups.at[group];
		double share = saturated_share(a, group);

		if (share <= 0)
			continue;
		vec_push(&crowd.parts, (struct part){group, share});
		crowd.running_ns += g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL];
		crowd.ready_ns += ready_ns(g);
	}
	vec_sort(&crowd.parts, by_share);
	return crowd;
}

static void crowd_complete(struct analysis *a, struct bottleneck *finding,
			   const struct crowd *crowd)
{
	struct place victim = place_group(a, finding->group);
	double window = a->facts->window_ns;

	finding->subject = NONE; /* none of them in particular */
	vec_each(&crowd->parts, part)
		vec_push(&finding->parts, *part);
	finding->confidence = CONFIDENCE_MEDIUM;
	finding->title = finding_text(
		a, "%s and %zu other programs want %.1f CPUs and get %.1f: the host has %u",
		group_name(a, crowd->parts.at[0].group), crowd->parts.len - 1,
		(crowd->running_ns + crowd->ready_ns) / window, crowd->running_ns / window,
		a->facts->cpu_count);
	finding_evidence(finding, "all of them: runnable without a CPU", crowd->ready_ns / window,
			 "threads");
	for (size_t i = 0; i < NAMED && i < crowd->parts.len; i++) {
		uint32_t group = crowd->parts.at[i].group;
		const struct group *g = &a->facts->groups.at[group];

		finding_evidence(
			finding,
			finding_text(a, "%s: runnable without a CPU", group_name(a, group)),
			ready_ns(g) / window, "threads");
		finding_evidence(finding, finding_text(a, "%s: on a CPU", group_name(a, group)),
				 group_on_cpu(g) / window, "CPUs");
	}
	finding_evidence(finding, "CPUs of the host, idle share", 100 * a->facts->idle_share, "%");
	finding_link(finding, "cpu.saturated", &finding->where);
	finding_link(finding, "waits for a CPU", &victim);
	finding_action(finding, EFFORT_COMPLEX, 4, 40, 1,
		       "Give the host more CPUs, or some of its programs another host, or less or "
		       "cheaper work (see their hottest functions).");
}

static void detect(struct analysis *a)
{
	struct blame_filter all = saturated_of(NONE);
	struct bottleneck *finding;
	struct crowd crowd;

	if (isnan(a->facts->idle_share) || a->facts->idle_share > IDLE_AT_MOST)
		return;
	crowd = crowd_of(a);
	if (crowd.parts.len && crowd.parts.at[0].share >= MOST_SHARE * saturated_share(a, NONE)) {
		ready_findings(a, "cpu.saturated", READY_SATURATED, READY_BY_VICTIM, complete);
	} else {
		finding = finding_add_blame(a, "cpu.saturated", &all);
		if (finding)
			crowd_complete(a, finding, &crowd);
	}
	vec_free(&crowd.parts);
}

const struct detector cpu_saturated = {"cpu.saturated", detect};
