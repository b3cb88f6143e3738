/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/facts.h"
#include "analysis/interpreters.h"
#include "analysis/leaf.h"

/* A thread that was active for less of its life than this is an idle one. */
#define BUSY_SHARE 0.05

#ifndef SCHED_BATCH
#define SCHED_BATCH 3
#endif
#ifndef SCHED_IDLE
#define SCHED_IDLE 5
#endif

struct group_key {
	uint64_t exe_id;
	uint32_t comm, cgroup; /* comm only where the executable is unknown */
	bool kernel, targeted;
};

/*
 * Time in which a thread works, or is held back from it. Waiting for a timer, for anything to
 * arrive, for a peer or a futex may be idleness: it is not counted here; blame.c counts the part
 * that somebody else's work explains.
 */
static bool state_is_active(enum thread_state state)
{
	return state <= STATE_READY_THROTTLED || state == STATE_WAIT_DISK_READ ||
	       state == STATE_WAIT_DISK_WRITE || state == STATE_WAIT_FAULT ||
	       state == STATE_WAIT_RECLAIM || state == STATE_WAIT_LOCK_KERNEL;
}

double group_on_cpu(const struct group *group)
{
	double sum = 0;

	for (int state = 0; state < STATE_COUNT; state++)
		if (STATES_ON_CPU & 1u << state)
			sum += group->ns[state];
	return sum;
}

static void threads_sum(struct facts *facts)
{
	const struct recording *rec = facts->rec;

	vec_each(&rec->ledger, row) {
		struct thread_facts *thread;

		if (row->thread >= rec->threads.len || row->state >= STATE_COUNT)
			continue;
		thread = &facts->threads[row->thread];
		thread->ns[row->state] += row->ns;
		thread->total += row->ns;
		if (state_is_active(row->state))
			thread->active += row->ns;
	}
	for (size_t i = 0; i < rec->threads.len; i++)
		facts->threads[i].busy = (double)facts->threads[i].active >
					 BUSY_SHARE * (double)facts->threads[i].total;
}

/* ---- groups ---- */

static bool key_equal(const void *context, uint32_t position, const void *key)
{
	const struct group_key *keys = context, *wanted = key, *at = &keys[position];

	return at->exe_id == wanted->exe_id && at->comm == wanted->comm &&
	       at->cgroup == wanted->cgroup && at->kernel == wanted->kernel &&
	       at->targeted == wanted->targeted;
}

/* Processes that this recording saw alive: a monitor keeps the names of those long gone. */
static bool *processes_lived(const struct facts *facts)
{
	const struct recording *rec = facts->rec;
	bool *lived = calloc(rec->processes.len + 1, sizeof(*lived));

	if (!lived)
		abort();
	for (size_t i = 0; i < rec->threads.len; i++)
		if (facts->threads[i].total && rec->threads.at[i].process < rec->processes.len)
			lived[rec->threads.at[i].process] = true;
	return lived;
}

/* The group of a process, NONE where it has none: edges and counters may name any. */
uint32_t facts_process_group(const struct facts *facts, uint32_t process)
{
	return process < facts->rec->processes.len ? facts->process_group[process] : NONE;
}

static void groups_make(struct facts *facts)
{
	const struct recording *rec = facts->rec;
	VEC(struct group_key) keys = {};
	struct index index = {};

	bool *lived = processes_lived(facts);

	for (size_t i = 0; i < rec->processes.len; i++) {
		const struct process *process = &rec->processes.at[i];
		struct group_key key = {.exe_id = process->exe_id,
					.comm = process->exe_id ? 0 : process->comm,
					.cgroup = process->cgroup,
					.kernel = process->kernel,
					.targeted = process->targeted};
		uint64_t hash =
			hash_mix(hash_mix(key.exe_id, key.comm),
				 (uint64_t)key.cgroup << 2 | key.kernel << 1 | key.targeted);
		uint32_t at;

		facts->process_group[i] = NONE;
		if (!lived[i])
			continue;
		at = index_find(&index, hash, key_equal, keys.at, &key);

		if (at == INDEX_NONE) {
			at = (uint32_t)keys.len;
			index_add(&index, hash, at);
			vec_push(&keys, key);
			vec_push(&facts->groups, (struct group){.kernel = process->kernel,
								.targeted = process->targeted,
								.cgroup = process->cgroup,
								.process = (uint32_t)i});
		}
		facts->process_group[i] = at;
		facts->groups.at[at].processes++;
	}
	vec_free(&keys);
	index_free(&index);
	free(lived);
}

struct group *facts_group(const struct facts *facts, uint32_t thread)
{
	if (thread >= facts->rec->threads.len || facts->threads[thread].group == NONE)
		return NULL;
	return &facts->groups.at[facts->threads[thread].group];
}

static bool thread_pinned(const struct facts *facts, const struct thread *thread)
{
	return thread->cpus_allowed && thread->cpus_allowed < facts->rec->host.cpus;
}

