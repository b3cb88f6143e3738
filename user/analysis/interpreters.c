/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/interpreters.h"
#include "analysis/leaf.h"

/* A thread that takes turns runs, or waits for its turn, for so much of its life. */
#define TURNS_SHARE 0.8
/* It waits for so much of it, and has so much of an equal share of the running. */
#define WAITS_SHARE 0.1
#define EQUAL_SHARE 0.2
/* CPUs that they run on together; a hand-over takes time on both sides of it. */
#define RUN_LEAST 0.5
#define RUN_MOST  1.15
/* In the worst slice: the first and the last are not cut as sharply. */
#define PEAK_MOST 1.3
/* Slices shorter than this say nothing about a rate. */
#define SLICE_LEAST_NS 200000000ULL
/* Of their waiting for futexes, in one function. */
#define PLACE_SHARE 0.7
/* The longest turn that is usual is 100 ms (Ruby); some threads may be first in the queue. */
#define WAIT_MOST_NS 400e6
/* Of the waits long enough to be told one by one: so many ended because their time was over. */
#define EXPIRED_LEAST 0.2
#define TOLD_LEAST    20
/* Of the waits: ended by a sibling. */
#define SIBLINGS_LEAST 0.05

/* What the threads of a process are, before their waits are looked at. */
struct candidate {
	double run_ns;   /* on a CPU, all of its threads */
	uint32_t takers; /* threads that may take turns */
};

/* A function that waits. */
struct waiting {
	uint32_t module, name, stack;
	double ns, count, stack_ns;
};

struct finder {
	struct facts *facts;
	struct candidate *candidates; /* by process */
	bool *taker;                  /* by thread */
	double *waited;               /* by thread, ns in the place of the process at hand */
	VEC(struct waiting) places;   /* of the process at hand */
};

static double ns_of(const struct thread_facts *thread, uint32_t states)
{
	double sum = 0;

	for (int state = 0; state < STATE_COUNT; state++)
		if (states >> state & 1)
			sum += (double)thread->ns[state];
	return sum;
}

/* Whether all that a thread does is to work and to wait for a futex, a good part of it each. */
static bool thread_takes_turns(const struct thread_facts *thread)
{
	static const uint32_t states = STATES_ON_CPU | 1u << STATE_READY_WOKEN |
				       1u << STATE_READY_PREEMPTED | 1u << STATE_READY_THROTTLED |
				       1u << STATE_WAIT_LOCK_USER;

	return thread->total &&
	       (double)thread->ns[STATE_WAIT_LOCK_USER] >= WAITS_SHARE * (double)thread->total &&
	       ns_of(thread, states) >= TURNS_SHARE * (double)thread->total;
}

static void candidates_make(struct finder *f)
{
	const struct recording *rec = f->facts->rec;

	for (uint32_t i = 0; i < rec->threads.len; i++) {
		const struct thread_facts *thread = &f->facts->threads[i];
		struct candidate *candidate;

		if (rec->threads.at[i].process >= rec->processes.len)
			continue;
		candidate = &f->candidates[rec->threads.at[i].process];
		candidate->run_ns += ns_of(thread, STATES_ON_CPU);
		f->taker[i] = thread_takes_turns(thread);
		candidate->takers += f->taker[i];
	}
	/* Those that hardly run beside the others wait for something else. */
	for (uint32_t i = 0; i < rec->threads.len; i++) {
		struct candidate *candidate;

		if (!f->taker[i])
			continue;
		candidate = &f->candidates[rec->threads.at[i].process];
		if (ns_of(&f->facts->threads[i], STATES_ON_CPU) <
		    EQUAL_SHARE * candidate->run_ns / candidate->takers)
			f->taker[i] = false;
	}
}

static bool takes_part(const struct finder *f, uint32_t thread, uint32_t process)
{
	return f->taker[thread] && f->facts->rec->threads.at[thread].process == process;
}

/* The CPUs that a process had at most in a slice. */
static double run_peak(const struct finder *f, uint32_t process)
{
	const struct recording *rec = f->facts->rec;
	double *run = calloc(rec->slices.len + 1, sizeof(double)), peak = 0;

	if (!run)
		abort();
	vec_each(&rec->ledger, row)
		if (rec->threads.at[row->thread].process == process &&
		    (STATES_ON_CPU >> row->state & 1))
			run[row->slice] += (double)row->ns;
	for (size_t i = 0; i < rec->slices.len; i++) {
		uint64_t length = rec->slices.at[i].end_ns - rec->slices.at[i].begin_ns;

		if (length >= SLICE_LEAST_NS)
			peak = fmax(peak, run[i] / (double)length);
	}
	free(run);
	return peak;
}

/* ---- where they wait ---- */

static const struct frame *frame_at(const struct recording *rec, const struct stack *stack,
				    uint32_t at)
{
	return &rec->frames.at[rec->stack_frames.at[stack->first + at]];
}

/* The function that waits for a futex; NULL if it is another wait, or has no user code. */
static const struct frame *waiting_frame(const struct recording *rec, uint32_t position,
					 uint32_t process)
{
	const struct stack *stack;
	bool futex = false;

	if (position >= rec->stacks.len)
		return NULL;
	stack = &rec->stacks.at[position];
	for (uint32_t i = 0; i < stack->kernel_len && !futex; i++)
		futex = strstr(string_get(rec, frame_at(rec, stack, i)->function), "futex");
	if (!futex || stack->len <= stack->kernel_len)
		return NULL;
	return frame_at(rec, stack,
			stack_leaf(rec, stack, SAMPLE_OFFCPU, rec->processes.at[process].exe));
}

