/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "analysis/replay_open.h"
#include "analysis/replay_trace.h"

/* A CPU that a ready thread could have is given to it sooner. */
#define START_IDLE_NS 1000000ULL

/* Nobody records a longer excerpt. */
#define EXCERPT_MAX_NS 2000000000ULL

enum doing { DOING_UNKNOWN, DOING_RUN, DOING_READY, DOING_WAIT };

/* What a thread does at the moment that the reading of the events has come to. */
struct progress {
	uint8_t doing; /* enum doing */
	uint8_t state; /* DOING_WAIT: enum thread_state */
	bool lock;
	bool yielded; /* DOING_READY: it gave its CPU away */
	uint64_t since;
	uint64_t held_before; /* held time of its group at `since` */
};

/* Time in which a scheduling group's quota was used up. */
struct holding {
	uint32_t number; /* as recorded */
	bool held;
	uint64_t since, total;
};

struct builder {
	const struct recording *rec;
	struct replay_trace *trace;
	VEC(const struct event *) events; /* of the excerpt, in order of time */
	uint32_t *position;               /* of each thread of the recording in the trace */
	VEC(struct progress) progress;    /* parallel to trace->threads */
	VEC(struct holding) groups;
	/* Who has each CPU, and since when; NONE = nobody, or not known. */
	struct {
		uint32_t thread;
		uint64_t since, idle;
	} cpus[REPLAY_CPUS];
	uint64_t begin, end; /* since the window began */
};

/* ---- the events of the excerpt ---- */

static int by_time(const void *a, const void *b)
{
	const struct event *left = *(const struct event *const *)a,
			   *right = *(const struct event *const *)b;

	if (left->time_ns != right->time_ns)
		return left->time_ns < right->time_ns ? -1 : 1;
	/* One row of the recording follows the other. */
	return left < right ? -1 : left > right;
}

/*
 * The excerpt begins when all CPUs have said what they run. Events between the first and the last
 * of them tell states, but no times. False if a CPU has events and never said it.
 */
static bool events_collect(struct builder *b, uint32_t excerpt)
{
	bool *marked = calloc(REPLAY_CPUS, sizeof(*marked)), good = true;

	if (!marked)
		abort();
	b->end = b->rec->excerpts.at[excerpt].end_ns;
	vec_each(&b->rec->events, event) {
		if (event->excerpt != excerpt || event->time_ns > b->end)
			continue;
		good = good && event->cpu < REPLAY_CPUS && b->events.len < REPLAY_EVENTS;
		if (!good)
			break;
		if (event->cpu >= b->trace->cpus)
			b->trace->cpus = event->cpu + 1u;
		if (event->kind == EVENT_RUNS && !marked[event->cpu]) {
			marked[event->cpu] = true;
			if (event->time_ns > b->begin)
				b->begin = event->time_ns;
		}
		vec_push(&b->events, event);
	}
	vec_each(&b->events, event)
		good = good && marked[(*event)->cpu];
	for (uint32_t cpu = 0; cpu < b->trace->cpus; cpu++)
		b->trace->absent[cpu] = !marked[cpu];
	free(marked);
	vec_sort(&b->events, by_time);
	return good && b->events.len && b->end > b->begin && b->end - b->begin <= EXCERPT_MAX_NS;
}

/* ---- threads and groups ---- */

static uint32_t group_of(struct builder *b, uint32_t number)
{
	if (b->groups.len > REPLAY_GROUPS)
		number = b->groups.at[REPLAY_GROUPS].number;
	for (uint32_t i = 0; i < b->groups.len; i++)
		if (b->groups.at[i].number == number)
			return i;
	vec_push(&b->groups, (struct holding){.number = number});
	return (uint32_t)b->groups.len - 1;
}

static uint64_t group_held(const struct builder *b, uint32_t group, uint64_t now)
{
	const struct holding *holding = &b->groups.at[group];
	uint64_t since = holding->since > b->begin ? holding->since : b->begin;

	return holding->total + (holding->held && now > since ? now - since : 0);
}

static void group_hold(struct builder *b, uint32_t group, bool held, uint64_t now)
{
	struct holding *holding = &b->groups.at[group];

	if (holding->held == held)
		return;
	holding->total = group_held(b, group, now);
	holding->held = held;
	holding->since = now;
}

