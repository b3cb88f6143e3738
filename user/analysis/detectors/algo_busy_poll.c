/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * algo.busy-poll: code that asks the kernel whether there is something, is told that there is
 * nothing, and asks again without sleeping in between: poll and its kin that come back at once with
 * nothing, reads and the like that fail with EAGAIN. An event loop under load finds something most
 * of the time; one that is idle sleeps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/detectors/spots.h"
#include "analysis/stats.h"

/* Of a call's uses, in vain. A loop that reads until EAGAIN has found something just before. */
#define VAIN_SHARE      0.9
#define VAIN_PER_SECOND 1000.0
/* A call that takes longer on average waits for something: EAGAIN was a time-out. */
#define CALL_MAX_NS 50000.0
/* Fewer calls in vain for each time the thread slept: it is the sleeping that costs. */
#define VAIN_PER_WAIT 4.0
/* A thread is one that polls from this share of its CPU samples on. */
#define POLLS_SHARE 0.2
#define CALLS_MAX   8

/* The calls that a group makes in vain. */
struct calls {
	const char *name[CALLS_MAX];
	char end[CALLS_MAX][40]; /* how the kernel's function for it ends: "_epoll_wait" */
	size_t count;
	double made, vain;
};

/* EAGAIN of these is no answer to a question: a word has changed, a time is over. */
static bool call_is_other(const char *name)
{
	return !strncmp(name, "futex", 5) || !strcmp(name, "rt_sigtimedwait") ||
	       !strcmp(name, "semtimedop");
}

static void call_add(const struct analysis *a, uint32_t group, const char *name, double again,
		     struct calls *calls)
{
	double vain = again + facts_count(a->facts, "syscall.empty", group, name);
	double made = facts_count(a->facts, "syscall.count", group, name);
	double ns = facts_count(a->facts, "syscall.ns", group, name);

	if (vain < VAIN_SHARE * made || vain < VAIN_PER_SECOND * a->facts->window_ns / 1e9 ||
	    ns > CALL_MAX_NS * made || calls->count >= CALLS_MAX || call_is_other(name))
		return;
	calls->name[calls->count] = name;
	snprintf(calls->end[calls->count++], sizeof(calls->end[0]), "_%s", name);
	calls->made += made;
	calls->vain += vain;
}

static struct calls calls_in_vain(const struct analysis *a, uint32_t group)
{
	uint32_t again = string_find(a->rec, "syscall.again");
	uint32_t empty = string_find(a->rec, "syscall.empty");
	struct calls calls = {};

	vec_each(&a->facts->totals, total) {
		if (total->group != group || total->label >= a->rec->strings.at.len)
			continue;
		/* A call that has both is looked at once. */
		if (total->metric == again && again != NONE)
			call_add(a, group, string_get(a->rec, total->label), total->value, &calls);
		else if (total->metric == empty && empty != NONE &&
			 facts_count(a->facts, "syscall.again", group,
				     string_get(a->rec, total->label)) <= 0)
			call_add(a, group, string_get(a->rec, total->label), 0, &calls);
	}
	return calls;
}

static bool stack_asks(const struct analysis *a, const struct stack *stack, const void *context)
{
	const struct calls *calls = context;

	for (size_t i = 0; i < calls->count; i++)
		if (stack_kernel_ends(a->rec, stack, calls->end[i]))
			return true;
	return false;
}

/* How often the threads that poll slept, whatever for, and how many they are. */
static double waits_of(const struct analysis *a, uint32_t group, const double *polling,
		       double *threads)
{
	double *samples = calloc(a->rec->threads.len + 1, sizeof(double)), waits = 0;

	if (!samples)
		abort();
	vec_each(&a->rec->samples, sample)
		if (sample->kind == SAMPLE_CPU)
			samples[sample->thread] += (double)sample->count;
	vec_each(&a->rec->samples, sample)
		if ((sample->kind == SAMPLE_IDLE || sample->kind == SAMPLE_OFFCPU) &&
		    polling[sample->thread] > POLLS_SHARE * samples[sample->thread])
			waits += (double)sample->count;
	*threads = 0;
	for (uint32_t i = 0; i < a->rec->threads.len; i++)
		*threads += a->facts->threads[i].group == group && polling[i] > 0 &&
			    polling[i] > POLLS_SHARE * samples[i];
	free(samples);
	return waits;
}

