/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "analysis/detectors/offspring.h"

#define ANCESTORS_MAX 16

/* Processes by pid, those of one pid by their begin. */
static int by_pid(const void *left, const void *right, void *context)
{
	const struct recording *rec = context;
	const struct process *a = &rec->processes.at[*(const uint32_t *)left];
	const struct process *b = &rec->processes.at[*(const uint32_t *)right];

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

/* The process that had the parent's pid when this one began; NONE if it was not seen. */
static uint32_t parent_find(const struct recording *rec, const uint32_t *order, uint32_t child)
{
	const struct process *process = &rec->processes.at[child];
	size_t low = 0, high = rec->processes.len;

	/* The first that is behind it; the one before that is the parent. */
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct process *at = &rec->processes.at[order[middle]];

		if (at->pid < process->parent ||
		    (at->pid == process->parent && at->start_ns <= process->start_ns))
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || rec->processes.at[order[low - 1]].pid != process->parent ||
	    order[low - 1] == child)
		return NONE;
	return order[low - 1];
}

static void lives_sum(const struct facts *facts, struct offspring *offspring)
{
	for (uint32_t i = 0; i < facts->rec->threads.len; i++) {
		const struct thread_facts *thread = &facts->threads[i];
		uint32_t process = facts->rec->threads.at[i].process;

		if ((double)thread->total > offspring->life[process])
			offspring->life[process] = (double)thread->total;
		offspring->cpu[process] +=
			(double)(thread->ns[STATE_RUN_USER] + thread->ns[STATE_RUN_KERNEL]);
	}
}

static bool process_short(const struct recording *rec, const struct offspring *offspring,
			  uint32_t process)
{
	const struct process *p = &rec->processes.at[process];

	return p->born && p->exited && !p->kernel && offspring->life[process] > 0 &&
	       offspring->cpu[process] < SHORT_CPU_NS;
}

static uint32_t root_find(const struct facts *facts, const struct offspring *offspring,
			  const uint32_t *order, uint32_t process)
{
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		process = parent_find(facts->rec, order, process);
		if (process == NONE)
			return NONE;
		if (!process_short(facts->rec, offspring, process))
			return facts_process_group(facts, process);
	}
	return NONE;
}

struct offspring *offspring_new(const struct facts *facts)
{
	const struct recording *rec = facts->rec;
	size_t n = rec->processes.len;
	struct offspring *offspring = calloc(1, sizeof(*offspring));
	uint32_t *order = calloc(n + 1, sizeof(*order));

	if (!offspring || !order)
		abort();
	offspring->root = calloc(n + 1, sizeof(*offspring->root));
	offspring->life = calloc(n + 1, sizeof(double));
	offspring->cpu = calloc(n + 1, sizeof(double));
	if (!offspring->root || !offspring->life || !offspring->cpu)
		abort();
	lives_sum(facts, offspring);
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), by_pid, (void *)rec);
	for (uint32_t i = 0; i < n; i++)
		offspring->root[i] = process_short(rec, offspring, i)
					     ? root_find(facts, offspring, order, i)
					     : NONE;
	free(order);
	return offspring;
}

void offspring_free(struct offspring *offspring)
{
	if (!offspring)
		return;
	free(offspring->root);
	free(offspring->life);
	free(offspring->cpu);
	free(offspring);
}
