/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * algo.timer-churn: threads that sleep for a very short time, look whether there is something to
 * do, and sleep again. Each time costs a timer, an interrupt, two switches and two system calls;
 * the work that was done would not have been missed. Known from the number and the place of their
 * waits for timers, and from what they ran in between.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/detectors/spots.h"
#include "analysis/stats.h"

/* Waits for timers of one function. 1 ms is the shortest period of an honest clock. */
#define WAITS_PER_SECOND 1000.0
/* Of the waits of a kind that ended because their time was over. */
#define EXPIRED_SHARE 0.5
/* On average between two waits: longer runs are work. */
#define RUN_MAX_NS 100000.0
/* A thread is one that churns if so many of its waits are such. */
#define THREAD_SHARE 0.5

/* The threads that churn. */
struct churn {
	double waits, run_ns, threads;
	double ready_ns; /* they waited for a CPU, to look for what is not there */
};

static double calls_sum(const struct analysis *a, const char *metric, uint32_t group,
			const char *const names[])
{
	double sum = 0;

	for (size_t i = 0; names[i]; i++)
		sum += facts_count(a->facts, metric, group, names[i]);
	return sum;
}

/* Of the group's waits in poll and its kin, the share that ended because their time was over. */
static double poll_expired(const struct analysis *a, uint32_t group)
{
	static const char *const names[] = {
		"poll",        "ppoll",        "select",       "pselect6",      "epoll_wait",
		"epoll_pwait", "epoll_pwait2", "io_getevents", "io_pgetevents", NULL};
	double waited = calls_sum(a, "syscall.count", group, names) -
			calls_sum(a, "syscall.empty", group, names);

	return waited > 0 ? calls_sum(a, "syscall.expired", group, names) / waited : 0;
}

static double futex_expired(const struct analysis *a, uint32_t group)
{
	double calls = facts_count(a->facts, "syscall.count", group, "futex");

	return calls > 0 ? facts_count(a->facts, "syscall.expired", group, "futex") / calls : 0;
}

/* How the waits of a group ended. */
struct endings {
	double poll, futex; /* shares that ended because their time was over */
};

/* How many of the waits of a sample ended because their time was over. */
static double timer_waits(const struct analysis *a, const struct sample *sample,
			  const struct endings *endings)
{
	const struct stack *stack;
	double share;

	if ((sample->kind != SAMPLE_IDLE && sample->kind != SAMPLE_OFFCPU) ||
	    sample->stack >= a->rec->stacks.len)
		return 0;
	stack = &a->rec->stacks.at[sample->stack];
	if (sample->kind == SAMPLE_OFFCPU)
		share = stack_kernel_ends(a->rec, stack, "futex") ? endings->futex : 0;
	else if (stack_kernel_ends(a->rec, stack, "nanosleep") ||
		 stack_kernel_ends(a->rec, stack, "timerfd_read") ||
		 stack_kernel_ends(a->rec, stack, "timerfd_read_iter"))
		share = 1;
	else
		share = endings->poll;
	return share > EXPIRED_SHARE ? share * (double)sample->count : 0;
}

/* Calls of the group that may have been such waits: spares most groups the look at all samples. */
static double timer_calls(const struct analysis *a, uint32_t group)
{
	static const char *const names[] = {"nanosleep", "clock_nanosleep", "read", NULL};

	return calls_sum(a, "syscall.count", group, names) +
	       facts_count(a->facts, "syscall.expired", group, NULL);
}

/* Whether a sample tells of waits of the group. */
static bool is_wait(const struct analysis *a, const struct sample *sample, uint32_t group)
{
	return (sample->kind == SAMPLE_IDLE || sample->kind == SAMPLE_OFFCPU) &&
	       a->facts->threads[sample->thread].group == group;
}

static double thread_run(const struct analysis *a, uint32_t thread)
{
	double sum = 0;

	for (int state = 0; state < STATE_COUNT; state++)
		if (STATES_ON_CPU >> state & 1)
			sum += (double)a->facts->threads[thread].ns[state];
	return sum;
}

/*
 * The waits of each thread that does little between two of them, by position; 0 for the others. The
 * caller frees it.
 */
static double *waits_by_thread(const struct analysis *a, uint32_t group)
{
	double *waits = calloc(a->rec->threads.len + 1, sizeof(double));

	if (!waits)
		abort();
	vec_each(&a->rec->samples, sample)
		if (is_wait(a, sample, group))
			waits[sample->thread] += (double)sample->count;
	for (uint32_t i = 0; i < a->rec->threads.len; i++)
		if (waits[i] > 0 && thread_run(a, i) > RUN_MAX_NS * waits[i])
			waits[i] = 0;
	return waits;
}

/* The functions in which such threads wait for timers that often. */
static void spots_collect(struct spots *spots, const double *waits)
{
	const struct analysis *a = spots->a;
	struct endings endings = {poll_expired(a, spots->group), futex_expired(a, spots->group)};
	double least = WAITS_PER_SECOND * a->facts->window_ns / 1e9;
	size_t kept = 0;

	vec_each(&a->rec->samples, sample) {
		double found = 0;

		if (is_wait(a, sample, spots->group) && waits[sample->thread] > 0)
			found = timer_waits(a, sample, &endings);
		if (found > 0)
			spots_add(spots, sample, found);
	}
	for (size_t i = 0; i < spots->at.len; i++)
		if (spots->at.at[i].found > least)
			spots->at.at[kept++] = spots->at.at[i];
	spots->at.len = kept;
}