static void poll_tell(struct analysis *a, struct bottleneck *finding, uint32_t group,
		      const struct calls *calls, double samples)
{
	const struct group *g = &a->facts->groups.at[group];
	double seconds = a->facts->window_ns / 1e9;
	const char *names = calls->name[0];

	for (size_t i = 1; i < calls->count; i++)
		names = finding_text(a, "%s, %s", names, calls->name[i]);
	finding->confidence = CONFIDENCE_HIGH;
	finding->title = finding_text(
		a, "%s spends %.0f %% of its CPU time asking (%s) for what is not there%s%s",
		group_name(a, group), 100 * samples / g->samples, names,
		finding->where.function ? " in " : "",
		finding->where.function ? finding->where.function : "");
	finding_evidence(finding, finding_text(a, "%s that found nothing", names),
			 calls->vain / seconds, "calls/s");
	finding_evidence(finding, "share of these calls that found nothing",
			 100 * calls->vain / calls->made, "%");
	finding_evidence(finding, "CPU time spent asking",
			 samples / g->samples * group_on_cpu(g) / 1e9 / seconds, "CPUs");
	finding_link(finding, "asks and asks", &finding->where);
	finding_action(finding, EFFORT_MEDIUM, 1, 8, 1,
		       "Let the kernel wake the thread: a blocking call, or poll/epoll with a "
		       "time-out that is not 0; poll only as long as something comes.");
}

static void poll_add(struct analysis *a, uint32_t group, const struct calls *calls,
		     const struct spots *spots)
{
	const struct group *g = &a->facts->groups.at[group];
	double *polling = calloc(a->rec->threads.len + 1, sizeof(double));
	struct spot_samples samples;
	double cost, sure, all, threads, waits;
	struct bottleneck *finding = NULL;

	if (!polling)
		abort();
	samples = spots_sample(spots, stack_asks, calls, polling);
	waits = waits_of(a, group, polling, &threads);
	free(polling);
	sure = samples.asking;
	/* More of its own than the asking takes is work between two questions. */
	all = sure + (samples.own <= sure ? samples.own : 0);
	if (all > 0 && calls->vain > VAIN_PER_WAIT * waits) {
		cost = spots_cpu_cost(a, group);
		finding = finding_add(a, "algo.busy-poll", cost * all / g->samples,
				      cost * stats_wilson(sure, g->samples).low,
				      cost * stats_wilson(all, g->samples).high);
	}
	if (!finding)
		return;
	finding_of_group(a, finding, group, true);
	spots_place(spots, finding);
	poll_tell(a, finding, group, calls, all);
	finding_evidence(finding, "threads that do so", threads, "threads");
	finding_evidence(finding, "times that these slept", waits / (a->facts->window_ns / 1e9),
			 "waits/s");
}

static void detect_group(struct analysis *a, uint32_t group)
{
	struct spots spots = {.a = a, .group = group};
	struct calls calls = calls_in_vain(a, group);

	if (!calls.count || a->facts->groups.at[group].samples <= 0)
		return;
	vec_each(&a->rec->samples, sample)
		if (sample->kind == SAMPLE_CPU && sample->stack < a->rec->stacks.len &&
		    a->facts->threads[sample->thread].group == group &&
		    stack_asks(a, &a->rec->stacks.at[sample->stack], &calls))
			spots_add(&spots, sample, (double)sample->count);
	if (spots.at.len)
		poll_add(a, group, &calls, &spots);
	spots_free(&spots);
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		if (a->blame->worked[group] > 0)
			detect_group(a, group);
}

const struct detector algo_busy_poll = {"algo.busy-poll", detect};
