/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.fork: work is done by starting processes over and over. What it takes to create, exec, load
 * and end them is seen in the kernel functions of the CPU samples, and in samples of user code that
 * runs before the program's own; the place is whoever starts them.
 *
 * A build starts processes, too, but each of them computes: what is needed to start a compiler is a
 * small part of what it does.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/detectors/offspring.h"
#include "analysis/detectors/task_work.h"
#include "analysis/stats.h"

#define STARTS_PER_SECOND 20.0
/*
 * What a start takes is one or two milliseconds. A compiler driver with its parts takes 8 for a
 * file of three lines, and half of that is starting: this is no churn yet.
 */
#define CPU_NS_MOST 5e6
#define START_SHARE 0.6 /* of the CPU time of the processes and of creating them */

/* All short-lived processes that one group is behind. */
struct family {
	double started, life, cpu; /* ns: sums */
	double samples, own;       /* CPU samples of the processes; of the group itself */
	double part[WORK_KINDS];   /* of `samples` */
	double create, reap;       /* of `own` */
	uint32_t child;            /* the group with most of their CPU time */
	double child_cpu;
};

static void processes_sum(const struct analysis *a, const struct offspring *offspring,
			  struct family *families)
{
	double *cpu = calloc(a->facts->groups.len + 1, sizeof(double));

	if (!cpu)
		abort();
	for (uint32_t i = 0; i < a->rec->processes.len; i++) {
		uint32_t root = offspring->root[i], group = facts_process_group(a->facts, i);
		struct family *family;

		if (root == NONE || group == NONE)
			continue;
		family = &families[root];
		family->started++;
		family->life += offspring->life[i];
		family->cpu += offspring->cpu[i];
		cpu[group] += offspring->cpu[i];
		if (family->started == 1 || cpu[group] > family->child_cpu) {
			family->child = group;
			family->child_cpu = cpu[group];
		}
	}
	free(cpu);
}

static enum task_work work_of(const struct analysis *a, const struct sample *sample)
{
	const struct recording *rec = a->rec;
	const struct stack *stack = &rec->stacks.at[sample->stack];
	const struct thread *thread = &rec->threads.at[sample->thread];
	const struct process *process = &rec->processes.at[thread->process];
	enum task_work work = stack_work(rec, stack);

	if (work == WORK_EXEC || work == WORK_CREATE || work == WORK_END)
		return work;
	if (thread->tid == process->pid && stack_before_main(rec, stack, process->exe))
		return WORK_LOAD;
	/* Each process touches its pages for the first time. */
	return work == WORK_FAULT ? work : WORK_OTHER;
}

static void samples_sum(const struct analysis *a, const struct offspring *offspring,
			struct family *families, struct askers *askers)
{
	vec_each(&a->rec->samples, sample) {
		uint32_t process = a->rec->threads.at[sample->thread].process;
		uint32_t root = offspring->root[process];
		uint32_t group = a->facts->threads[sample->thread].group;
		enum task_work work;

		if (sample->kind != SAMPLE_CPU || group == NONE || !sample_counts(a->rec, sample))
			continue;
		if (root != NONE) {
			families[root].samples += (double)sample->count;
			families[root].part[work_of(a, sample)] += (double)sample->count;
			continue;
		}
		if (families[group].started <= 0)
			continue;
		work = stack_work(a->rec, &a->rec->stacks.at[sample->stack]);
		families[group].own += (double)sample->count;
		if (work == WORK_END)
			families[group].reap += (double)sample->count;
		if (work != WORK_CREATE)
			continue;
		families[group].create += (double)sample->count;
		askers_add(askers, a->rec, group, sample);
	}
}

/* A parent that shares its memory until the exec (vfork, posix_spawn) waits where it creates. */
static void waits_sum(const struct analysis *a, const struct offspring *offspring,
		      const struct family *families, struct askers *askers)
{
	vec_each(&a->rec->samples, sample) {
		uint32_t group = a->facts->threads[sample->thread].group;

		if (sample->kind != SAMPLE_OFFCPU || group == NONE ||
		    families[group].started <= 0 || sample->stack >= a->rec->stacks.len ||
		    offspring->root[a->rec->threads.at[sample->thread].process] != NONE)
			continue;
		if (stack_work(a->rec, &a->rec->stacks.at[sample->stack]) == WORK_CREATE)
			askers_add(askers, a->rec, group, sample);
	}
}

