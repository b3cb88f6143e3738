/* SPDX-License-Identifier: BSD-2-Clause */
/* Replays of waits: for mutexes, for kernel locks, and of those that are longer than an excerpt. */
#include "analysis/replay_run.h"
#include "analysis/tape.h"

/*
 * Two threads sync under one mutex, in turn: 1 ms of work, 3 ms until the disk has it, then the
 * other, who waited for the mutex all the time. Nothing of the waits for the mutex is the disk's by
 * itself, but a turn takes 1 ms instead of 4 without it: three quarters are saved.
 */
static void a_lock_wait_ends_when_its_holder_is_done(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t a = host_process(rec, "a"), b = host_thread(rec, a);
	struct tape tape = tape_begin(rec, 200);

	(void)state;
	tape_runs(&tape, 0, a);
	tape_runs(&tape, 1, NONE);
	for (int i = 0; i < 50; i++) {
		uint32_t cpu = i % 2, runs = cpu ? b : a, waits = cpu ? a : b;

		tape.at += MS;
		tape_switch(&tape, cpu, runs, STATE_WAIT_DISK_WRITE, NONE);
		tape.at += 3 * MS;
		tape_wake(&tape, cpu, runs, STATE_WAIT_DISK_WRITE, NONE);
		tape_switch(&tape, cpu, NONE, 0, runs);
		tape_add(&tape, EVENT_WAKE, cpu, waits, runs, STATE_WAIT_LOCK_USER, true);
		tape_add(&tape, EVENT_SWITCH, cpu, runs, NONE, STATE_WAIT_LOCK_USER, true);
		tape_switch(&tape, !cpu, NONE, 0, waits);
	}
	rec->excerpts.at[0].end_ns = tape.at;
	struct replay_gain gain = gain_of(rec, "disk.sync-writes", a, a);

	assert_saves(&gain, 0.75, 0.03);
	recording_free(rec);
}

/*
 * A job has a mutex, 10 ms of CPU time of each 40, and needs more than the excerpt's 100 ms. It
 * runs three times in it, the third up to 90 ms: 30 ms without the quota.
 */
static void job_with_quota(struct tape *tape, uint32_t job, uint64_t begin)
{
	for (int i = 0; i < 3; i++) {
		tape->at = begin + (uint64_t)i * 40 * MS;
		if (i)
			tape_switch(tape, 0, NONE, 0, job);
		else
			tape_runs(tape, 0, job);
		tape->at += 10 * MS;
		tape_switch(tape, 0, job, STATE_READY_THROTTLED, NONE);
	}
}

static void wait_row(struct recording *rec, uint32_t thread, uint32_t waker, uint64_t begin,
		     uint64_t end)
{
	vec_push(&rec->waits, (struct wait){.thread = thread,
					    .waker = waker,
					    .state = STATE_WAIT_LOCK_USER,
					    .syscall = -1,
					    .begin_ns = begin,
					    .end_ns = end});
}

/*
 * A service runs for 5 ms, then waits for the mutex until after the excerpt. As it was, that takes
 * all of the 100 ms; without the quota the job is as far after 30: 70 % are saved.
 */
static void waits_that_the_excerpt_cuts(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t job = host_process(rec, "job"), service = host_process(rec, "service");
	struct tape tape = tape_begin(rec, 100);
	struct replay_gain gain;

	(void)state;
	tape_runs(&tape, 1, service);
	tape.at = 5 * MS;
	tape_add(&tape, EVENT_SWITCH, 1, service, NONE, STATE_WAIT_LOCK_USER, true);
	job_with_quota(&tape, job, 0);
	wait_row(rec, service, job, 5 * MS, 140 * MS);
	gain = gain_of(rec, "cpu.quota", job, service);
	assert_saves(&gain, 0.7, 0.01);
	/* Who ends it is not known: it takes as long as it took. */
	rec->waits.at[0].waker = NONE;
	gain = gain_of(rec, "cpu.quota", job, service);
	assert_saves(&gain, 0, 0.01);
	recording_free(rec);
}