static void group_add_thread(struct facts *facts, struct group *group, uint32_t position,
			     double *process_active)
{
	const struct thread *thread = &facts->rec->threads.at[position];
	const struct thread_facts *mine = &facts->threads[position];
	double active = (double)mine->active;

	group->threads++;
	if (!mine->busy)
		return;
	group->busy_threads++;
	for (int state = 0; state < STATE_COUNT; state++)
		group->ns[state] += (double)mine->ns[state];
	group->total += (double)mine->total;
	group->active += active;
	/* Weighted sums here; divided by the active time when all threads are in. */
	group->nice += active * thread->nice;
	process_active[thread->process] += active;
}

/* What most of a group's active time is: real-time, idle class, pinned. */
static void groups_classify(struct facts *facts)
{
	const struct recording *rec = facts->rec;
	size_t n = facts->groups.len;
	double *realtime = calloc(n + 1, sizeof(double)), *idle = calloc(n + 1, sizeof(double)),
	       *pinned = calloc(n + 1, sizeof(double));

	for (uint32_t i = 0; i < rec->threads.len; i++) {
		const struct thread *thread = &rec->threads.at[i];
		double active = (double)facts->threads[i].active;
		uint32_t group = facts->threads[i].group;

		if (group == NONE || !facts->threads[i].busy)
			continue;
		if (thread->realtime_priority)
			realtime[group] += active;
		if (thread->policy == SCHED_IDLE)
			idle[group] += active;
		if (thread_pinned(facts, thread))
			pinned[group] += active;
	}
	for (size_t i = 0; i < n; i++) {
		struct group *group = &facts->groups.at[i];

		group->realtime = realtime[i] > group->active / 2;
		group->idle_class = idle[i] > group->active / 2;
		group->pinned = pinned[i] > group->active / 2;
		if (group->active > 0)
			group->nice /= group->active;
	}
	free(realtime);
	free(idle);
	free(pinned);
}

static void groups_sum(struct facts *facts)
{
	const struct recording *rec = facts->rec;
	double *active = calloc(rec->processes.len + 1, sizeof(double));

	for (uint32_t i = 0; i < rec->threads.len; i++) {
		facts->threads[i].group = facts_process_group(facts, rec->threads.at[i].process);
		if (facts->threads[i].group != NONE)
			group_add_thread(facts, &facts->groups.at[facts->threads[i].group], i,
					 active);
	}
	for (uint32_t i = 0; i < rec->processes.len; i++) {
		struct group *group;

		if (facts->process_group[i] == NONE)
			continue;
		group = &facts->groups.at[facts->process_group[i]];
		if (active[i] > active[group->process])
			group->process = i;
	}
	vec_each(&facts->groups, group)
		group->name = process_name(rec, rec->processes.at[group->process].comm,
					   group->cgroup < rec->cgroups.len
						   ? rec->cgroups.at[group->cgroup].container
						   : 0);
	vec_each(&rec->listeners, listener) {
		uint32_t group = facts_process_group(facts, listener->process);

		if (group != NONE)
			facts->groups.at[group].server = true;
	}
	vec_each(&rec->samples, sample) {
		struct group *group = facts_group(facts, sample->thread);

		if (sample->kind == SAMPLE_LOCK && group)
			group->lock_ns += (double)sample->weight;
		if (sample->kind == SAMPLE_CPU && group && sample->stack < rec->stacks.len &&
		    !stack_in_interrupt(rec, &rec->stacks.at[sample->stack]))
			group->samples += (double)sample->count;
	}
	free(active);
	groups_classify(facts);
}

/* ---- CPUs ---- */

static void cpus_sum(struct facts *facts)
{
	const struct recording *rec = facts->rec;
	uint32_t metric = string_find(rec, "cpu.idle_ns");
	double idle = 0;

	facts->cpu_count = rec->host.cpus;
	facts->cpu_ns = facts->window_ns * rec->host.cpus;
	facts->cpu_idle = calloc(facts->cpu_count + 1, sizeof(double));
	facts->idle_share = NAN;
	if (metric == NONE || facts->cpu_ns <= 0)
		return;
	vec_each(&rec->points, point) {
		const char *label;
		uint32_t cpu;

		if (point->metric != metric)
			continue;
		label = string_get(rec, point->label);
		if (strncmp(label, "cpu", 3))
			continue;
		cpu = (uint32_t)strtoul(label + 3, NULL, 10);
		idle += point->value;
		if (cpu < facts->cpu_count)
			facts->cpu_idle[cpu] += point->value / facts->window_ns;
	}
	facts->idle_share = fmin(fmax(idle / facts->cpu_ns, 0), 1);
}

/* ---- counters ---- */

#define ANY_LABEL (NONE - 1)

