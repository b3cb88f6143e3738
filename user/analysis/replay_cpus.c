/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <sched.h>
#include <stdlib.h>

#include "analysis/replay_cpus.h"

#define WEIGHT_NICE_0 1024.0
#define WEIGHT_IDLE   3.0 /* of SCHED_IDLE */
/* A thread that wakes must have had this much less to take the CPU (sched_wakeup_granularity). */
#define WAKE_NS 1000000.0
/* What a thread that slept may have had less than those who did not: half a period. */
#define SLEEPER_NS 3000000.0
/* How often waiting threads are moved to make things even. */
#define BALANCE_NS 8000000ULL

double replay_weight(int32_t nice)
{
	return WEIGHT_NICE_0 * pow(1.25, -(double)nice);
}

static bool policy_is_realtime(uint32_t policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static void thread_open(struct cpus_thread *thread, const struct replay_trace *trace,
			const struct replay_thread *of, const struct thread *row,
			const struct replay_change *change)
{
	thread->cpu = of->cpu;
	thread->group = of->sched_group;
	thread->alone = of->sched_group == trace->root;
	thread->weight = row->policy == SCHED_IDLE ? WEIGHT_IDLE : replay_weight(row->nice);
	if (change->weight > 0)
		thread->weight = change->weight;
	if (policy_is_realtime(row->policy) && !change->ordinary)
		thread->realtime = row->realtime_priority ? row->realtime_priority : 1;
	if (row->cpus_allowed && row->cpus_allowed < trace->cpus && !change->unpinned)
		thread->mask = row->cpu_mask;
}

void cpus_open(struct cpus *cpus, const struct replay_trace *trace, const struct recording *rec,
	       const struct replay_scheduler *scheduler, const struct replay_change *changes)
{
	*cpus = (struct cpus){.scheduler = scheduler,
			      .len = trace->cpus,
			      .groups = trace->groups,
			      .absent = trace->absent};
	cpus->threads = calloc(trace->threads.len + 1, sizeof(*cpus->threads));
	cpus->shares = calloc((size_t)cpus->len * cpus->groups + 1, sizeof(*cpus->shares));
	cpus->loads = calloc(cpus->groups + 1, sizeof(*cpus->loads));
	if (!cpus->threads || !cpus->shares || !cpus->loads)
		abort();
	for (uint32_t cpu = 0; cpu < cpus->len; cpu++) {
		cpus->at[cpu].current = NONE;
		cpus->next[cpu] = UINT64_MAX;
	}
	for (uint32_t i = 0; i < trace->threads.len; i++) {
		const struct replay_thread *thread = &trace->threads.at[i];

		thread_open(&cpus->threads[i], trace, thread, &rec->threads.at[thread->thread],
			    &changes[i]);
	}
}

void cpus_close(struct cpus *cpus)
{
	for (uint32_t cpu = 0; cpu < cpus->len; cpu++)
		vec_free(&cpus->at[cpu].queue);
	free(cpus->threads);
	free(cpus->shares);
	free(cpus->loads);
}

/* ---- shares ---- */

static struct cpus_share *share_of(const struct cpus *cpus, const struct cpus_thread *thread,
				   uint32_t cpu)
{
	return &cpus->shares[(size_t)cpu * cpus->groups + thread->group];
}

static bool cpu_allowed(const struct cpus *cpus, const struct cpus_thread *thread, uint32_t cpu)
{
	if (cpus->absent[cpu])
		return false;
	return !thread->mask || (thread->mask[cpu / 64] >> (cpu % 64) & 1);
}

/* A thread's part in the load of its CPU, as the balancer sees it. */
static double load_of(const struct cpus *cpus, const struct cpus_thread *thread)
{
	if (thread->realtime)
		return 0;
	if (thread->alone || cpus->loads[thread->group] <= 0)
		return thread->weight;
	return WEIGHT_NICE_0 * thread->weight / cpus->loads[thread->group];
}

static double cpu_load(const struct cpus *cpus, uint32_t cpu)
{
	const struct cpus_cpu *at = &cpus->at[cpu];
	double load = at->current == NONE ? 0 : load_of(cpus, &cpus->threads[at->current]);

	vec_each(&at->queue, thread)
		load += load_of(cpus, &cpus->threads[*thread]);
	return load;
}

static void load_add(struct cpus *cpus, const struct cpus_thread *thread, uint32_t cpu, int sign)
{
	share_of(cpus, thread, cpu)->load += sign * thread->weight;
	cpus->loads[thread->group] += sign * thread->weight;
}

/* What decides who is next: the virtual time of the thread if it is alone, else of its group. */
static double entity_had(const struct cpus *cpus, const struct cpus_thread *thread, uint32_t cpu)
{
	return thread->alone ? thread->had : share_of(cpus, thread, cpu)->had;
}

/* Whether one thread of this CPU's queue goes before another. */
static bool goes_before(const struct cpus *cpus, uint32_t cpu, uint32_t a, uint32_t b)
{
	const struct cpus_thread *left = &cpus->threads[a], *right = &cpus->threads[b];
	double l = entity_had(cpus, left, cpu), r = entity_had(cpus, right, cpu);

	if (left->realtime != right->realtime)
		return left->realtime > right->realtime;
	if (left->realtime)
		return left->queued_at != right->queued_at ? left->queued_at < right->queued_at
							   : a < b;
	if (!left->alone && !right->alone && left->group == right->group)
		l = r = 0;
	if (l != r)
		return l < r;
	return left->had != right->had ? left->had < right->had : a < b;
}

void cpus_charge(struct cpus *cpus, uint32_t cpu)
{
	struct cpus_cpu *at = &cpus->at[cpu];
	struct cpus_thread *thread;
	uint64_t ns = cpus->now - at->since;
	struct cpus_share *share;
	double part;

	at->since = cpus->now;
	if (at->current == NONE || !ns)
		return;
	thread = &cpus->threads[at->current];
	thread->left -= ns < thread->left ? ns : thread->left;
	thread->had += (double)ns * WEIGHT_NICE_0 / thread->weight;
	if (thread->alone || thread->realtime)
		return;
	share = share_of(cpus, thread, cpu);
	part = cpus->loads[thread->group] > 0 ? share->load / cpus->loads[thread->group] : 1;
	share->had += (double)ns / fmax(part, 0.01);
}

/* ---- queues ---- */

/* Virtual times of two CPUs have nothing to do with each other: keeps the distance to the floor. */
static void thread_place(struct cpus *cpus, struct cpus_thread *thread, uint32_t to, bool woken)
{
	double credit = woken && cpus->scheduler->wakes_preempt ? SLEEPER_NS : 0;
	struct cpus_share *share = share_of(cpus, thread, to);
	double floor = thread->alone ? cpus->at[to].floor : share->floor;

	if (thread->cpu != to) {
		double old = thread->alone ? cpus->at[thread->cpu].floor
					   : share_of(cpus, thread, thread->cpu)->floor;

		thread->had += floor - old;
	}
	thread->had = fmax(thread->had, floor - credit);
	if (!thread->alone && share->load <= 0)
		share->had = fmax(share->had, cpus->at[to].floor - credit);
}

static void queue_add(struct cpus *cpus, uint32_t thread, uint32_t cpu, bool woken)
{
	struct cpus_thread *state = &cpus->threads[thread];

	thread_place(cpus, state, cpu, woken);
	state->cpu = cpu;
	state->queued_at = cpus->now;
	load_add(cpus, state, cpu, 1);
	vec_push(&cpus->at[cpu].queue, thread);
	cpus->at[cpu].resched = cpus->changed[cpu] = true;
	cpus->waiting++;
}

static void queue_remove(struct cpus *cpus, uint32_t cpu, size_t at)
{
	struct cpus_cpu *state = &cpus->at[cpu];

	load_add(cpus, &cpus->threads[state->queue.at[at]], cpu, -1);
	state->queue.at[at] = state->queue.at[--state->queue.len];
	cpus->changed[cpu] = true;
	cpus->waiting--;
}

/* The CPU with least load that a thread may use. */
static uint32_t cpu_lightest(const struct cpus *cpus, const struct cpus_thread *thread)
{
	uint32_t best = NONE;
	double least = INFINITY;

	for (uint32_t cpu = 0; cpu < cpus->len; cpu++) {
		double load;

		if (!cpu_allowed(cpus, thread, cpu))
			continue;
		load = cpu_load(cpus, cpu);
		if (load < least) {
			least = load;
			best = cpu;
		}
	}
	return best;
}

void cpus_enqueue(struct cpus *cpus, uint32_t thread, uint32_t cpu)
{
	const struct cpus_thread *state = &cpus->threads[thread];

	if (!cpu_allowed(cpus, state, cpu))
		cpu = cpu_lightest(cpus, state);
	/* A mask of CPUs that had no event: it ran somewhere else before. */
	queue_add(cpus, thread, cpu == NONE ? state->cpu : cpu, false);
}

static bool cpu_free(const struct cpus *cpus, const struct cpus_thread *thread, uint32_t cpu)
{
	const struct cpus_cpu *at = &cpus->at[cpu];

	if (!cpu_allowed(cpus, thread, cpu))
		return false;
	if (at->current == NONE)
		return !at->queue.len;
	/* A real-time thread looks for a CPU on which it goes first. */
	return thread->realtime && cpus->threads[at->current].realtime < thread->realtime;
}

void cpus_enqueue_woken(struct cpus *cpus, uint32_t thread)
{
	const struct cpus_thread *state = &cpus->threads[thread];
	uint32_t target = state->cpu;
	bool found = cpu_free(cpus, state, target);

	for (uint32_t cpu = 0; cpu < cpus->len && !found; cpu++) {
		found = cpu_free(cpus, state, cpu);
		if (found)
			target = cpu;
	}
	if (!found && !cpu_allowed(cpus, state, target))
		target = cpu_lightest(cpus, state);
	queue_add(cpus, thread, target == NONE ? state->cpu : target, true);
}

/* ---- who is next ---- */

static size_t queue_first(const struct cpus *cpus, uint32_t cpu)
{
	const struct cpus_cpu *at = &cpus->at[cpu];
	size_t first = 0;

	for (size_t i = 1; i < at->queue.len; i++)
		if (goes_before(cpus, cpu, at->queue.at[i], at->queue.at[first]))
			first = i;
	return first;
}

/* The thread of another queue that has waited longest there and may run here. */
static bool queue_pull(struct cpus *cpus, uint32_t cpu)
{
	uint32_t from = NONE, thread;
	size_t position = 0;

	for (uint32_t other = 0; other < cpus->len; other++) {
		const struct cpus_cpu *at = &cpus->at[other];

		if (other == cpu)
			continue;
		for (size_t i = 0; i < at->queue.len; i++) {
			const struct cpus_thread *waits = &cpus->threads[at->queue.at[i]];

			if (!cpu_allowed(cpus, waits, cpu))
				continue;
			if (from != NONE &&
			    cpus->threads[cpus->at[from].queue.at[position]].queued_at <=
				    waits->queued_at)
				continue;
			from = other;
			position = i;
		}
	}
	if (from == NONE)
		return false;
	thread = cpus->at[from].queue.at[position];
	queue_remove(cpus, from, position);
	queue_add(cpus, thread, cpu, false);
	return true;
}

uint32_t cpus_pick(struct cpus *cpus, uint32_t cpu)
{
	struct cpus_cpu *at = &cpus->at[cpu];
	struct cpus_thread *state;
	uint32_t thread;
	size_t first;

	if (!at->queue.len && (!cpus->waiting || !queue_pull(cpus, cpu)))
		return NONE;
	first = queue_first(cpus, cpu);
	thread = at->queue.at[first];
	queue_remove(cpus, cpu, first);
	state = &cpus->threads[thread];
	load_add(cpus, state, cpu, 1);
	at->current = thread;
	at->since = at->turn = cpus->now;
	if (!state->realtime) {
		at->floor = fmax(at->floor, entity_had(cpus, state, cpu));
		share_of(cpus, state, cpu)->floor =
			fmax(share_of(cpus, state, cpu)->floor, state->had);
	}
	return thread;
}

void cpus_release(struct cpus *cpus, uint32_t cpu)
{
	struct cpus_cpu *at = &cpus->at[cpu];

	load_add(cpus, &cpus->threads[at->current], cpu, -1);
	at->current = NONE;
	cpus->changed[cpu] = true;
}

/* The thread on the CPU goes back to the queue. */
static void cpu_vacate(struct cpus *cpus, uint32_t cpu)
{
	uint32_t thread = cpus->at[cpu].current;

	cpus_release(cpus, cpu);
	queue_add(cpus, thread, cpu, false);
}

/*
 * Now and then a CPU that has less to do than another takes a thread from its queue, also where
 * that only changes who has less: so that three threads on two CPUs get two thirds each.
 */
static void balance(struct cpus *cpus, uint32_t cpu)
{
	if (cpus->now - cpus->balanced < BALANCE_NS)
		return;
	cpus->balanced = cpus->now;
	for (uint32_t other = 0; other < cpus->len; other++) {
		const struct cpus_cpu *at = &cpus->at[cpu];
		double gap;
		size_t first;
		uint32_t thread;

		if (other == cpu || !at->queue.len)
			continue;
		first = queue_first(cpus, cpu);
		thread = at->queue.at[first];
		gap = cpu_load(cpus, cpu) - cpu_load(cpus, other);
		if (!cpu_allowed(cpus, &cpus->threads[thread], other) ||
		    gap < load_of(cpus, &cpus->threads[thread]) * 0.99)
			continue;
		queue_remove(cpus, cpu, first);
		queue_add(cpus, thread, other, false);
	}
}

void cpus_turn(struct cpus *cpus, uint32_t cpu)
{
	struct cpus_cpu *at = &cpus->at[cpu];

	if (!at->queue.len || cpus->now - at->turn < cpus->scheduler->turn_ns)
		return;
	balance(cpus, cpu);
	at->turn = cpus->now;
	cpus->changed[cpu] = true;
	if (at->queue.len && (!cpus->threads[at->current].realtime ||
			      cpus->threads[at->queue.at[queue_first(cpus, cpu)]].realtime >
				      cpus->threads[at->current].realtime))
		cpu_vacate(cpus, cpu);
}

void cpus_yield(struct cpus *cpus, uint32_t cpu)
{
	const struct cpus_cpu *at = &cpus->at[cpu];
	struct cpus_thread *current = &cpus->threads[at->current];
	double last = current->had;

	if (current->realtime)
		return;
	vec_each(&at->queue, thread)
		if (cpus->threads[*thread].group == current->group)
			last = fmax(last, cpus->threads[*thread].had);
	/* Their order among each other stays. */
	current->had = last > current->had ? last + 1 : last;
	cpu_vacate(cpus, cpu);
}

bool cpus_preempt(struct cpus *cpus, uint32_t cpu)
{
	struct cpus_cpu *at = &cpus->at[cpu];
	const struct cpus_thread *current, *next;
	bool resched = at->resched;
	double gap, weight;
	uint32_t first;

	at->resched = false;
	if (!resched || at->current == NONE || !at->queue.len)
		return false;
	cpus_charge(cpus, cpu);
	first = at->queue.at[queue_first(cpus, cpu)];
	current = &cpus->threads[at->current];
	next = &cpus->threads[first];
	if (next->realtime != current->realtime) {
		if (next->realtime < current->realtime)
			return false;
		cpu_vacate(cpus, cpu);
		return true;
	}
	if (current->realtime || !current->left || !cpus->scheduler->wakes_preempt)
		return false;
	if (current->group == next->group && !current->alone) {
		gap = current->had - next->had;
		weight = next->weight;
	} else {
		gap = entity_had(cpus, current, cpu) - entity_had(cpus, next, cpu);
		weight = next->alone ? next->weight : WEIGHT_NICE_0;
	}
	if (gap <= WAKE_NS * WEIGHT_NICE_0 / weight)
		return false;
	cpu_vacate(cpus, cpu);
	return true;
}

void cpus_settle(struct cpus *cpus, uint32_t cpu)
{
	const struct cpus_cpu *at = &cpus->at[cpu];
	uint64_t next = UINT64_MAX, turn;

	cpus->changed[cpu] = false;
	if (at->current != NONE) {
		next = at->since + cpus->threads[at->current].left;
		turn = at->turn + cpus->scheduler->turn_ns;
		if (at->queue.len && turn < next)
			next = turn > cpus->now ? turn : cpus->now + 1;
	}
	cpus->next[cpu] = next;
}