/* The same of a service that waits from before the begin: no event tells of it. */
static void waits_throughout(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t job = host_process(rec, "job"), service = host_process(rec, "service");
	uint32_t poller = host_process(rec, "poller");
	struct tape tape = tape_begin(rec, 200);
	struct replay_gain gain;

	(void)state;
	host_spend(rec, service, STATE_WAIT_LOCK_USER, 1);
	recording_sample(rec, SAMPLE_LOCK, service, stack_intern(rec, NULL, 0, 0, STACK_COMPLETE),
			 1, SLICES * SECOND);
	/* No wait for a mutex that was held: it waits for work. */
	host_spend(rec, poller, STATE_WAIT_LOCK_USER, 1);
	rec->excerpts.at[0].begin_ns = 100 * MS;
	tape.at = 100 * MS;
	tape_runs(&tape, 1, NONE);
	job_with_quota(&tape, job, 100 * MS);
	wait_row(rec, service, job, 5 * MS, 240 * MS);
	wait_row(rec, poller, NONE, 5 * MS, 240 * MS);
	gain = gain_of(rec, "cpu.quota", job, service);
	assert_saves(&gain, 0.7, 0.01);
	gain = gain_of(rec, "cpu.quota", job, poller);
	assert_non_null(gain.why);
	recording_free(rec);
}

/*
 * In the second excerpt, half as long, the job is away, and the service works 1 ms of each 2, the
 * rest is a timer's: nothing is saved there. Excerpts that were cut count alike, and the
 * service is the same in both: 1 - (0.3 + 1) / 2.
 */
static void excerpts_count_alike(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t job = host_process(rec, "job"), service = host_process(rec, "service");
	struct tape tape = tape_begin(rec, 100);
	struct replay_gain gain;

	(void)state;
	tape_runs(&tape, 1, service);
	tape.at = 5 * MS;
	tape_add(&tape, EVENT_SWITCH, 1, service, NONE, STATE_WAIT_LOCK_USER, true);
	job_with_quota(&tape, job, 0);
	wait_row(rec, service, job, 5 * MS, 140 * MS);
	vec_push(&rec->excerpts, (struct excerpt){300 * MS, 350 * MS});
	tape.at = 300 * MS;
	tape_runs(&tape, 0, NONE);
	tape_runs(&tape, 1, service);
	for (int i = 0; i < 25; i++) {
		tape.at += MS;
		tape_switch(&tape, 1, service, STATE_WAIT_TIMER, NONE);
		tape.at += MS;
		tape_wake(&tape, 1, service, STATE_WAIT_TIMER, NONE);
		tape_switch(&tape, 1, NONE, 0, service);
	}
	vec_each(&rec->events, event)
		event->excerpt = event->time_ns >= 300 * MS;
	gain = gain_of(rec, "cpu.quota", job, service);
	assert_saves(&gain, 0.35, 0.01);
	assert_int_equal(gain.excerpts, 2);
	recording_free(rec);
}

/* 1 ms of running, half of it spinning for a lock of the kernel, then 3 ms asleep for it. */
static void who_does_not_sleep_for_a_kernel_lock_spins(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t a = host_process(rec, "a");
	struct tape tape = tape_begin(rec, 100);
	struct replay_gain gain;

	(void)state;
	tape_runs(&tape, 0, a);
	tape_runs(&tape, 1, NONE);
	for (int i = 0; i < 25; i++) {
		tape.at += MS;
		tape_switch(&tape, 0, a, STATE_WAIT_LOCK_KERNEL, NONE);
		tape.at += 3 * MS;
		tape_wake(&tape, 0, a, STATE_WAIT_LOCK_KERNEL, NONE);
		tape_switch(&tape, 0, NONE, 0, a);
	}
	host_sample_kernel(rec, a, "copy", "write", 1000);
	host_sample_kernel(rec, a, "rwsem_spin_on_owner", "rwsem_down_write_slowpath", 1000);
	gain = gain_of(rec, "lock.kernel", a, a);
	assert_saves(&gain, 3.5 / 4, 0.02);
	recording_free(rec);
}

