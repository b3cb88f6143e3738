/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/detectors/spots.h"
#include "analysis/replay_cause.h"
#include "analysis/samples.h"

/* A thread with few samples is taken to be like its group: as if it had so many more of that kind.
 */
#define PRIOR_SAMPLES 8.0
#define NICE_LAST     19
/* Of a group's samples, at a pause instruction: less is no spinning of this kind. */
#define SPIN_SHARE 0.05

struct shrink {
	const struct analysis *a;
	const struct bottleneck *finding;
	const struct replay_trace *trace;
	double level;
	struct replay_cause *cause;
};

/* Whether a thread of the trace belongs to the group that the finding is about. */
static bool of_subject(const struct shrink *s, uint32_t at)
{
	uint32_t group = s->a->facts->threads[s->trace->threads.at[at].thread].group;

	return group != NONE && group == s->finding->subject;
}

/* ---- CPU time, as the samples tell ---- */

/* Whether the code that a sample hit is what the finding is about. */
static bool leaf_spins(const struct analysis *a, const struct stack *stack, uint32_t leaf,
		       const void *finding)
{
	(void)finding;
	return sample_frame(a, stack, leaf)->pause;
}

static bool frame_is_function(const struct analysis *a, const struct frame *frame,
			      const struct place *where)
{
	const char *module = frame->module < a->rec->modules.len
				     ? string_get(a->rec, a->rec->modules.at[frame->module].path)
				     : "";

	if (!where->function || strcmp(where->function, string_get(a->rec, frame->function)))
		return false;
	return !where->module || !strcmp(where->module, module);
}

static bool leaf_is_function(const struct analysis *a, const struct stack *stack, uint32_t leaf,
			     const void *finding)
{
	return frame_is_function(a, sample_frame(a, stack, leaf),
				 &((const struct bottleneck *)finding)->where);
}

/* Also what the kernel does for it. */
static bool stack_has_function(const struct analysis *a, const struct stack *stack, uint32_t leaf,
			       const void *finding)
{
	for (; leaf < stack->len; leaf++)
		if (frame_is_function(a, sample_frame(a, stack, leaf),
				      &((const struct bottleneck *)finding)->where))
			return true;
	return false;
}

/*
 * Shrinks the CPU time of the subject's threads by what the samples say of each. False if they say
 * that it is no more than `least`. idle: that time is no work.
 */
static bool shrink_sampled(const struct shrink *s, samples_test *test, double least, bool idle)
{
	size_t n = s->a->rec->threads.len;
	double *all = calloc(n + 1, sizeof(double)), *hits = calloc(n + 1, sizeof(double)), share;

	if (!all || !hits)
		abort();
	share = samples_share(s->a, s->finding->subject, test, s->finding, all, hits);
	for (uint32_t at = 0; at < s->trace->threads.len && share > least; at++) {
		uint32_t thread = s->trace->threads.at[at].thread;
		double part;

		if (!of_subject(s, at))
			continue;
		part = (hits[thread] + PRIOR_SAMPLES * share) / (all[thread] + PRIOR_SAMPLES);
		part = fmin(part * s->level, 1);
		/* Several kinds of samples, which exclude each other, add up. */
		s->cause->changes[at].run -= part * s->finding->removable;
		s->cause->changes[at].run = fmax(s->cause->changes[at].run, 0);
		if (idle)
			s->cause->work[at] *= 1 - part;
	}
	free(all);
	free(hits);
	return share > least;
}

/* Findings whose time is also that of those who wait for a CPU meanwhile. */
static bool counts_ready(const struct bottleneck *finding)
{
	static const char *const ids[] = {"algo.busy-poll", "algo.timer-churn",
					  "proc.thread-churn"};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!strcmp(finding->id, ids[i]))
			return true;
	return false;
}

/*
 * Of the CPU time of the subject and of the groups that take part (processes that it starts, who
 * wakes it), the share that goes. Where others take part that is the share of all of their time
 * that the finding's group loses to it.
 */
static double running_share(const struct shrink *s)
{
	const struct bottleneck *finding = s->finding;
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	double all, gone = finding->impact.share * s->a->blame->total;

	run.owner = finding->subject;
	all = blame_sum(s->a->blame, &run);
	if (finding->covers.len) {
		all = s->a->blame->worked[finding->group];
		gone = finding->group_ns;
	} else if (counts_ready(finding)) {
		all = spots_cpu_cost(s->a, finding->subject);
	}
	return all > 0 ? fmin(gone / all * s->level, 1) : 0;
}

static bool takes_part(const struct shrink *s, uint32_t at)
{
	uint32_t group = s->a->facts->threads[s->trace->threads.at[at].thread].group;

	vec_each(&s->finding->covers, covered)
		if (group == *covered && group != NONE)
			return true;
	return of_subject(s, at);
}