/* What the threads do most of whose waits are in the spots. */
static struct churn churn_sum(const struct spots *spots, const double *waits)
{
	const struct analysis *a = spots->a;
	double *there = calloc(a->rec->threads.len + 1, sizeof(double));
	struct churn churn = {};

	if (!there)
		abort();
	vec_each(&a->rec->samples, sample)
		if (is_wait(a, sample, spots->group) && spots_find(spots, sample, NULL))
			there[sample->thread] += (double)sample->count;
	for (uint32_t i = 0; i < a->rec->threads.len; i++) {
		if (there[i] <= THREAD_SHARE * waits[i] || waits[i] <= 0)
			continue;
		churn.threads++;
		churn.waits += there[i];
		churn.run_ns += thread_run(a, i);
		churn.ready_ns += (double)a->facts->threads[i].ns[STATE_READY_WOKEN] +
				  (double)a->facts->threads[i].ns[STATE_READY_PREEMPTED];
	}
	free(there);
	return churn;
}

/* All that a function does whose business is to wait. */
static bool stack_asks(const struct analysis *a, const struct stack *stack, const void *context)
{
	(void)a;
	(void)stack;
	(void)context;
	return true;
}

static void churn_tell(struct analysis *a, struct bottleneck *finding, uint32_t group,
		       const struct churn *churn, double samples)
{
	const struct group *g = &a->facts->groups.at[group];
	double seconds = a->facts->window_ns / 1e9;

	finding->confidence = CONFIDENCE_HIGH;
	finding->title =
		finding_text(a, "%s wakes by timer %.0f times a second to do next to nothing%s%s",
			     group_name(a, group), churn->waits / seconds,
			     finding->where.function ? ", in " : "",
			     finding->where.function ? finding->where.function : "");
	finding_evidence(finding, "waits for timers", churn->waits / seconds, "waits/s");
	finding_evidence(finding, "threads that wait so", churn->threads, "threads");
	finding_evidence(finding, "CPU time between two waits, on average",
			 churn->run_ns / churn->waits / 1e3, "us");
	finding_evidence(finding, "CPU time of sleeping, waking and looking",
			 samples / g->samples * group_on_cpu(g) / 1e9 / seconds, "CPUs");
	finding_evidence(finding, "share of its CPU samples", 100 * samples / g->samples, "%");
	finding_link(finding, "sleeps and looks", &finding->where);
	finding_action(finding, EFFORT_MEDIUM, 1, 8, 1,
		       "Wait for the event itself (condition variable, eventfd, poll without a "
		       "short time-out), or look less often and do more each time.");
}

/*
 * The time that `share` of the group's CPU time costs. Of its waiting for CPUs, what its churning
 * threads do is part of it; what the others do is caused by it in proportion.
 */
static double churn_cost(const struct analysis *a, uint32_t group, const struct churn *churn,
			 double share)
{
	const struct group *g = &a->facts->groups.at[group];
	double ready = g->ns[STATE_READY_WOKEN] + g->ns[STATE_READY_PREEMPTED];
	double own = ready > 0 ? fmin(churn->ready_ns / ready, 1) : 0;
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	double running;

	run.owner = group;
	running = blame_sum(a->blame, &run);
	return running * share + (spots_cpu_cost(a, group) - running) * (own + (1 - own) * share);
}

static void churn_add(struct analysis *a, const struct spots *spots, const struct churn *churn)
{
	const struct group *g = &a->facts->groups.at[spots->group];
	struct spot_samples found = spots_sample(spots, stack_asks, NULL, NULL);
	double samples = found.asking + found.own, share = samples / g->samples;
	double cost = churn_cost(a, spots->group, churn, share);
	struct interval sure = stats_wilson(found.asking, g->samples);
	struct interval all = stats_wilson(samples, g->samples);
	struct bottleneck *finding = finding_add(a, "algo.timer-churn", cost,
						 churn_cost(a, spots->group, churn, sure.low),
						 churn_cost(a, spots->group, churn, all.high));

	if (!finding)
		return;
	finding_of_group(a, finding, spots->group, true);
	spots_place(spots, finding);
	churn_tell(a, finding, spots->group, churn, samples);
	/* The work gets faster by the CPU time that is freed; that nobody waits to look is no work.
	 */
	if (cost > 0)
		finding->removable = fmin(share * spots_cpu_cost(a, spots->group) / cost, 1);
}

static void detect_group(struct analysis *a, uint32_t group)
{
	struct spots spots = {.a = a, .group = group};
	double *waits;
	struct churn churn;

	if (timer_calls(a, group) < WAITS_PER_SECOND * a->facts->window_ns / 1e9)
		return;
	waits = waits_by_thread(a, group);
	spots_collect(&spots, waits);
	churn = churn_sum(&spots, waits);
	if (churn.waits > 0)
		churn_add(a, &spots, &churn);
	spots_free(&spots);
	free(waits);
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		if (a->blame->worked[group] > 0 && a->facts->groups.at[group].samples > 0)
			detect_group(a, group);
}

const struct detector algo_timer_churn = {"algo.timer-churn", detect};
