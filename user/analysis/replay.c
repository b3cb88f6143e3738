/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/replay.h"
#include "analysis/replay_cause.h"

/* Excerpts that are replayed; a recording has fewer unless somebody made it up. */
#define EXCERPTS_MAX 16
/* Shorter ones say nothing. */
#define EXCERPT_MIN_NS 5000000ULL
/* Replayed as it was, a group's time may be off by this share of it. */
#define OFF_AT_MOST 0.25
/*
 * An excerpt ends when its room for records is used up, sooner where more happens. It stands for as
 * long as it was to last.
 */
#define EXCERPT_USUAL_NS 250000000ULL
/* Events of all replays together: a few seconds of computing; a usual recording needs a tenth. */
#define EVENTS_ALL 20000000
/* The scheduler's ways are found out with this many excerpts. */
#define EXCERPTS_FIT 3
/* A thread that is less active than this says nothing of its group's work. */
#define ACTIVE_MIN 0.01

struct excerpt_replay {
	struct replay_trace trace;
	uint64_t *base; /* when each thread is done, replayed as it was */
	bool good;
};

struct replay {
	const struct analysis *a;
	struct replay_scheduler scheduler;
	uint64_t budget; /* of all replays together: events that may still be looked at */
	VEC(struct excerpt_replay) excerpts;
	double *active; /* of each thread of the recording: share of the excerpts' time */
};

/* ---- as it was ---- */

static struct replay_change *changes_none(const struct replay_trace *trace)
{
	struct replay_change *changes = calloc(trace->threads.len + 1, sizeof(*changes));

	if (!changes)
		abort();
	for (size_t i = 0; i < trace->threads.len; i++)
		changes[i] = REPLAY_UNCHANGED;
	return changes;
}

static void excerpt_base(struct replay *replay, struct excerpt_replay *excerpt)
{
	struct replay_change *changes = changes_none(&excerpt->trace);

	excerpt->good = replay_run(&excerpt->trace, replay->a->rec, &replay->scheduler, changes,
				   excerpt->base, &replay->budget);
	free(changes);
}

/* The time of a thread's work when its steps are done at `done`. */
static double thread_time(const struct replay_thread *thread, uint64_t done)
{
	return done > thread->idle_ns ? (double)(done - thread->idle_ns) : 0;
}

/* How far the replays are from what was recorded: 0 = nowhere, 1 = all of it. */
static double replay_error(const struct replay *replay)
{
	double off = 0, all = 0;

	vec_each(&replay->excerpts, excerpt) {
		if (!excerpt->good)
			return INFINITY;
		for (size_t i = 0; i < excerpt->trace.threads.len; i++) {
			const struct replay_thread *thread = &excerpt->trace.threads.at[i];
			double weight = (double)thread->active_ns;

			off += weight * fabs((double)excerpt->base[i] - (double)thread->end_ns);
			all += weight * (double)thread->end_ns;
		}
	}
	return all > 0 ? off / all : INFINITY;
}

/*
 * Kernels differ in how long a thread's turn is while others wait, and in whether one that wakes
 * takes the CPU at once: what comes closest to the recording is taken. A few excerpts are enough to
 * tell.
 */
static void scheduler_choose(struct replay *replay)
{
	static const uint64_t turns[] = {3000000, 750000,  1500000, 4000000,
					 6000000, 8000000, 12000000};
	size_t all = replay->excerpts.len;
	struct replay_scheduler best = {.turn_ns = turns[0], .wakes_preempt = true};
	double least = INFINITY;

	if (replay->excerpts.len > EXCERPTS_FIT)
		replay->excerpts.len = EXCERPTS_FIT;
	for (size_t i = 0; i < 2 * sizeof(turns) / sizeof(turns[0]); i++) {
		double error;

		replay->scheduler.turn_ns = turns[i / 2];
		replay->scheduler.wakes_preempt = i % 2 == 0;
		vec_each(&replay->excerpts, excerpt)
			excerpt_base(replay, excerpt);
		error = replay_error(replay);
		if (error < least) {
			least = error;
			best = replay->scheduler;
		}
	}
	replay->excerpts.len = all;
	replay->scheduler = best;
	vec_each(&replay->excerpts, excerpt)
		excerpt_base(replay, excerpt);
}

