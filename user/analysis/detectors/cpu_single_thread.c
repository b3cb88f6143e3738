/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.single-thread: one thread of a group runs nearly all the time, its siblings do not, and CPUs
 * stand idle beside it: the work cannot go faster than this one thread.
 */
#include <math.h>

#include "analysis/detectors/detector.h"

#define BUSY_ENOUGH    0.85 /* of its life on a CPU */
#define OTHERS_AT_MOST 0.25 /* of the busy thread's running time, by all siblings together */
#define IDLE_AT_LEAST  0.5  /* CPUs standing idle */

static uint64_t thread_running(const struct thread_facts *thread)
{
	return thread->ns[STATE_RUN_USER] + thread->ns[STATE_RUN_KERNEL];
}

/* The busiest thread of each group that is a victim, if it fits. */
static uint32_t busiest_thread(const struct analysis *a, uint32_t group, double *running,
			       double *others)
{
	uint32_t top = NONE;
	uint64_t most = 0, sum = 0;

	for (uint32_t i = 0; i < a->rec->threads.len; i++) {
		const struct thread_facts *thread = &a->facts->threads[i];

		if (thread->group != group)
			continue;
		sum += thread_running(thread);
		if (thread_running(thread) > most) {
			most = thread_running(thread);
			top = i;
		}
	}
	*running = (double)most;
	*others = (double)(sum - most);
	return top;
}

static void detect_group(struct analysis *a, uint32_t group)
{
	double running, others, idle_cpus, saved;
	uint32_t thread = busiest_thread(a, group, &running, &others);
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	struct bottleneck *finding;

	if (thread == NONE || isnan(a->facts->idle_share))
		return;
	idle_cpus = a->facts->idle_share * a->facts->cpu_count;
	if (running < BUSY_ENOUGH * a->facts->window_ns || others > OTHERS_AT_MOST * running ||
	    idle_cpus < IDLE_AT_LEAST)
		return;
	run.owner = group;
	/* With k more CPUs the thread's part takes 1/(1 + k) of its time, at best. */
	saved = blame_sum(a->blame, &run) * running / (running + others) *
		(1 - 1 / (1 + idle_cpus));
	finding = finding_add(a, "cpu.single-thread", saved, saved * 0.5, saved);
	if (!finding)
		return;
	finding_of_group(a, finding, group, true);
	finding->where.thread =
		finding_text(a, "%s", string_get(a->rec, a->rec->threads.at[thread].comm));
	place_function(a, &finding->where, functions_hottest(a->functions, group));
	finding->title =
		finding_text(a, "%s works on one thread (%.0f %% of a CPU) while %.1f CPUs idle",
			     group_name(a, group), 100 * running / a->facts->window_ns, idle_cpus);
	finding_evidence(finding, "the busiest thread runs", 100 * running / a->facts->window_ns,
			 "% of the time");
	finding_evidence(finding, "all its sibling threads together",
			 100 * others / a->facts->window_ns, "% of the time");
	finding_evidence(finding, "CPUs idle meanwhile", idle_cpus, "CPUs");
	finding_link(finding, "runs on one CPU", &finding->where);
	finding_action(finding, EFFORT_COMPLEX, 8, 80, 1,
		       "Spread this thread's work over several threads or processes.");
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		if (a->blame->worked[group] > 0)
			detect_group(a, group);
}

const struct detector cpu_single_thread = {"cpu.single-thread", detect};
