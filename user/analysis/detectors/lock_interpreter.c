/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.interpreter: threads of one process take turns under the lock of their interpreter or
 * runtime, while CPUs stand idle. How that is known: analysis/interpreters.h.
 */
#include <math.h>

#include "analysis/detectors/detector.h"

/* What was measured may be off by the part of a slice in which it began or ended. */
#define SURE_SHARE 0.9

/* The process of the group that waited most. */
static const struct interpreter *worst(const struct analysis *a, uint32_t group)
{
	const struct interpreter *top = NULL;

	vec_each(&a->facts->interpreters, found)
		if (found->group == group && (!top || found->waited_ns > top->waited_ns))
			top = found;
	return top;
}

static void interpreter_tell(struct analysis *a, struct bottleneck *finding,
			     const struct interpreter *found)
{
	double window = a->facts->window_ns;
	struct function function = {.module = found->module, .name = found->name};
	struct place place;

	/* One process is the case; of its siblings the same is said. */
	finding->where.pid = a->rec->processes.at[found->process].pid;
	place = finding->where;
	place_function(a, &finding->where, &function);
	vec_push(&finding->stacks, found->stack);
	finding->confidence = CONFIDENCE_HIGH;
	finding->title = finding_text(
		a, "%u threads of %s take turns under one lock of its runtime: %.1f CPUs, no more",
		found->threads, group_name(a, found->group), found->run_ns / window);
	finding_evidence(finding, "threads that take turns", found->threads, "threads");
	finding_evidence(finding, "CPUs they have together", found->run_ns / window, "CPUs");
	finding_evidence(finding, "at most, in any second", found->peak, "CPUs");
	finding_evidence(finding, "threads that wait for their turn, on average",
			 found->waited_ns / window, "threads");
	finding_evidence(finding, "waits for a turn", found->waits / (window / 1e9), "waits/s");
	finding_evidence(finding, "one of them", found->waited_ns / found->waits / 1e6, "ms");
	finding_evidence(finding, "of the long ones, asked again when their time was over",
			 100 * found->expired_share, "%");
	if (!isnan(a->facts->idle_share))
		finding_evidence(finding, "CPUs idle meanwhile",
				 a->facts->idle_share * a->facts->cpu_count, "CPUs");
	finding_link(finding, "runs with the lock", &place);
	finding_link(finding, "wait for their turn", &finding->where);
	finding_action(finding, EFFORT_MEDIUM, 4, 24, 1,
		       "Use processes instead of threads for what computes, release the lock in "
		       "native code, or take a build of the runtime without it.");
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++) {
		struct blame_filter filter = BLAME_ANY(STATE_BIT(BLAME_INTERPRETER));
		const struct interpreter *found = worst(a, group);
		struct bottleneck *finding;
		double ns, own;

		if (!found)
			continue;
		filter.owner = group;
		ns = blame_sum(a->blame, &filter);
		finding = finding_add(a, "lock.interpreter", ns, ns * SURE_SHARE, ns);
		if (!finding)
			continue;
		finding_of_group(a, finding, group, false);
		/* Clients wait for the group, too: its own part. */
		filter.victim = group;
		own = blame_sum(a->blame, &filter);
		finding->group_ns = fmin(own, a->blame->worked[group]);
		interpreter_tell(a, finding, found);
	}
}

const struct detector lock_interpreter = {"lock.interpreter", detect};
