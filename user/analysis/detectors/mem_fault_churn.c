/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.fault-churn: memory is mapped, touched and given back again and again; the CPU time goes into
 * page faults and into clearing pages. Seen in the kernel stacks of the CPU samples.
 */
#include <string.h>

#include "analysis/detectors/detector.h"
#include "analysis/leaf.h"
#include "analysis/stats.h"

#define CHURN_SHARE       0.10
#define FAULTS_PER_SECOND 1000.0 /* of running */

static bool frame_named(const struct analysis *a, const struct frame *frame, const char *name)
{
	return frame->kind == FRAME_KERNEL && !strcmp(string_get(a->rec, frame->function), name);
}

/* The kernel's entry points for page faults and for giving memory back. */
static bool stack_churns(const struct analysis *a, const struct stack *stack)
{
	static const char *const entries[] = {
		"asm_exc_page_fault", "exc_page_fault",      "do_user_addr_fault",
		"handle_mm_fault",    "__x64_sys_munmap",    "__arm64_sys_munmap",
		"__x64_sys_madvise",  "__arm64_sys_madvise", "__x64_sys_brk",
		"__arm64_sys_brk",    "do_mem_abort"};

	for (uint32_t i = 0; i < stack->kernel_len; i++)
		for (size_t j = 0; j < sizeof(entries) / sizeof(entries[0]); j++)
			if (frame_named(
				    a,
				    &a->rec->frames.at[a->rec->stack_frames.at[stack->first + i]],
				    entries[j]))
				return true;
	return false;
}

static double churn_samples(const struct analysis *a, uint32_t group, uint32_t *stack)
{
	double sum = 0, most = 0;

	vec_each(&a->rec->samples, sample) {
		if (sample->kind != SAMPLE_CPU || sample->stack >= a->rec->stacks.len ||
		    a->facts->threads[sample->thread].group != group)
			continue;
		if (stack_in_interrupt(a->rec, &a->rec->stacks.at[sample->stack]) ||
		    !stack_churns(a, &a->rec->stacks.at[sample->stack]))
			continue;
		sum += (double)sample->count;
		if ((double)sample->count > most) {
			most = (double)sample->count;
			*stack = sample->stack;
		}
	}
	return sum;
}

static void churn_add(struct analysis *a, uint32_t group)
{
	const struct group *g = &a->facts->groups.at[group];
	double faults = facts_count(a->facts, "memory.minor_faults", group, NULL);
	double running = g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL], samples, time;
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	struct bottleneck *finding;
	struct interval share;
	uint32_t stack = NONE;

	if (running <= 0 || g->samples <= 0 || faults / (running / 1e9) < FAULTS_PER_SECOND)
		return;
	samples = churn_samples(a, group, &stack);
	share = stats_wilson(samples, g->samples);
	if (share.low < CHURN_SHARE)
		return;
	run.owner = group;
	time = blame_sum(a->blame, &run);
	finding = finding_add(a, "mem.fault-churn", time * samples / g->samples, time * share.low,
			      time * share.high);
	if (!finding)
		return;
	finding_of_group(a, finding, group, true);
	finding->confidence = CONFIDENCE_HIGH;
	finding->title =
		finding_text(a, "%s spends %.0f %% of its CPU time getting and giving back memory",
			     group_name(a, group), 100 * samples / g->samples);
	if (stack != NONE)
		vec_push(&finding->stacks, stack);
	finding_evidence(finding, "page faults", faults / (a->facts->window_ns / 1e9), "faults/s");
	finding_evidence(finding, "CPU samples in faults and unmapping", 100 * samples / g->samples,
			 "% of its samples");
	finding_link(finding, "mem.fault-churn", &finding->where);
	finding_action(finding, EFFORT_MEDIUM, 1, 8, 1,
		       "Keep and reuse the memory (a pool, a larger M_TRIM_THRESHOLD / "
		       "M_MMAP_THRESHOLD), or use huge pages.");
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		if (a->blame->worked[group] > 0)
			churn_add(a, group);
}

const struct detector mem_fault_churn = {"mem.fault-churn", detect};