static void evidence_add(const struct analysis *a, struct bottleneck *finding,
			 const struct family *family, double cpu)
{
	static const struct {
		enum task_work work;
		const char *what;
	} parts[] = {
		{WORK_EXEC, "of their CPU time: exec"},
		{WORK_LOAD, "of their CPU time: the dynamic loader, before main()"},
		{WORK_FAULT, "of their CPU time: page faults"},
		{WORK_END, "of their CPU time: exit"},
	};

	finding_evidence(finding, "processes started",
			 family->started / (a->facts->window_ns / 1e9), "processes/s");
	finding_evidence(finding, "life of one", family->life / family->started / 1e6, "ms");
	finding_evidence(finding, "CPU time of one", family->cpu / family->started / 1e6, "ms");
	if (family->own > 0)
		finding_evidence(finding, "CPU time of creating one",
				 cpu * family->create / family->own / family->started / 1e6, "ms");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		finding_evidence(finding, parts[i].what,
				 100 * family->part[parts[i].work] / family->samples, "%");
}

static void fork_add(struct analysis *a, uint32_t root, const struct family *family,
		     const struct askers *askers)
{
	const struct group *g = &a->facts->groups.at[root];
	double run = fmax(g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL] -
				  (family->child == root ? family->cpu : 0),
			  0);
	double start = family->samples - family->part[WORK_OTHER];
	double behind = family->create + family->reap;
	double own = family->own > 0 ? run * behind / family->own : 0;
	struct interval share = stats_wilson(start, family->samples);
	struct interval own_share = stats_wilson(behind, family->own);
	double all = family->cpu + own, ns = family->cpu * start / family->samples + own;
	struct bottleneck *finding;
	struct place place;

	if ((family->cpu * share.low + own) / all < START_SHARE)
		return;
	finding = finding_add(a, "proc.fork", ns, family->cpu * share.low + run * own_share.low,
			      family->cpu * share.high + run * own_share.high);
	if (!finding)
		return;
	finding_of_group(a, finding, a->blame->worked[root] > 0 ? root : family->child, false);
	finding->subject = root;
	finding->of_running = true;
	finding->where = place_group(a, root);
	place = place_group(a, family->child);
	/* Its work is done together with those it starts: that share of it is saved. */
	finding->group_ns = a->blame->worked[finding->group] * ns / (family->cpu + run);
	finding->confidence = CONFIDENCE_HIGH;
	place_asker(a, finding, askers_top(askers, root));
	finding->title = finding_text(
		a,
		"%s starts %.0f processes a second, and %.0f %% of what they take is starting "
		"and ending them",
		group_name(a, root), family->started / (a->facts->window_ns / 1e9), 100 * ns / all);
	evidence_add(a, finding, family, run);
	finding_link(finding, "starts processes", &finding->where);
	finding_link(finding, "live for a moment", &place);
	if (family->child != root)
		vec_push(&finding->covers, family->child);
	finding_action(
		finding, EFFORT_MEDIUM, 2, 24, 1,
		"Do this work in the process that asks for it (a library, a built-in of the "
		"shell), or give it to processes that stay and take one job after the other.");
}

static void detect(struct analysis *a)
{
	struct family *families = calloc(a->facts->groups.len + 1, sizeof(*families));
	struct offspring *offspring = offspring_new(a->facts);
	struct askers askers = {};

	if (!families)
		abort();
	processes_sum(a, offspring, families);
	samples_sum(a, offspring, families, &askers);
	waits_sum(a, offspring, families, &askers);
	for (uint32_t root = 0; root < a->facts->groups.len; root++) {
		const struct family *family = &families[root];

		if (family->samples > 0 && a->facts->groups.at[root].targeted &&
		    family->started / (a->facts->window_ns / 1e9) >= STARTS_PER_SECOND &&
		    family->cpu / family->started <= CPU_NS_MOST)
			fork_add(a, root, family, &askers);
	}
	vec_free(&askers.at);
	offspring_free(offspring);
	free(families);
}

const struct detector proc_fork = {"proc.fork", detect};