/* The thread's position in the trace, made if it is new; NONE for none. */
static uint32_t thread_of(struct builder *b, uint32_t thread, uint32_t cpu)
{
	if (thread == NONE || thread >= b->rec->threads.len)
		return NONE;
	if (b->position[thread] == NONE) {
		b->position[thread] = (uint32_t)b->trace->threads.len;
		vec_push(&b->trace->threads,
			 (struct replay_thread){.thread = thread, .sched_group = NONE, .cpu = cpu});
		vec_push(&b->progress, (struct progress){.since = b->begin});
	}
	return b->position[thread];
}

static void thread_group(struct builder *b, uint32_t at, uint32_t number)
{
	b->trace->threads.at[at].sched_group = group_of(b, number);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void step_add(struct builder *b, uint32_t at, struct replay_step step, uint64_t now)
{
	struct replay_thread *thread = &b->trace->threads.at[at];

	vec_push(&thread->steps, step);
	thread->end_ns = later(now, b->begin) - b->begin;
}

/* ---- what events mean ---- */

/* The thread has run up to now: its last step grows, or is a new one. */
static void run_add(struct builder *b, uint32_t at, uint64_t now, bool yielded)
{
	struct replay_thread *thread = &b->trace->threads.at[at];
	struct progress *progress = &b->progress.at[at];
	uint64_t since = later(progress->since, b->begin);
	uint64_t ns = now > since ? now - since : 0;
	struct replay_step *last =
		thread->steps.len ? &thread->steps.at[thread->steps.len - 1] : NULL;

	progress->since = now;
	if (!ns)
		return;
	thread->run_ns += ns;
	thread->active_ns += ns;
	if (last && last->kind == STEP_RUN && !last->yielded) {
		last->ns += ns;
		last->yielded = yielded;
		thread->end_ns = now - b->begin;
		return;
	}
	step_add(b, at, (struct replay_step){.kind = STEP_RUN, .yielded = yielded, .ns = ns}, now);
}

static void thread_run(struct builder *b, uint32_t at, uint64_t now)
{
	struct progress *progress = &b->progress.at[at];

	if (progress->doing == DOING_UNKNOWN)
		b->trace->threads.at[at].start = START_RUNNING;
	progress->doing = DOING_RUN;
	progress->since = now;
}

static void thread_ready(struct builder *b, uint32_t at, uint64_t now)
{
	struct progress *progress = &b->progress.at[at];
	uint32_t group = b->trace->threads.at[at].sched_group;

	progress->doing = DOING_READY;
	progress->yielded = false;
	progress->since = now;
	progress->held_before = group == NONE ? 0 : group_held(b, group, now);
}

/* A wait from outside or for nobody known is over. */
static void sleep_add(struct builder *b, uint32_t at, uint64_t now)
{
	struct progress *progress = &b->progress.at[at];
	uint64_t since = later(progress->since, b->begin), ns = now > since ? now - since : 0;
	struct replay_thread *thread = &b->trace->threads.at[at];

	if (replay_state_idle(progress->state, progress->lock))
		thread->idle_ns += ns;
	else if (progress->state != STATE_WAIT_TIMER)
		thread->active_ns += ns;
	step_add(b, at,
		 (struct replay_step){.kind = STEP_SLEEP,
				      .state = progress->state,
				      .lock = progress->lock,
				      .ns = ns},
		 now);
}

/*
 * Nothing was seen of the thread before it gets a CPU: it was ready from the begin. If that CPU was
 * idle for long meanwhile, it was not a CPU that it waited for: its quota was used up.
 */
static void start_ready(struct builder *b, uint32_t at, const struct event *event)
{
	uint64_t idle = b->cpus[event->cpu].idle;

	b->trace->threads.at[at].start = START_READY;
	if (idle < START_IDLE_NS)
		return;
	b->trace->threads.at[at].active_ns += later(event->time_ns, b->begin) - b->begin;
	step_add(b, at, (struct replay_step){.kind = STEP_HELD, .ns = idle}, event->time_ns);
}

/* The thread gets a CPU. */
static void switch_in(struct builder *b, uint32_t at, const struct event *event)
{
	struct replay_thread *thread = &b->trace->threads.at[at];
	struct progress *progress = &b->progress.at[at];
	uint64_t since = later(progress->since, b->begin), now = event->time_ns, held;

	thread_group(b, at, event->sched_group);
	group_hold(b, thread->sched_group, false, now);
	if (progress->doing == DOING_UNKNOWN)
		start_ready(b, at, event);
	if (progress->doing == DOING_WAIT)
		sleep_add(b, at, now); /* its wakeup was not seen */
	if (progress->doing == DOING_READY && now > since) {
		thread->active_ns += now - since;
		thread->yield_ns += progress->yielded ? now - since : 0;
		held = group_held(b, thread->sched_group, now);
		held = held > progress->held_before ? held - progress->held_before : 0;
		if (held)
			step_add(b, at, (struct replay_step){.kind = STEP_HELD, .ns = held}, now);
	}
	progress->doing = DOING_RUN;
	progress->since = now;
}

/*
 * Somebody leaves the CPU. Events of some threads are not seen (where a hypervisor's agent runs, no
 * BPF program does): whoever was thought to have the CPU left it at some time, and `at` (NONE = the
 * idle thread) came then.
 */
static void cpu_check(struct builder *b, uint32_t cpu, uint32_t at)
{
	uint32_t had = b->cpus[cpu].thread;
	uint64_t since = later(b->cpus[cpu].since, b->begin);
	struct progress *progress;

	if (had != NONE && had != at && b->progress.at[had].doing == DOING_RUN) {
		b->progress.at[had].doing = DOING_WAIT;
		b->progress.at[had].state = STATE_WAIT_OTHER;
		b->progress.at[had].lock = false;
	}
	if (at == NONE || b->progress.at[at].doing == DOING_RUN)
		return;
	progress = &b->progress.at[at];
	since = later(since, progress->since);
	if (progress->doing == DOING_WAIT)
		sleep_add(b, at, since);
	thread_run(b, at, since);
}

static void switch_out(struct builder *b, uint32_t at, const struct event *event)
{
	struct progress *progress = &b->progress.at[at];
	uint64_t now = event->time_ns, since = later(progress->since, b->begin);

	run_add(b, at, now, event->yielded);
	if (event->yielded && now > since)
		b->trace->threads.at[at].yield_ns += now - since;
	if (event->state >= STATE_WAIT_DISK_READ) {
		progress->doing = DOING_WAIT;
		progress->state = event->state;
		progress->lock = event->lock;
		return;
	}
	if (event->state == STATE_READY_THROTTLED && b->trace->threads.at[at].sched_group != NONE)
		group_hold(b, b->trace->threads.at[at].sched_group, true, now);
	thread_ready(b, at, now);
	progress->yielded = event->yielded;
}

static void woken(struct builder *b, const struct event *event)
{
	uint32_t at = thread_of(b, event->thread, event->cpu),
		 by = thread_of(b, event->other, event->cpu);
	struct progress *progress;
	uint64_t since, ns, now = event->time_ns;

	if (at == NONE || at == by)
		return;
	progress = &b->progress.at[at];
	thread_group(b, at, event->sched_group);
	if (progress->doing == DOING_RUN || progress->doing == DOING_READY)
		return;
	if (progress->doing == DOING_UNKNOWN) {
		progress->state = event->state;
		progress->lock = event->lock;
	}
	if (by == NONE || b->cpus[event->cpu].thread != by ||
	    b->progress.at[by].doing != DOING_RUN) {
		sleep_add(b, at, now);
		thread_ready(b, at, now);
		return;
	}
	since = later(progress->since, b->begin);
	ns = now > since ? now - since : 0;
	if (!replay_state_idle(progress->state, progress->lock) &&
	    progress->state != STATE_WAIT_TIMER)
		b->trace->threads.at[at].active_ns += ns;
	run_add(b, by, now, false);
	step_add(b, by,
		 (struct replay_step){.kind = STEP_WAKE,
				      .thread = at,
				      .step = (uint32_t)b->trace->threads.at[at].steps.len},
		 now);
	step_add(b, at,
		 (struct replay_step){.kind = STEP_WAIT,
				      .state = progress->state,
				      .lock = progress->lock,
				      .ns = ns},
		 now);
	thread_ready(b, at, now);
}

static void event_read(struct builder *b, const struct event *event)
{
	uint32_t at, next;

	if (event->kind == EVENT_WAKE) {
		woken(b, event);
		return;
	}
	at = thread_of(b, event->thread, event->cpu);
	if (event->kind == EVENT_RUNS) {
		/* Also told at the end, of threads whose switches are known. */
		if (at != NONE && b->progress.at[at].doing == DOING_UNKNOWN) {
			thread_group(b, at, event->sched_group);
			thread_run(b, at, event->time_ns);
			b->cpus[event->cpu].thread = at;
			b->cpus[event->cpu].since = event->time_ns;
		}
		return;
	}
	if (event->thread == NONE && event->time_ns > later(b->cpus[event->cpu].since, b->begin))
		b->cpus[event->cpu].idle +=
			event->time_ns - later(b->cpus[event->cpu].since, b->begin);
	cpu_check(b, event->cpu, at);
	if (at != NONE)
		switch_out(b, at, event);
	next = thread_of(b, event->other, event->cpu);
	if (next != NONE)
		switch_in(b, next, event);
	b->cpus[event->cpu].thread = next;
	b->cpus[event->cpu].since = event->time_ns;
}

/* The kernel's own threads are in no group: theirs is the root. */
static uint32_t root_find(const struct builder *b)
{
	vec_each(&b->trace->threads, thread) {
		uint32_t process = b->rec->threads.at[thread->thread].process;

		if (b->rec->processes.at[process].kernel && thread->sched_group != NONE)
			return thread->sched_group;
	}
	return NONE;
}

/* Threads that wait from before the begin until after the end: nothing else tells of them. */
static void throughout_add(struct builder *b)
{
	bool *locks = replay_open_locks(b->rec);

	vec_each(&b->rec->waits, wait) {
		uint32_t at;

		if (wait->begin_ns > b->begin || wait->end_ns <= b->end ||
		    wait->thread >= b->rec->threads.len || b->position[wait->thread] != NONE)
			continue;
		at = thread_of(b, wait->thread, 0);
		b->progress.at[at].doing = DOING_WAIT;
		b->progress.at[at].state = (uint8_t)wait->state;
		b->progress.at[at].lock =
			wait->state == STATE_WAIT_LOCK_USER && locks[wait->thread];
	}
	free(locks);
}

/* A thread that could run at the end: as far as it is known what it waits for, that is a step. */
static void ready_finish(struct builder *b, uint32_t at, uint64_t since)
{
	struct replay_thread *thread = &b->trace->threads.at[at];
	uint64_t before = b->progress.at[at].held_before, held;

	if (b->end <= since)
		return;
	thread->active_ns += b->end - since;
	if (thread->sched_group == NONE)
		return;
	held = group_held(b, thread->sched_group, b->end);
	if (held > before)
		step_add(b, at, (struct replay_step){.kind = STEP_HELD, .ns = held - before},
			 b->end);
	else
		step_add(b, at, (struct replay_step){.kind = STEP_RUN, .ns = 1}, b->end);
}

/* What is under way at the end lasts until there. */
static void trace_finish(struct builder *b)
{
	struct replay_trace *trace = b->trace;
	struct replay_opens opens = {.rec = b->rec, .trace = trace, .end_ns = b->end};

	throughout_add(b);
	for (uint32_t at = 0; at < trace->threads.len; at++) {
		const struct progress *progress = &b->progress.at[at];
		struct replay_open open = {.at = at, .state = progress->state};

		open.works = progress->doing == DOING_RUN || progress->doing == DOING_READY;
		open.lock = progress->lock;
		open.waits = progress->doing == DOING_WAIT;
		open.ns = b->end - later(progress->since, b->begin);
		if (progress->doing == DOING_RUN)
			run_add(b, at, b->end, false);
		if (progress->doing == DOING_READY)
			ready_finish(b, at, later(progress->since, b->begin));
		vec_push(&opens.at, open);
		if (trace->threads.at[at].sched_group == NONE)
			trace->threads.at[at].sched_group = group_of(b, NONE);
	}
	trace->groups = (uint32_t)b->groups.len;
	trace->root = root_find(b);
	trace->length_ns = b->end - b->begin;
	replay_open_close(&opens, b->position);
	vec_free(&opens.at);
}

bool replay_trace_make(struct replay_trace *trace, const struct recording *rec, uint32_t excerpt)
{
	struct builder b = {.rec = rec, .trace = trace};
	bool good;

	b.position = malloc((rec->threads.len + 1) * sizeof(*b.position));
	if (!b.position)
		abort();
	for (size_t i = 0; i < rec->threads.len; i++)
		b.position[i] = NONE;
	for (size_t i = 0; i < REPLAY_CPUS; i++)
		b.cpus[i].thread = NONE;
	good = events_collect(&b, excerpt);
	if (good) {
		vec_each(&b.events, event)
			event_read(&b, *event);
		trace_finish(&b);
	}
	free(b.position);
	vec_free(&b.events);
	vec_free(&b.progress);
	vec_free(&b.groups);
	return good && trace->threads.len;
}

void replay_trace_free(struct replay_trace *trace)
{
	vec_each(&trace->threads, thread)
		vec_free(&thread->steps);
	vec_free(&trace->threads);
}