/* Of a thread's waits for another, ended 10, 20, 30 and 40 ms after the begin, every other goes. */
static void a_share_of_the_waits(void **state)
{
	struct recording *rec = host_new(0);
	struct replay_trace trace = {.cpus = 2, .groups = 1, .root = 0};
	struct replay_change changes[2] = {REPLAY_UNCHANGED, REPLAY_UNCHANGED};
	struct replay_scheduler scheduler = {3 * MS, true};
	uint64_t done[2], budget = 1000;

	(void)state;
	for (uint32_t i = 0; i < 2; i++)
		vec_push(&trace.threads,
			 (struct replay_thread){.thread = host_process(rec, i ? "b" : "a"),
						.cpu = i,
						.start = i ? START_READY : START_BLOCKED});
	for (uint32_t i = 0; i < 4; i++) {
		vec_push(&trace.threads.at[0].steps,
			 (struct replay_step){.kind = STEP_WAIT, .state = STATE_WAIT_RECLAIM});
		vec_push(&trace.threads.at[0].steps,
			 (struct replay_step){.kind = STEP_RUN, .ns = MS});
		vec_push(&trace.threads.at[1].steps,
			 (struct replay_step){.kind = STEP_RUN, .ns = 10 * MS});
		vec_push(&trace.threads.at[1].steps,
			 (struct replay_step){.kind = STEP_WAKE, .thread = 0, .step = 2 * i});
	}
	assert_true(replay_run(&trace, rec, &scheduler, changes, done, &budget));
	assert_int_equal(done[0], 41 * MS);
	changes[0].spared[STATE_WAIT_RECLAIM] = 0.5;
	assert_true(replay_run(&trace, rec, &scheduler, changes, done, &budget));
	/* It waits until 10 ms, works for 2, waits until 30, works for 2. */
	assert_int_equal(done[0], 32 * MS);
	replay_trace_free(&trace);
	recording_free(rec);
}

/* 1 ms of work, 2 ms of reading, 2 ms of writing: 40 % each, and 80 % together. */
static void causes_are_shrunk_together(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t thread = host_process(rec, "a");
	struct tape tape = tape_begin(rec, 100);
	const struct bottleneck *findings[2];
	struct bottleneck rows[2] = {};
	struct replay_gain gain;
	struct replay *replay;
	struct analysis a;

	(void)state;
	tape_disk(&tape, thread);
	a = analysis_of(rec);
	for (int i = 0; i < 2; i++) {
		rows[i] = (struct bottleneck){.id = i ? "disk.sync-writes" : "disk.read-latency",
					      .removable = 1,
					      .impact = {.share = 0.4, .low = 0.4, .high = 0.4},
					      .subject = group_at(&a, thread),
					      .group = group_at(&a, thread)};
		findings[i] = &rows[i];
	}
	replay = replays_new(&a);
	for (int i = 0; i < 2; i++) {
		gain = replays_gain(replay, findings[i]);
		assert_saves(&gain, 0.4, 0.01);
	}
	gain = replays_gain_together(replay, findings, 2, rows[0].group);
	assert_saves(&gain, 0.8, 0.01);
	replays_free(replay);
	analysis_done(&a);
	recording_free(rec);
}

/*
 * On one CPU a service works, and another thread takes every fourth millisecond to look for work
 * and yield. Without it the service needs 3 ms of 4; the other does nothing that could be faster.
 */
static void to_look_and_yield_is_no_work(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t works = host_process(rec, "a"), looks = host_process(rec, "b");
	struct tape tape = tape_begin(rec, 96);
	struct replay_gain gain;

	(void)state;
	tape_runs(&tape, 0, works);
	for (int i = 0; i < 24; i++) {
		tape.at += 3 * MS;
		tape_switch(&tape, 0, works, STATE_READY_PREEMPTED, looks);
		tape.at += MS;
		tape_switch(&tape, 0, looks, STATE_READY_PREEMPTED, works);
		rec->events.at[rec->events.len - 1].yielded = true;
	}
	gain = gain_of(rec, "cpu.spin", looks, works);
	assert_saves(&gain, 0.25, 0.03);
	gain = gain_of(rec, "cpu.spin", looks, looks);
	assert_non_null(gain.why);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_wait_ends_when_its_holder_is_done),
		cmocka_unit_test(waits_that_the_excerpt_cuts),
		cmocka_unit_test(waits_throughout),
		cmocka_unit_test(excerpts_count_alike),
		cmocka_unit_test(who_does_not_sleep_for_a_kernel_lock_spins),
		cmocka_unit_test(a_share_of_the_waits),
		cmocka_unit_test(causes_are_shrunk_together),
		cmocka_unit_test(to_look_and_yield_is_no_work),
	};

	return cmocka_run_group_tests_name("replay_waits", tests, NULL, NULL);
}
