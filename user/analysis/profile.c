/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase 3: the hotspots of all profilers in one list, in the one currency. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/phases.h"
#include "analysis/stats.h"

#define HOTSPOT_MIN_SHARE 0.01 /* of its kind's weight, itself or with what it calls */
#define HOTSPOTS          40
#define FIRST_OF_KIND     3

/*
 * What a share of the samples means in working time, ns. NAN where that is not known: much of
 * waiting is idleness (only what phase 2 blames is impact), and a page fault has no duration here.
 */
static double hotspot_time(const struct analysis *a, const struct function *function, double share)
{
	const struct group *group = &a->facts->groups.at[function->group];
	struct blame_filter run = BLAME_ANY(STATES_RUN);

	if (function->kind != SAMPLE_CPU || function->interrupt || group->samples <= 0)
		return NAN;
	run.owner = function->group;
	return blame_sum(a->blame, &run) * share * a->functions->samples[SAMPLE_CPU] /
	       group->samples;
}

static void hotspot_add(struct analysis *a, const struct function *function)
{
	double samples = a->functions->samples[function->kind];
	double weight = a->functions->weight[function->kind];
	struct interval share = stats_wilson(function->self_samples, samples);
	struct hotspot *hotspot = vec_extend(&a->doc->hotspots, 1);
	struct place place = place_group(a, function->group);
	double time = hotspot_time(a, function, function->self_samples / samples);

	place_function(a, &place, function);
	hotspot->kind = sample_kind_name(function->kind);
	hotspot->function = place.function;
	hotspot->begin = place.begin;
	hotspot->module = place.module;
	hotspot->file = place.file;
	hotspot->line = function->line;
	hotspot->process = place.process;
	hotspot->container = place.container;
	hotspot->self_share = function->self / weight;
	hotspot->total_share = function->total / weight;
	hotspot->self_low = share.low;
	hotspot->self_high = share.high;
	hotspot->self_weight = function->self;
	hotspot->self_unit = sample_kind_unit(function->kind);
	if (!strcmp(hotspot->self_unit, "ns")) {
		hotspot->self_weight /= 1e9;
		hotspot->self_unit = "s";
	}
	hotspot->impact = NAN;
	if (a->blame->total > 0 && !isnan(time))
		hotspot->impact = fmin(time / a->blame->total, 1);
	hotspot->severity = SEVERITY_LOW;
	hotspot->priority = 0;
	if (isnan(hotspot->impact))
		return;
	hotspot->severity = severity_of_share(hotspot->impact * share.low /
					      fmax(function->self_samples / samples, 1e-9));
	hotspot->priority = priority_of(hotspot->impact, CONFIDENCE_HIGH, EFFORT_MEDIUM);
}

/*
 * What matters first, then the best of every profiler, then the rest: one list in which the many
 * small functions of one profiler do not hide another.
 */
static int by_priority(const void *a, const void *b)
{
	const struct hotspot *left = a, *right = b;
	bool left_matters = left->severity > SEVERITY_LOW,
	     left_first = left->of_kind < FIRST_OF_KIND;
	bool right_matters = right->severity > SEVERITY_LOW;
	bool right_first = right->of_kind < FIRST_OF_KIND;

	if (left_matters != right_matters)
		return left_matters ? -1 : 1;
	if (left_first != right_first)
		return left_first ? -1 : 1;
	if (left->priority != right->priority)
		return left->priority < right->priority ? 1 : -1;
	if (left->self_share != right->self_share)
		return left->self_share < right->self_share ? 1 : -1;
	if (left->total_share != right->total_share)
		return left->total_share < right->total_share ? 1 : -1;
	return 0;
}

void profile_join(struct analysis *a)
{
	uint32_t of_kind[SAMPLE_KINDS] = {};

	/* Sorted by self already: within a kind the first ones are the hottest. */
	vec_each(&a->functions->at, function) {
		double weight = a->functions->weight[function->kind];

		/* Waiting for work is no place to look at. */
		if (function->kind == SAMPLE_IDLE)
			continue;
		if (weight <= 0 || a->doc->hotspots.len >= 10 * HOTSPOTS)
			continue;
		if (function->self < HOTSPOT_MIN_SHARE * weight)
			continue;
		hotspot_add(a, function);
		a->doc->hotspots.at[a->doc->hotspots.len - 1].of_kind = of_kind[function->kind]++;
	}
	vec_sort(&a->doc->hotspots, by_priority);
	if (a->doc->hotspots.len > HOTSPOTS)
		a->doc->hotspots.len = HOTSPOTS;
	for (size_t i = 0; i < a->doc->hotspots.len; i++)
		a->doc->hotspots.at[i].rank = (uint32_t)i + 1;
}