/* How much of an excerpt's time each ns in it stands for. */
static double excerpt_scale(const struct excerpt_replay *excerpt)
{
	return fmax((double)EXCERPT_USUAL_NS / (double)excerpt->trace.length_ns, 1);
}

/*
 * How active each thread is. Over all excerpts: one that waits for the whole of an excerpt, and
 * does next to nothing in another, is the same thread with the same work in both.
 */
static void activity_find(struct replay *replay)
{
	double all = 0;

	replay->active = calloc(replay->a->rec->threads.len + 1, sizeof(*replay->active));
	if (!replay->active)
		abort();
	vec_each(&replay->excerpts, excerpt)
		all += excerpt_scale(excerpt) * (double)excerpt->trace.length_ns;
	vec_each(&replay->excerpts, excerpt)
		vec_each(&excerpt->trace.threads, thread)
			replay->active[thread->thread] +=
				excerpt_scale(excerpt) * (double)thread->active_ns / all;
}

struct replay *replays_new(const struct analysis *a)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		abort();
	replay->a = a;
	replay->budget = EVENTS_ALL;
	for (uint32_t i = 0; i < a->rec->excerpts.len; i++) {
		const struct excerpt *excerpt = &a->rec->excerpts.at[i];
		struct excerpt_replay *row;

		if (replay->excerpts.len == EXCERPTS_MAX)
			break;
		if (excerpt->end_ns - excerpt->begin_ns < EXCERPT_MIN_NS)
			continue;
		row = vec_extend(&replay->excerpts, 1);
		if (!replay_trace_make(&row->trace, a->rec, i)) {
			replay_trace_free(&row->trace);
			replay->excerpts.len--;
			continue;
		}
		row->base = calloc(row->trace.threads.len + 1, sizeof(*row->base));
		if (!row->base)
			abort();
	}
	activity_find(replay);
	if (replay->excerpts.len)
		scheduler_choose(replay);
	return replay;
}

void replays_free(struct replay *replay)
{
	if (!replay)
		return;
	vec_each(&replay->excerpts, excerpt) {
		replay_trace_free(&excerpt->trace);
		free(excerpt->base);
	}
	vec_free(&replay->excerpts);
	free(replay->active);
	free(replay);
}

/* ---- with the cause shrunk ---- */

/* Sums over the threads of a group in one excerpt, ns of what it stands for. */
struct group_time {
	double recorded, base, shrunk;
};

static void group_times(const struct replay *replay, const struct excerpt_replay *excerpt,
			uint32_t group, const struct replay_cause *cause, const uint64_t *done,
			struct group_time *time)
{
	for (size_t i = 0; i < excerpt->trace.threads.len; i++) {
		const struct replay_thread *thread = &excerpt->trace.threads.at[i];
		double active = replay->active[thread->thread];
		double weight = active * cause->work[i] * excerpt_scale(excerpt);

		if (replay->a->facts->threads[thread->thread].group != group || active < ACTIVE_MIN)
			continue;
		time->recorded += weight * thread_time(thread, thread->end_ns);
		time->base += weight * thread_time(thread, excerpt->base[i]);
		time->shrunk += weight * thread_time(thread, done[i]);
	}
}

/* Findings whose causes are shrunk together, and the group whose time that is to save. */
struct fixes {
	const struct bottleneck *const *findings;
	size_t count;
	uint32_t group;
};

/* Whether one of the causes at least could be taken out. */
static bool causes_shrink(const struct replay *replay, const struct excerpt_replay *excerpt,
			  const struct fixes *fixes, double level, struct replay_cause *cause)
{
	bool any = false;

	replay_cause_none(&excerpt->trace, cause);
	for (size_t i = 0; i < fixes->count; i++)
		any |= replay_cause_shrink(replay->a, fixes->findings[i], &excerpt->trace, level,
					   cause);
	return any;
}