static struct waiting *place_intern(struct finder *f, const struct frame *frame)
{
	vec_each(&f->places, place)
		if (place->module == frame->module && place->name == frame->function)
			return place;
	return vec_push(
		&f->places,
		(struct waiting){.module = frame->module, .name = frame->function, .stack = NONE});
}

/* The function in which the threads of a process wait for futexes; NULL if there is not one. */
static const struct waiting *waiting_place(struct finder *f, uint32_t process)
{
	const struct recording *rec = f->facts->rec;
	const struct waiting *top = NULL;
	double all = 0;

	f->places.len = 0;
	vec_each(&rec->samples, sample) {
		/* A wait for a mutex is in both kinds: it is taken out again. */
		double sign = sample->kind == SAMPLE_LOCK ? -1 : 1, ns;
		const struct frame *frame;
		struct waiting *place;

		if ((sample->kind != SAMPLE_OFFCPU && sample->kind != SAMPLE_LOCK) ||
		    !takes_part(f, sample->thread, process))
			continue;
		frame = waiting_frame(rec, sample->stack, process);
		if (!frame)
			continue;
		ns = (double)sample->weight;
		place = place_intern(f, frame);
		place->ns += sign * ns;
		place->count += sign * (double)sample->count;
		if (sign > 0) {
			all += ns;
			if (ns > place->stack_ns) {
				place->stack_ns = ns;
				place->stack = sample->stack;
			}
		}
	}
	vec_each(&f->places, place)
		if (!top || place->ns > top->ns)
			top = place;
	return top && top->count > 0 && top->ns >= PLACE_SHARE * all ? top : NULL;
}

static bool in_place(const struct finder *f, uint32_t stack, uint32_t process,
		     const struct waiting *place)
{
	const struct frame *frame = waiting_frame(f->facts->rec, stack, process);

	return frame && frame->module == place->module && frame->function == place->name;
}

/* How many threads wait there for a notable part of their lives. */
static uint32_t threads_waiting(struct finder *f, uint32_t process, const struct waiting *place)
{
	const struct recording *rec = f->facts->rec;
	uint32_t threads = 0;

	memset(f->waited, 0, rec->threads.len * sizeof(*f->waited));
	vec_each(&rec->samples, sample)
		if (sample->kind == SAMPLE_OFFCPU && takes_part(f, sample->thread, process) &&
		    in_place(f, sample->stack, process, place))
			f->waited[sample->thread] += (double)sample->weight;
	for (uint32_t i = 0; i < rec->threads.len; i++)
		threads += f->waited[i] > 0 &&
			   f->waited[i] >= WAITS_SHARE * (double)f->facts->threads[i].total;
	return threads;
}

/* ---- how the waits end ---- */

/* Of the long waits there, the share that ended because their time was over; 0 if it is unknown. */
static double expired_share(const struct finder *f, uint32_t process, const struct waiting *place)
{
	double told = 0, expired = 0;

	vec_each(&f->facts->rec->waits, wait) {
		if (wait->state != STATE_WAIT_LOCK_USER || !takes_part(f, wait->thread, process) ||
		    !in_place(f, wait->stack, process, place))
			continue;
		told++;
		expired += wait->waker == NONE;
	}
	return told >= TOLD_LEAST ? expired / told : 0;
}

static double ended_by_siblings(const struct finder *f, uint32_t process)
{
	double ended = 0;

	vec_each(&f->facts->rec->edges, edge)
		if (edge->kind == EDGE_WAKER && edge->party == process &&
		    takes_part(f, edge->thread, process))
			ended += (double)edge->count;
	return ended;
}

static void process_look(struct finder *f, uint32_t process, double *idle_ns)
{
	struct facts *facts = f->facts;
	struct interpreter found = {.process = process,
				    .group = facts->process_group[process],
				    .run_ns = f->candidates[process].run_ns};
	const struct waiting *place;

	found.peak = run_peak(f, process);
	if (found.group == NONE || found.peak > PEAK_MOST)
		return;
	place = waiting_place(f, process);
	if (!place || place->ns > WAIT_MOST_NS * place->count)
		return;
	found.threads = threads_waiting(f, process, place);
	found.expired_share = expired_share(f, process, place);
	if (found.threads < 2 || found.expired_share < EXPIRED_LEAST ||
	    ended_by_siblings(f, process) < SIBLINGS_LEAST * place->count)
		return;
	found.module = place->module;
	found.name = place->name;
	found.stack = place->stack;
	found.waits = place->count;
	found.waited_ns = place->ns;
	found.held_ns = fmin(place->ns, *idle_ns);
	*idle_ns -= found.held_ns;
	facts->groups.at[found.group].interpreter_ns += found.held_ns;
	vec_push(&facts->interpreters, found);
}

void interpreters_find(struct facts *facts)
{
	const struct recording *rec = facts->rec;
	struct finder f = {.facts = facts};
	double idle_ns = isnan(facts->idle_share) ? 0 : facts->idle_share * facts->cpu_ns;

	f.candidates = calloc(rec->processes.len + 1, sizeof(*f.candidates));
	f.taker = calloc(rec->threads.len + 1, sizeof(*f.taker));
	f.waited = calloc(rec->threads.len + 1, sizeof(*f.waited));
	if (!f.candidates || !f.taker || !f.waited)
		abort();
	candidates_make(&f);
	for (uint32_t i = 0; i < rec->processes.len; i++)
		if (f.candidates[i].takers >= 2 &&
		    f.candidates[i].run_ns >= RUN_LEAST * facts->window_ns &&
		    f.candidates[i].run_ns <= RUN_MOST * facts->window_ns)
			process_look(&f, i, &idle_ns);
	vec_free(&f.places);
	free(f.candidates);
	free(f.taker);
	free(f.waited);
}