static bool total_equal(const void *context, uint32_t position, const void *key)
{
	const struct total *at = &((const struct facts *)context)->totals.at[position];
	const struct total *wanted = key;

	return at->metric == wanted->metric && at->label == wanted->label &&
	       at->group == wanted->group;
}

static uint64_t total_hash(const struct total *total)
{
	return hash_mix(hash_mix(total->metric, total->label), total->group);
}

static void total_add(struct facts *facts, uint32_t metric, uint32_t label, uint32_t group,
		      double value)
{
	struct total key = {.metric = metric, .label = label, .group = group};
	uint32_t at = index_find(&facts->by_total, total_hash(&key), total_equal, facts, &key);

	if (at == INDEX_NONE) {
		at = (uint32_t)facts->totals.len;
		index_add(&facts->by_total, total_hash(&key), at);
		vec_push(&facts->totals, key);
	}
	facts->totals.at[at].value += value;
}

/* Counters by group and label, and over all of either: detectors ask often. */
static void totals_sum(struct facts *facts)
{
	const struct recording *rec = facts->rec;

	vec_each(&rec->counts, count) {
		double value = (double)count->value;
		uint32_t group = facts_process_group(facts, count->process);

		total_add(facts, count->metric, count->label, NONE, value);
		total_add(facts, count->metric, ANY_LABEL, NONE, value);
		if (group == NONE)
			continue;
		total_add(facts, count->metric, count->label, group, value);
		total_add(facts, count->metric, ANY_LABEL, group, value);
	}
}

double facts_count(const struct facts *facts, const char *metric, uint32_t group, const char *label)
{
	struct total key = {.metric = string_find(facts->rec, metric),
			    .label = label ? string_find(facts->rec, label) : ANY_LABEL,
			    .group = group};
	uint32_t at;

	if (key.metric == NONE || key.label == NONE)
		return 0;
	at = index_find(&facts->by_total, total_hash(&key), total_equal, facts, &key);
	return at == INDEX_NONE ? 0 : facts->totals.at[at].value;
}

struct facts *facts_new(const struct recording *rec)
{
	struct facts *facts = calloc(1, sizeof(*facts));

	if (!facts)
		abort();
	facts->rec = rec;
	facts->window_ns = (double)rec->length_ns;
	facts->threads = calloc(rec->threads.len + 1, sizeof(*facts->threads));
	facts->process_group = calloc(rec->processes.len + 1, sizeof(*facts->process_group));
	if (!facts->threads || !facts->process_group)
		abort();
	threads_sum(facts);
	groups_make(facts);
	groups_sum(facts);
	cpus_sum(facts);
	totals_sum(facts);
	interpreters_find(facts);
	return facts;
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	free(facts->threads);
	free(facts->process_group);
	free(facts->cpu_idle);
	vec_each(&facts->groups, group)
		free(group->name);
	vec_free(&facts->groups);
	vec_free(&facts->interpreters);
	vec_free(&facts->totals);
	index_free(&facts->by_total);
	free(facts);
}

/* ---- questions ---- */

static double points_sum(const struct facts *facts, const char *metric, const char *label,
			 double *readings)
{
	const struct recording *rec = facts->rec;
	uint32_t metric_id = string_find(rec, metric);
	uint32_t label_id = label ? string_find(rec, label) : NONE;
	double sum = 0;

	*readings = 0;
	if (metric_id == NONE || (label && label_id == NONE))
		return 0;
	vec_each(&rec->points, point) {
		if (point->metric != metric_id || (label && point->label != label_id))
			continue;
		sum += point->value;
		(*readings)++;
	}
	return sum;
}

double facts_point_sum(const struct facts *facts, const char *metric, const char *label)
{
	double readings;

	return points_sum(facts, metric, label, &readings);
}

double facts_point_mean(const struct facts *facts, const char *metric, const char *label)
{
	double readings, sum = points_sum(facts, metric, label, &readings);

	return readings > 0 ? sum / readings : NAN;
}

double group_batch_share(const struct group *group)
{
	double cpu = 0;

	for (int state = 0; state <= STATE_READY_THROTTLED; state++)
		cpu += group->ns[state];
	return group->total > 0 ? cpu / group->total : 0;
}

double facts_idle_elsewhere(const struct facts *facts, uint32_t group)
{
	const struct recording *rec = facts->rec;
	double idle = 0, weight = 0;

	for (uint32_t i = 0; i < rec->threads.len; i++) {
		const struct thread *thread = &rec->threads.at[i];
		double outside = 0, active = (double)facts->threads[i].active;

		if (facts->threads[i].group != group || !facts->threads[i].busy)
			continue;
		for (uint32_t cpu = 0; cpu < facts->cpu_count && cpu < 256; cpu++)
			if (!(thread->cpu_mask[cpu / 64] >> (cpu % 64) & 1))
				outside += facts->cpu_idle[cpu];
		weight += active;
		if (thread_pinned(facts, thread))
			idle += active * outside;
	}
	return weight > 0 ? idle / weight : 0;
}
