/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <sched.h>
#include <stdlib.h>

#include "analysis/replay_cpus.h"

/* Each step of a trace is at most a few events; turns of long runs are events besides. */
#define EVENTS_PER_STEP 16
#define EVENTS_MORE     200000

struct timer {
	uint64_t at;
	uint32_t thread;
};

struct replay {
	struct cpus cpus;
	const struct replay_trace *trace;
	const struct replay_change *changes;
	uint64_t *done_ns;
	bool **arrived;           /* of each thread, of each step: its STEP_WAKE was made */
	VEC(struct timer) timers; /* a heap, the earliest first */
	uint64_t budget;          /* events that are left */
	size_t left;              /* threads that are not done */
};

/* ---- timers ---- */

static bool timer_before(const struct timer *a, const struct timer *b)
{
	return a->at != b->at ? a->at < b->at : a->thread < b->thread;
}

static void timer_swap(struct timer *a, struct timer *b)
{
	struct timer kept = *a;

	*a = *b;
	*b = kept;
}

static void timer_add(struct replay *r, uint64_t at, uint32_t thread)
{
	size_t i = r->timers.len;

	vec_push(&r->timers, (struct timer){at, thread});
	for (; i && timer_before(&r->timers.at[i], &r->timers.at[(i - 1) / 2]); i = (i - 1) / 2)
		timer_swap(&r->timers.at[i], &r->timers.at[(i - 1) / 2]);
}

static uint32_t timer_take(struct replay *r)
{
	uint32_t thread = r->timers.at[0].thread;
	size_t i = 0, n = --r->timers.len;

	r->timers.at[0] = r->timers.at[n];
	for (;;) {
		size_t first = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < n && timer_before(&r->timers.at[child], &r->timers.at[first]))
				first = child;
		if (first == i)
			return thread;
		timer_swap(&r->timers.at[i], &r->timers.at[first]);
		i = first;
	}
}

/* ---- steps ---- */

static uint64_t scaled(uint64_t ns, double factor)
{
	return factor == 1 ? ns : (uint64_t)(llround((double)ns * fmax(factor, 0)));
}

/* How long a wait takes with what was changed, as a factor. */
static double wait_factor(const struct replay_change *change, const struct replay_step *step)
{
	if (step->kind == STEP_HELD)
		return change->unheld ? 0 : 1;
	if (step->lock)
		return (1 - change->spared[step->state]) * (1 - change->unlocked);
	return 1 - change->spared[step->state];
}

/* A wait for another thread is there or not: as many are not as the factor says. */
static bool wait_spared(struct cpus_thread *thread, double factor)
{
	thread->spared += 1 - fmin(factor, 1);
	if (thread->spared < 1 - 1e-9)
		return false;
	thread->spared -= 1;
	return true;
}

static void thread_done(struct replay *r, uint32_t at)
{
	r->cpus.threads[at].done = true;
	r->done_ns[at] = r->cpus.now;
	r->left--;
}

static void thread_wake(struct replay *r, uint32_t at)
{
	/* What ends with a wait needs no CPU to end. */
	if (r->cpus.threads[at].step == r->trace->threads.at[at].steps.len)
		thread_done(r, at);
	else
		cpus_enqueue_woken(&r->cpus, at);
}

/* A wait of another thread is over, or will be none. */
static void step_wake(struct replay *r, const struct replay_step *step)
{
	struct cpus_thread *other = &r->cpus.threads[step->thread];

	if (r->arrived[step->thread][step->step])
		return;
	r->arrived[step->thread][step->step] = true;
	if (other->blocked && !other->timed && other->step == step->step) {
		other->blocked = false;
		other->step++;
		thread_wake(r, step->thread);
	}
}

/*
 * Takes a thread through its steps up to one that takes time: it needs a CPU (true: `left` says how
 * long), or it blocks or is done.
 */
static bool thread_advance(struct replay *r, uint32_t at)
{
	const struct replay_thread *thread = &r->trace->threads.at[at];
	const struct replay_change *change = &r->changes[at];
	struct cpus_thread *state = &r->cpus.threads[at];

	if (state->left)
		return true; /* it lost its CPU in the midst of a step */
	for (; state->step < thread->steps.len; state->step++) {
		const struct replay_step *step = &thread->steps.at[state->step];
		double factor;
		uint64_t ns;

		if (step->kind == STEP_WAKE) {
			step_wake(r, step);
			continue;
		}
		if (step->kind == STEP_RUN) {
			state->left =
				step->yielded && change->yields ? 0 : scaled(step->ns, change->run);
			if (state->left)
				return true;
			continue;
		}
		factor = wait_factor(change, step);
		if (step->kind == STEP_WAIT) {
			if (wait_spared(state, factor) || r->arrived[at][state->step])
				continue;
			state->blocked = true;
			state->timed = false;
			return false;
		}
		ns = scaled(step->ns, factor);
		if (!ns)
			continue;
		state->blocked = state->timed = true;
		timer_add(r, r->cpus.now + ns, at);
		return false;
	}
	thread_done(r, at);
	return false;
}

