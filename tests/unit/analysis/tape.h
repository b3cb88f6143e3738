/* SPDX-License-Identifier: BSD-2-Clause */
/* Excerpts of schedules that were made, and what a fix would save in them. */
#ifndef TEST_TAPE_H
#define TEST_TAPE_H

#include "analysis/replay.h"
#include "analysis/host.h"

#define MS 1000000ULL

/* ---- making excerpts ---- */

struct tape {
	struct recording *rec;
	uint64_t at; /* ns since the excerpt began */
};

static inline struct tape tape_begin(struct recording *rec, uint64_t ms)
{
	vec_push(&rec->excerpts, (struct excerpt){0, ms * MS});
	return (struct tape){rec, 0};
}

static inline void tape_add(struct tape *tape, enum event_kind kind, uint32_t cpu, uint32_t thread,
			    uint32_t other, enum thread_state state, bool lock)
{
	vec_push(&tape->rec->events, (struct event){.time_ns = tape->at,
						    .thread = thread,
						    .other = other,
						    .cpu = (uint16_t)cpu,
						    .kind = (uint8_t)kind,
						    .state = (uint8_t)state,
						    .lock = lock});
}

static inline void tape_runs(struct tape *tape, uint32_t cpu, uint32_t thread)
{
	tape_add(tape, EVENT_RUNS, cpu, thread, NONE, 0, false);
}

/* `thread` leaves the CPU, for `state`, to `next`. */
static inline void tape_switch(struct tape *tape, uint32_t cpu, uint32_t thread,
			       enum thread_state state, uint32_t next)
{
	tape_add(tape, EVENT_SWITCH, cpu, thread, next, state, false);
}

static inline void tape_wake(struct tape *tape, uint32_t cpu, uint32_t thread,
			     enum thread_state state, uint32_t by)
{
	tape_add(tape, EVENT_WAKE, cpu, thread, by, state, false);
}

/* ---- asking ---- */

static inline struct analysis analysis_of(struct recording *rec)
{
	struct analysis a = {.rec = rec, .doc = document_new()};

	/* Who has no ledger was not there. */
	for (uint32_t i = 0; i < rec->threads.len && rec->ledger.len < SLICES * rec->threads.len;
	     i++)
		host_spend(rec, i, STATE_RUN_USER, 0.5);
	a.facts = facts_new(rec);
	a.blame = blame_new(a.facts);
	a.functions = functions_new(a.facts);
	return a;
}

static inline void analysis_done(struct analysis *a)
{
	functions_free(a->functions);
	blame_free(a->blame);
	facts_free(a->facts);
	document_free(a->doc);
}

static inline uint32_t group_at(const struct analysis *a, uint32_t thread)
{
	return a->facts->threads[thread].group;
}

/* The gain of removing `id` of the group of `subject` for the group of `victim`. */
static inline struct replay_gain gain_of(struct recording *rec, const char *id, uint32_t subject,
					 uint32_t victim)
{
	struct analysis a = analysis_of(rec);
	struct bottleneck finding = {.id = id,
				     .removable = 1,
				     .impact = {.share = 0.5, .low = 0.5, .high = 0.5},
				     .subject = group_at(&a, subject),
				     .group = group_at(&a, victim)};
	struct replay *replay;
	struct replay_gain gain;

	finding.where.function = "hot";
	replay = replays_new(&a);
	gain = replays_gain(replay, &finding);
	replays_free(replay);
	analysis_done(&a);
	return gain;
}

static inline void assert_saves(const struct replay_gain *gain, double saved, double within)
{
	if (gain->why)
		print_error("%s\n", gain->why);
	assert_null(gain->why);
	if (fabs(gain->saved - saved) > within)
		print_error("saved %.3f, not %.3f\n", gain->saved, saved);
	assert_near(gain->saved, saved, within);
	assert_true(gain->low <= gain->saved && gain->saved <= gain->high);
}

/* 100 ms of a thread that works 0.5 ms, reads for 2 ms, works 0.5 ms, writes for 2 ms, … */
static inline void tape_disk(struct tape *tape, uint32_t thread)
{
	tape_runs(tape, 0, thread);
	tape_runs(tape, 1, NONE);
	for (int i = 0; i < 40; i++) {
		enum thread_state waits = i % 2 ? STATE_WAIT_DISK_WRITE : STATE_WAIT_DISK_READ;

		tape->at += MS / 2;
		tape_switch(tape, 0, thread, waits, NONE);
		tape->at += 2 * MS;
		tape_wake(tape, 0, thread, waits, NONE);
		tape_switch(tape, 0, NONE, 0, thread);
	}
}

#endif