/* One excerpt with the causes shrunk; false if it says nothing. */
static bool excerpt_shrink(struct replay *replay, const struct excerpt_replay *excerpt,
			   const struct fixes *fixes, double level, struct group_time *time)
{
	size_t n = excerpt->trace.threads.len;
	struct replay_cause cause = {calloc(n + 1, sizeof(*cause.changes)),
				     calloc(n + 1, sizeof(*cause.work))};
	uint64_t *done = calloc(n + 1, sizeof(*done));
	bool good;

	if (!cause.changes || !cause.work || !done)
		abort();
	*time = (struct group_time){};
	good = excerpt->good && causes_shrink(replay, excerpt, fixes, level, &cause) &&
	       replay_run(&excerpt->trace, replay->a->rec, &replay->scheduler, cause.changes, done,
			  &replay->budget);
	if (good)
		group_times(replay, excerpt, fixes->group, &cause, done, time);
	free(cause.changes);
	free(cause.work);
	free(done);
	return good && time->base > 0;
}

struct level {
	double saved, half; /* half of the interval's width */
	double off;
	uint32_t excerpts;
};

/* 97.5 % quantiles of Student's t, by degrees of freedom. */
static const double student[EXCERPTS_MAX] = {
	INFINITY, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
	2.306,    2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
};

static double saved_share(double base, double shrunk)
{
	return base > 0 ? 1 - shrunk / base : 0;
}

/* All excerpts at one level: the share saved of all their time, and how far they are apart. */
static struct level level_replay(struct replay *replay, const struct fixes *fixes, double level)
{
	struct group_time sum = {};
	double values[EXCERPTS_MAX], mean = 0, variance = 0;
	struct level result = {.half = 1};
	uint32_t n = 0;

	vec_each(&replay->excerpts, excerpt) {
		struct group_time time;

		if (!excerpt_shrink(replay, excerpt, fixes, level, &time))
			continue;
		values[n++] = saved_share(time.base, time.shrunk);
		sum.recorded += time.recorded;
		sum.base += time.base;
		sum.shrunk += time.shrunk;
	}
	result.excerpts = n;
	if (!n)
		return result;
	result.saved = saved_share(sum.base, sum.shrunk);
	result.off = sum.recorded > 0 ? fabs(sum.base / sum.recorded - 1) : 1;
	for (uint32_t i = 0; i < n; i++)
		mean += values[i] / n;
	for (uint32_t i = 0; i < n; i++)
		variance += (values[i] - mean) * (values[i] - mean) / (n > 1 ? n - 1 : 1);
	/* Excerpts are far apart: taken to be independent. */
	if (n > 1)
		result.half = student[n - 1] * sqrt(variance / n);
	return result;
}

struct replay_gain replays_gain_together(struct replay *replay,
					 const struct bottleneck *const *findings, size_t count,
					 uint32_t group)
{
	struct replay_gain gain = {.why = "the recording has no excerpts of the schedule"};
	struct fixes fixes = {findings, count, group};
	struct level level;

	if (!replay->excerpts.len)
		return gain;
	level = level_replay(replay, &fixes, 1);
	gain.why = "this cause cannot be taken out of the recorded schedule";
	if (!level.excerpts)
		return gain;
	gain.off = level.off;
	gain.why = "the replay does not reproduce what was recorded";
	if (level.off > OFF_AT_MOST)
		return gain;
	gain.why = NULL;
	gain.excerpts = level.excerpts;
	gain.saved = fmin(fmax(level.saved, 0), 1);
	gain.low = fmin(fmax(level.saved - level.half, 0), gain.saved);
	gain.high = fmax(fmin(level.saved + level.half, 1), gain.saved);
	return gain;
}

struct replay_gain replays_gain(struct replay *replay, const struct bottleneck *finding)
{
	struct fixes fixes = {&finding, 1, finding->group};
	double share = finding->impact.share;
	struct replay_gain gain;
	struct level low, high;

	gain = replays_gain_together(replay, &finding, share > 0, finding->group);
	if (gain.why || !finding->of_running)
		return gain;
	low = level_replay(replay, &fixes, finding->impact.low / share);
	high = level_replay(replay, &fixes, finding->impact.high / share);
	gain.low = fmin(gain.low, fmax(low.saved - low.half, 0));
	gain.high = fmax(gain.high, fmin(high.saved + high.half, 1));
	return gain;
}
