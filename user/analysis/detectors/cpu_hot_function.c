/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.hot-function: one function takes more than 5 % of a group's CPU time, certain enough that the
 * lower end of the interval (Wilson, over the samples) is above it.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/detectors/detector.h"
#include "analysis/stats.h"

#define HOT_SHARE 0.05
/* A profile has a long tail: more than this many functions of one group is no help. */
#define HOT_FUNCTIONS 3
/* Where most of the samples are at a pause instruction, cpu.spin says it better. */
#define SPIN_SHARE 0.5

/* The share that the next hottest function of the group has: what a fix can realistically reach. */
static double next_hottest(const struct analysis *a, const struct function *function)
{
	bool past = false;

	vec_each(&a->functions->at, other) {
		if (other == function)
			past = true;
		else if (past && other->kind == SAMPLE_CPU && !other->interrupt &&
			 other->group == function->group)
			return other->self_samples;
	}
	return 0;
}

static void hot_function_add(struct analysis *a, const struct function *function)
{
	const struct group *group = &a->facts->groups.at[function->group];
	struct interval share = stats_wilson(function->self_samples, group->samples);
	double self = function->self_samples / group->samples, time, removable;
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	struct bottleneck *finding;
	const char *name;

	run.owner = function->group;
	time = blame_sum(a->blame, &run);
	finding = finding_add(a, "cpu.hot-function", time * self, time * share.low,
			      time * share.high);
	if (!finding)
		return;
	finding_of_group(a, finding, function->group, true);
	place_function(a, &finding->where, function);
	/* Kernel code cannot be made cheaper by its caller, only called less often. */
	finding->confidence =
		function->name && !function->kernel ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	name = place_code(a, &finding->where, "code without symbols");
	finding->title = finding_text(a, "%s spends %.0f %% of its CPU time in %s",
				      group_name(a, function->group), self * 100, name);
	vec_push(&finding->stacks, function->stack);
	finding_evidence(finding, "share of the group's CPU samples", self * 100, "%");
	finding_evidence(finding, "samples in this function", function->self_samples, "samples");
	finding_evidence(finding, "CPU time in this function", function->self / 1e9, "s");
	finding_link(finding, "runs on the CPU", &finding->where);
	/* Made as cheap as the next function: beyond that, the next one is the bottleneck. */
	removable = 1 - fmin(next_hottest(a, function) / function->self_samples, 1);
	finding_action(finding, EFFORT_MEDIUM, 2, 16, fmax(removable, 0.1),
		       finding_text(a,
				    "Make %s cheaper or call it less often (its callers are in the "
				    "profile).",
				    name));
}

static void detect(struct analysis *a)
{
	uint32_t *shown = calloc(a->facts->groups.len + 1, sizeof(*shown));

	if (!shown)
		abort();
	/* Sorted: the hottest come first. */
	vec_each(&a->functions->at, function) {
		double samples = a->facts->groups.at[function->group].samples;

		if (function->kind != SAMPLE_CPU || function->interrupt ||
		    a->facts->groups.at[function->group].kernel)
			continue;
		if (stats_wilson(function->self_samples, samples).low <= HOT_SHARE)
			continue;
		if (function->pause_samples > SPIN_SHARE * function->self_samples)
			continue;
		if (shown[function->group]++ < HOT_FUNCTIONS)
			hot_function_add(a, function);
	}
	free(shown);
}

const struct detector cpu_hot_function = {"cpu.hot-function", detect};
