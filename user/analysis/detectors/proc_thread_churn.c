/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.thread-churn: a thread is created for each small job. What it takes to create and end them,
 * and to map and give back their stacks, is seen in the CPU samples; what they wait for each other
 * meanwhile, at the one lock of their address space, in the samples of waits. The place is the code
 * that creates them.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/detectors/task_work.h"
#include "analysis/stats.h"

#define STARTS_PER_SECOND 100.0
/* Creating and ending a thread takes 20 to 100 us: with more work than this in each, who cares. */
#define CPU_NS_MOST 2e6
/* Longer-lived ones are not made for a job. */
#define LIFE_NS_MOST 100e6
/* A program that starts a few threads and ends is proc.fork's. */
#define THREADS_PER_PROCESS 16
#define CHURN_SHARE         0.15 /* of the group's CPU time */

struct brood {
	double threads, life, cpu;        /* threads of a moment; ns: sums */
	double samples, part[WORK_KINDS]; /* of all threads of the group */
	double lock;                      /* ns of waiting for the lock of the address space */
	uint32_t processes;               /* that have any */
};

static bool thread_brief(const struct analysis *a, uint32_t thread)
{
	const struct thread_facts *facts = &a->facts->threads[thread];
	const struct thread *t = &a->rec->threads.at[thread];

	return t->tid != a->rec->processes.at[t->process].pid && facts->total &&
	       (double)facts->total < LIFE_NS_MOST;
}

static void threads_sum(const struct analysis *a, struct brood *broods)
{
	bool *counted = calloc(a->rec->processes.len + 1, sizeof(*counted));

	if (!counted)
		abort();
	for (uint32_t i = 0; i < a->rec->threads.len; i++) {
		const struct thread_facts *facts = &a->facts->threads[i];
		uint32_t process = a->rec->threads.at[i].process;
		struct brood *brood;

		if (facts->group == NONE || !thread_brief(a, i))
			continue;
		brood = &broods[facts->group];
		brood->threads++;
		brood->life += (double)facts->total;
		brood->cpu += (double)(facts->ns[STATE_RUN_USER] + facts->ns[STATE_RUN_KERNEL]);
		brood->processes += !counted[process];
		counted[process] = true;
	}
	free(counted);
}

/* In how many slices threads of a moment were there. */
static size_t slices_with_any(const struct analysis *a, uint32_t group)
{
	bool *seen = calloc(a->rec->slices.len + 1, sizeof(*seen));
	size_t slices = 0;

	if (!seen)
		abort();
	vec_each(&a->rec->ledger, row) {
		if (seen[row->slice] || a->facts->threads[row->thread].group != group ||
		    !thread_brief(a, row->thread))
			continue;
		seen[row->slice] = true;
		slices++;
	}
	free(seen);
	return slices;
}

/* A thread for each job, all the time: not a pool that was started, or ended, in the window. */
static bool brood_churns(const struct analysis *a, uint32_t group, const struct brood *brood)
{
	double seconds = a->facts->window_ns / 1e9;

	return brood->threads / seconds >= STARTS_PER_SECOND &&
	       brood->cpu / brood->threads <= CPU_NS_MOST &&
	       brood->threads >= THREADS_PER_PROCESS * (double)brood->processes &&
	       2 * slices_with_any(a, group) > a->rec->slices.len;
}

static bool waits_in_kernel(const struct recording *rec, const struct stack *stack)
{
	static const char *const locks[] = {"rwsem_down_read_slowpath", "rwsem_down_write_slowpath",
					    "__down_read", "__down_write"};

	for (uint32_t i = 0; i < stack->kernel_len; i++)
		for (size_t j = 0; j < sizeof(locks) / sizeof(locks[0]); j++)
			if (stack_frame_is(rec, stack, i, locks[j]))
				return true;
	return false;
}

/* A page fault is a job's own work: only what is done to the address space counts. */
static bool work_churns(enum task_work work)
{
	return work == WORK_CREATE || work == WORK_END || work == WORK_MAP;
}