/* CPU time of which only the share is known. */
static bool shrink_share(const struct shrink *s)
{
	double share = running_share(s);

	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		if (takes_part(s, at))
			s->cause->changes[at].run *= 1 - share * s->finding->removable;
	return share > 0;
}

/* To look whether there is work is none. All of it goes: what that leaves is for the replay to
 * find. */
static bool shrink_looking(const struct shrink *s)
{
	struct bottleneck all = *s->finding;
	struct shrink whole = *s;

	all.removable = 1;
	whole.finding = &all;
	return shrink_sampled(&whole, stack_has_function, 0, true) || shrink_share(s);
}

static bool shrink_function(const struct shrink *s)
{
	return shrink_sampled(s, leaf_is_function, 0, false) || shrink_share(s);
}

/*
 * Turns that ended with sched_yield(), where that is how it is waited. Nor is it work to wait for
 * the CPU to ask again.
 */
static bool shrink_yields(const struct shrink *s)
{
	bool found = false;

	for (uint32_t at = 0; at < s->trace->threads.len; at++) {
		const struct replay_thread *thread = &s->trace->threads.at[at];

		if (!of_subject(s, at))
			continue;
		s->cause->changes[at].yields = true;
		if (thread->active_ns)
			s->cause->work[at] *=
				1 - (double)thread->yield_ns / (double)thread->active_ns;
		found = found || thread->yield_ns;
	}
	return found;
}

static bool shrink_spin(const struct shrink *s)
{
	return shrink_sampled(s, leaf_spins, SPIN_SHARE, true) || shrink_yields(s);
}

/* ---- waits ---- */

/* Another share of what is left is gone. */
static void spare(float *spared, double share)
{
	*spared = (float)(1 - (1 - *spared) * (1 - share));
}

static bool shrink_waits(const struct shrink *s, uint32_t states, double share)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		for (uint32_t state = 0; state < STATE_COUNT && of_subject(s, at); state++)
			if (states >> state & 1)
				spare(&s->cause->changes[at].spared[state], share);
	return true;
}

static bool shrink_lock_user(const struct shrink *s)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		if (of_subject(s, at))
			spare(&s->cause->changes[at].unlocked, s->finding->removable);
	return true;
}

/*
 * Who does not sleep for a lock spins for it. What the CPUs leave room for (finding->removable) is
 * for the replay itself to find.
 */
static bool shrink_lock_kernel(const struct shrink *s)
{
	struct bottleneck all = *s->finding;
	struct shrink whole = *s;

	all.removable = 1;
	whole.finding = &all;
	shrink_sampled(&whole, samples_kernel_lock, 0, false);
	return shrink_waits(&whole, STATE_BIT(STATE_WAIT_LOCK_KERNEL), 1);
}

/* What the requests take of the CPU goes with them. */
static bool shrink_disk_read(const struct shrink *s)
{
	shrink_sampled(s, samples_read_disk, 0, false);
	return shrink_waits(s, STATE_BIT(STATE_WAIT_DISK_READ), s->finding->removable);
}

static bool shrink_disk_write(const struct shrink *s)
{
	shrink_sampled(s, samples_write_disk, 0, false);
	return shrink_waits(s, STATE_BIT(STATE_WAIT_DISK_WRITE), s->finding->removable);
}

/* CPU time and waits for disks of the group that the finding is about, ns. */
static double subject_sum(const struct analysis *a, const struct bottleneck *finding,
			  uint32_t states)
{
	struct blame_filter filter = BLAME_ANY(states);

	filter.owner = finding->subject;
	return blame_sum(a->blame, &filter);
}

#define STATES_FETCH (STATE_BIT(STATE_WAIT_DISK_READ) | STATE_BIT(STATE_WAIT_FAULT))

static double reclaim_ns(const struct analysis *a, const struct bottleneck *finding)
{
	return fmax(
		facts_count(a->facts, "memory.reclaim_cgroup_ns", finding->subject, NULL) +
			facts_count(a->facts, "memory.reclaim_direct_ns", finding->subject, NULL),
		subject_sum(a, finding, STATE_BIT(STATE_WAIT_RECLAIM)));
}

/*
 * Pages that were just reclaimed are read again: what such a finding has beyond reclaim itself is
 * that part of the waits for reads. Its share of them.
 */
static double fetched_again(const struct analysis *a, const struct bottleneck *finding)
{
	double ns = finding->impact.share * a->blame->total - reclaim_ns(a, finding);
	double fetching = subject_sum(a, finding, STATES_FETCH);

	return fetching > 0 ? fmin(fmax(ns, 0) / fetching, 1) : 0;
}

/* Reclaim is work of the thread itself, but for its waits; so is fetching what it freed. */
static bool shrink_reclaim(const struct shrink *s)
{
	double again = fetched_again(s->a, s->finding);
	struct shrink fetch = *s;

	shrink_sampled(s, samples_reclaim, 0, false);
	fetch.level = again;
	shrink_sampled(&fetch, samples_fetch, 0, false);
	shrink_waits(s, STATE_BIT(STATE_WAIT_RECLAIM), 1);
	return shrink_waits(s, STATES_FETCH, again);
}