/* Gives a CPU to whoever is next on it. */
static void cpu_fill(struct replay *r, uint32_t cpu)
{
	while (cpus_idle(&r->cpus, cpu)) {
		uint32_t next = cpus_pick(&r->cpus, cpu);

		if (next == NONE)
			return;
		/* Steps without end of no time cannot be: each pick goes on by a step or more. */
		if (!thread_advance(r, next))
			cpus_release(&r->cpus, cpu);
	}
}

/* The thread on a CPU has had what its step needs. */
static void cpu_completed(struct replay *r, uint32_t cpu)
{
	uint32_t at = r->cpus.at[cpu].current;
	struct cpus_thread *thread = &r->cpus.threads[at];
	bool yields = r->trace->threads.at[at].steps.at[thread->step].yielded;

	thread->step++;
	if (!thread_advance(r, at))
		cpus_release(&r->cpus, cpu);
	else if (yields)
		cpus_yield(&r->cpus, cpu);
}

/* ---- the run ---- */

static void timers_expire(struct replay *r)
{
	while (r->timers.len && r->timers.at[0].at <= r->cpus.now) {
		uint32_t at = timer_take(r);
		struct cpus_thread *thread = &r->cpus.threads[at];

		thread->blocked = thread->timed = false;
		thread->step++;
		thread_wake(r, at);
	}
}

/* The moment of the next event; UINT64_MAX if nothing is to come. */
static uint64_t next_moment(const struct replay *r)
{
	uint64_t next = r->timers.len ? r->timers.at[0].at : UINT64_MAX;

	for (uint32_t cpu = 0; cpu < r->cpus.len; cpu++)
		next = r->cpus.next[cpu] < next ? r->cpus.next[cpu] : next;
	return next;
}

/* Who gets a CPU may wake others, on other CPUs: until nothing is left to be given. */
static void cpus_give(struct replay *r)
{
	bool again;

	do {
		again = false;
		for (uint32_t cpu = 0; cpu < r->cpus.len; cpu++) {
			if (!cpus_pending(&r->cpus, cpu))
				continue;
			cpu_fill(r, cpu);
			if (cpus_preempt(&r->cpus, cpu))
				cpu_fill(r, cpu);
			again = again || r->cpus.changed[cpu];
			cpus_settle(&r->cpus, cpu);
		}
	} while (again && r->budget && r->budget--);
}

static void moment(struct replay *r)
{
	timers_expire(r);
	for (uint32_t cpu = 0; cpu < r->cpus.len; cpu++) {
		if (r->cpus.next[cpu] > r->cpus.now)
			continue;
		r->cpus.changed[cpu] = true;
		cpus_charge(&r->cpus, cpu);
		if (!r->cpus.threads[r->cpus.at[cpu].current].left)
			cpu_completed(r, cpu);
		else
			cpus_turn(&r->cpus, cpu);
	}
	cpus_give(r);
}

static void threads_start(struct replay *r)
{
	for (uint32_t at = 0; at < r->trace->threads.len; at++) {
		const struct replay_thread *thread = &r->trace->threads.at[at];

		r->left++;
		if (!thread->steps.len)
			thread_done(r, at);
		else if (thread->start == START_BLOCKED && !thread_advance(r, at))
			continue;
		else
			cpus_enqueue(&r->cpus, at, thread->cpu);
	}
}

bool replay_run(const struct replay_trace *trace, const struct recording *rec,
		const struct replay_scheduler *scheduler, const struct replay_change *changes,
		uint64_t *done_ns, uint64_t *budget)
{
	struct replay r = {.trace = trace, .changes = changes, .done_ns = done_ns};
	size_t n = trace->threads.len;
	uint64_t begin;
	bool done;

	r.arrived = calloc(n + 1, sizeof(*r.arrived));
	if (!r.arrived)
		abort();
	r.budget = EVENTS_MORE;
	for (size_t i = 0; i < n; i++) {
		r.arrived[i] = calloc(trace->threads.at[i].steps.len + 1, sizeof(bool));
		if (!r.arrived[i])
			abort();
		r.budget += EVENTS_PER_STEP * trace->threads.at[i].steps.len;
	}
	begin = r.budget = r.budget < *budget ? r.budget : *budget;
	cpus_open(&r.cpus, trace, rec, scheduler, changes);
	threads_start(&r);
	for (;;) {
		uint64_t next;

		moment(&r);
		next = next_moment(&r);
		if (!r.left || next == UINT64_MAX || !r.budget)
			break;
		r.budget--;
		r.cpus.now = next;
	}
	done = !r.left;
	*budget -= begin - r.budget;
	for (size_t i = 0; i < n; i++)
		free(r.arrived[i]);
	free(r.arrived);
	vec_free(&r.timers);
	cpus_close(&r.cpus);
	return done;
}