static void samples_sum(const struct analysis *a, struct brood *broods, struct askers *askers)
{
	vec_each(&a->rec->samples, sample) {
		uint32_t group = a->facts->threads[sample->thread].group;
		const struct stack *stack;
		enum task_work work;

		if (group == NONE || broods[group].threads <= 0 || !sample_counts(a->rec, sample))
			continue;
		stack = &a->rec->stacks.at[sample->stack];
		if (sample->kind == SAMPLE_OFFCPU && work_churns(stack_work(a->rec, stack)) &&
		    waits_in_kernel(a->rec, stack))
			broods[group].lock += (double)sample->weight;
		if (sample->kind != SAMPLE_CPU)
			continue;
		work = stack_work(a->rec, stack);
		broods[group].samples += (double)sample->count;
		broods[group].part[work] += (double)sample->count;
		if (work == WORK_CREATE)
			askers_add(askers, a->rec, group, sample);
	}
}

static void churn_tell(struct analysis *a, struct bottleneck *finding, uint32_t group,
		       const struct brood *brood)
{
	double seconds = a->facts->window_ns / 1e9;

	finding->title = finding_text(
		a, "%s creates %.0f threads a second, each for %.0f us of CPU time",
		group_name(a, group), brood->threads / seconds, brood->cpu / brood->threads / 1e3);
	finding_evidence(finding, "threads created", brood->threads / seconds, "threads/s");
	finding_evidence(finding, "life of one", brood->life / brood->threads / 1e3, "us");
	finding_evidence(finding, "CPU time of one", brood->cpu / brood->threads / 1e3, "us");
	finding_evidence(finding, "of the CPU time: creating threads",
			 100 * brood->part[WORK_CREATE] / brood->samples, "%");
	finding_evidence(finding, "of the CPU time: mapping and giving back stacks",
			 100 * brood->part[WORK_MAP] / brood->samples, "%");
	finding_evidence(finding, "of the CPU time: ending threads",
			 100 * brood->part[WORK_END] / brood->samples, "%");
	finding_evidence(finding, "waiting for the lock of the address space meanwhile",
			 brood->lock / 1e9, "s");
	finding_link(finding, "creates threads", &finding->where);
	finding_action(finding, EFFORT_MEDIUM, 2, 16, 1,
		       "Keep the threads (a pool that takes jobs from a queue), or do small jobs "
		       "where they arrive.");
}

static void churn_add(struct analysis *a, uint32_t group, const struct brood *brood,
		      const struct askers *askers)
{
	const struct group *g = &a->facts->groups.at[group];
	struct blame_filter filter = BLAME_ANY(STATES_RUN);
	double run = g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL], time, start;
	struct bottleneck *finding;
	struct interval share;

	start = brood->part[WORK_CREATE] + brood->part[WORK_END] + brood->part[WORK_MAP];
	share = stats_wilson(start, brood->samples);
	if (share.low < CHURN_SHARE)
		return;
	filter.owner = group;
	time = blame_sum(a->blame, &filter);
	/* Who waits for a CPU that it has waits for this work in the same proportion. */
	filter = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));
	filter.party = group;
	time += blame_sum(a->blame, &filter);
	finding = finding_add(a, "proc.thread-churn", time * start / brood->samples + brood->lock,
			      time * share.low + brood->lock, time * share.high + brood->lock);
	if (!finding)
		return;
	finding_of_group(a, finding, group, true);
	/* With the CPU time goes the waiting for the lock, which is not for a CPU. */
	finding->group_ns = a->blame->worked[group] * (run * start / brood->samples + brood->lock) /
			    (run + brood->lock);
	finding->confidence = CONFIDENCE_HIGH;
	place_asker(a, finding, askers_top(askers, group));
	churn_tell(a, finding, group, brood);
}

static void detect(struct analysis *a)
{
	struct brood *broods = calloc(a->facts->groups.len + 1, sizeof(*broods));
	struct askers askers = {};

	if (!broods)
		abort();
	threads_sum(a, broods);
	/* Of the others nothing needs to be known. */
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		if (a->blame->worked[group] <= 0 || !brood_churns(a, group, &broods[group]))
			broods[group].threads = 0;
	samples_sum(a, broods, &askers);
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		if (broods[group].samples > 0)
			churn_add(a, group, &broods[group], &askers);
	vec_free(&askers.at);
	free(broods);
}

const struct detector proc_thread_churn = {"proc.thread-churn", detect};