double replay_cause_work(const struct analysis *a, const struct bottleneck *finding)
{
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	samples_test *test = NULL;
	double part = 1;

	if (!strcmp(finding->id, "disk.read-latency"))
		test = samples_read_disk;
	if (!strcmp(finding->id, "disk.sync-writes"))
		test = samples_write_disk;
	if (!strcmp(finding->id, "mem.cgroup-limit") || !strcmp(finding->id, "mem.reclaim")) {
		test = samples_fetch;
		part = fetched_again(a, finding);
	}
	if (!test)
		return 0;
	run.victim = finding->group;
	run.owner = finding->subject;
	return blame_sum(a->blame, &run) * part *
	       samples_share(a, finding->subject, test, finding, NULL, NULL);
}

/* ---- who may run where, and before whom ---- */

static bool shrink_antagonist(const struct shrink *s)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		if (of_subject(s, at))
			s->cause->changes[at].run = 0;
	return true;
}

static bool shrink_realtime(const struct shrink *s)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		if (of_subject(s, at)) {
			s->cause->changes[at].ordinary = true;
			s->cause->changes[at].weight = replay_weight(NICE_LAST);
		}
	return true;
}

static bool shrink_priority(const struct shrink *s)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		if (of_subject(s, at))
			s->cause->changes[at].weight = replay_weight(0);
	return true;
}

static bool shrink_affinity(const struct shrink *s)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		s->cause->changes[at].unpinned |= of_subject(s, at);
	return true;
}

static bool shrink_quota(const struct shrink *s)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		s->cause->changes[at].unheld |= of_subject(s, at);
	return true;
}

/* Threads lose what interrupts took of their turns; threads that only handle them do not run. */
static bool shrink_interrupts(const struct shrink *s)
{
	for (uint32_t at = 0; at < s->trace->threads.len; at++) {
		const struct thread_facts *thread =
			&s->a->facts->threads[s->trace->threads.at[at].thread];
		double run = 0, irq = (double)thread->ns[STATE_RUN_IRQ];

		for (uint32_t state = 0; state < STATE_COUNT; state++)
			if (STATES_ON_CPU >> state & 1)
				run += (double)thread->ns[state];
		if (run > 0)
			s->cause->changes[at].run *= 1 - irq / run;
		if (thread->group != NONE && s->a->facts->groups.at[thread->group].kernel &&
		    irq > run / 2)
			s->cause->changes[at].run = 0;
	}
	return true;
}

/* The work of the thread that runs most is spread over it and the CPUs that idle. */
static bool shrink_single(const struct shrink *s)
{
	const struct facts *facts = s->a->facts;
	double idle = isnan(facts->idle_share) ? 0 : facts->idle_share * facts->cpu_count;
	uint32_t most = NONE;

	for (uint32_t at = 0; at < s->trace->threads.len; at++)
		if (of_subject(s, at) &&
		    (most == NONE ||
		     s->trace->threads.at[at].run_ns > s->trace->threads.at[most].run_ns))
			most = at;
	if (most == NONE)
		return false;
	s->cause->changes[most].run /= 1 + idle;
	return true;
}

/* ---- by finding ---- */

static const struct {
	const char *id;
	bool (*shrink)(const struct shrink *s);
} causes[] = {
	{"cpu.hot-function", shrink_function},
	{"cpu.spin", shrink_spin},
	{"algo.busy-poll", shrink_looking},
	{"algo.timer-churn", shrink_looking},
	{"cpu.antagonist", shrink_antagonist},
	{"cpu.realtime-hog", shrink_realtime},
	{"cpu.priority", shrink_priority},
	{"cpu.affinity", shrink_affinity},
	{"cpu.quota", shrink_quota},
	{"cpu.interrupts", shrink_interrupts},
	{"cpu.single-thread", shrink_single},
	{"lock.user", shrink_lock_user},
	{"lock.kernel", shrink_lock_kernel},
	{"disk.read-latency", shrink_disk_read},
	{"disk.sync-writes", shrink_disk_write},
	{"mem.cgroup-limit", shrink_reclaim},
	{"mem.reclaim", shrink_reclaim},
};

void replay_cause_none(const struct replay_trace *trace, struct replay_cause *cause)
{
	for (size_t i = 0; i < trace->threads.len; i++) {
		cause->changes[i] = REPLAY_UNCHANGED;
		cause->work[i] = 1;
	}
}

bool replay_cause_shrink(const struct analysis *a, const struct bottleneck *finding,
			 const struct replay_trace *trace, double level, struct replay_cause *cause)
{
	struct shrink s = {a, finding, trace, level, cause};

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (!strcmp(finding->id, causes[i].id))
			return causes[i].shrink(&s);
	return finding->of_running && shrink_share(&s);
}
