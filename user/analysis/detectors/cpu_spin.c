/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.spin: CPU time spent waiting in a loop. Two marks of it, both of the code and not of its
 * name: samples at a place where the CPU's spin-wait hint is executed (PAUSE), and threads that
 * give their CPU away (sched_yield) all the time.
 */
#include "analysis/detectors/spots.h"
#include "analysis/stats.h"

#define SPIN_MIN_SHARE 0.05
/* Of the samples in the function, at the hint: a loop that spins holds nearly all of them. */
#define PAUSE_SHARE 0.5
/* A thread that yields this often, per second of its running, does little else. */
#define YIELDS_PER_SECOND 2000.0

static void spin_complete(struct analysis *a, struct bottleneck *finding, uint32_t group,
			  const struct function *function)
{
	finding_of_group(a, finding, group, true);
	place_function(a, &finding->where, function);
	finding->confidence = CONFIDENCE_HIGH;
	finding_link(finding, "spins", &finding->where);
	finding_action(finding, EFFORT_MEDIUM, 2, 8, 1,
		       "Let the waiting threads sleep (condition variable, futex, eventfd) after a "
		       "short spin.");
}

static void spin_by_pause(struct analysis *a, const struct function *function)
{
	const struct group *group = &a->facts->groups.at[function->group];
	struct interval share = stats_wilson(function->pause_samples, group->samples);
	double self = function->pause_samples / group->samples, time;
	struct bottleneck *finding;

	time = spots_cpu_cost(a, function->group);
	finding = finding_add(a, "cpu.spin", time * self, time * share.low, time * share.high);
	if (!finding)
		return;
	spin_complete(a, finding, function->group, function);
	finding->title = finding_text(a, "%s burns %.0f %% of its CPU time spinning in %s",
				      group_name(a, function->group), self * 100,
				      place_code(a, &finding->where, "a wait loop"));
	vec_push(&finding->stacks, function->stack);
	finding_evidence(finding, "samples at a spin-wait hint (PAUSE)", function->pause_samples,
			 "samples");
	finding_evidence(finding, "CPU time spinning",
			 function->pause_samples / group->samples *
				 (group->ns[STATE_RUN_USER] + group->ns[STATE_RUN_KERNEL]) / 1e9,
			 "s");
}

static void spin_by_yield(struct analysis *a, uint32_t group)
{
	const struct group *g = &a->facts->groups.at[group];
	double yields = facts_count(a->facts, "syscall.count", group, "sched_yield");
	double running = g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL], time;
	struct bottleneck *finding;

	if (running <= 0 || yields / (running / 1e9) < YIELDS_PER_SECOND)
		return;
	time = spots_cpu_cost(a, group);
	/* Other threads of the group may work: what is certain is less than all of it. */
	finding = finding_add(a, "cpu.spin", time, time / 2, time);
	if (!finding)
		return;
	spin_complete(a, finding, group, functions_hottest(a->functions, group));
	finding->confidence = CONFIDENCE_MEDIUM;
	finding->title = finding_text(a, "%s waits in a loop of sched_yield", group_name(a, group));
	finding_evidence(finding, "sched_yield calls", yields / (a->facts->window_ns / 1e9),
			 "calls/s");
	finding_evidence(finding, "CPU time of the group", running / 1e9, "s");
}

static void detect(struct analysis *a)
{
	vec_each(&a->functions->at, function) {
		double samples = a->facts->groups.at[function->group].samples;

		if (function->kind != SAMPLE_CPU || function->interrupt || function->kernel)
			continue;
		if (function->pause_samples < PAUSE_SHARE * function->self_samples)
			continue;
		if (stats_wilson(function->pause_samples, samples).low > SPIN_MIN_SHARE)
			spin_by_pause(a, function);
	}
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		spin_by_yield(a, group);
}

const struct detector cpu_spin = {"cpu.spin", detect};
