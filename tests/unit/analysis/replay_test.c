/* SPDX-License-Identifier: BSD-2-Clause */
/* Schedules that were made, so that what a fix would save is known. */
#include "analysis/replay_run.h"
#include "analysis/stats.h"
#include "analysis/tape.h"

/* ---- the run queues ---- */

/* Threads that only compute, `ms` each: when the first and the last are done. */
static void compute(struct recording *rec, uint32_t cpus, const uint32_t *threads,
		    const uint64_t *ms, size_t n, uint64_t *done)
{
	struct replay_scheduler scheduler = {3 * MS, true};
	/* One more that is off line. */
	struct replay_trace trace = {.cpus = cpus + 1, .groups = 1, .root = 0};
	struct replay_change *changes = calloc(n, sizeof(*changes));
	uint64_t budget = 100000;

	assert_non_null(changes);
	trace.absent[cpus] = true;
	for (size_t i = 0; i < n; i++) {
		struct replay_thread *thread = vec_extend(&trace.threads, 1);

		thread->thread = threads[i];
		thread->start = START_READY;
		vec_push(&thread->steps, (struct replay_step){.kind = STEP_RUN, .ns = ms[i] * MS});
		changes[i] = REPLAY_UNCHANGED;
	}
	assert_true(replay_run(&trace, rec, &scheduler, changes, done, &budget));
	/* Within what is left of a budget, or not at all. */
	budget = 2;
	assert_false(replay_run(&trace, rec, &scheduler, changes, done, &budget));
	assert_int_equal(budget, 0);
	budget = 100000;
	assert_true(replay_run(&trace, rec, &scheduler, changes, done, &budget));
	replay_trace_free(&trace);
	free(changes);
}

static void three_threads_share_two_cpus(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t first = host_process(rec, "a"),
		 threads[3] = {first, host_thread(rec, first), host_thread(rec, first)};
	uint64_t done[3], ms[3] = {200, 200, 200}, last = 0;

	(void)state;
	compute(rec, 2, threads, ms, 3, done);
	for (int i = 0; i < 3; i++) {
		last = done[i] > last ? done[i] : last;
		/* Two thirds of a CPU each: none is favoured by more than a few turns. */
		assert_in_range(done[i], 240 * MS, 330 * MS);
	}
	/* No CPU idles while two threads can run, so only the last few turns are alone. */
	assert_in_range(last, 300 * MS, 330 * MS);
	recording_free(rec);
}

static void weights_and_priorities(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t threads[2] = {host_process(rec, "a"), host_process(rec, "b")};
	uint64_t done[2], ms[2] = {100, 100};

	(void)state;
	/* Five levels are a factor of 3: when one has its 100 ms, the other has 33. */
	rec->threads.at[threads[1]].nice = 5;
	compute(rec, 1, threads, ms, 2, done);
	assert_near((double)done[0] / MS, 133, 10);
	assert_int_equal(done[1], 200 * MS);
	rec->threads.at[threads[1]].policy = 1; /* SCHED_FIFO */
	rec->threads.at[threads[1]].realtime_priority = 1;
	compute(rec, 1, threads, ms, 2, done);
	assert_int_equal(done[1], 100 * MS);
	assert_int_equal(done[0], 200 * MS);
	recording_free(rec);
}

static void pinned_threads_stay(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t threads[3] = {host_process(rec, "a"), host_process(rec, "b"),
			       host_process(rec, "c")};
	uint64_t done[3], ms[3] = {50, 50, 20};

	(void)state;
	for (int i = 0; i < 2; i++) {
		rec->threads.at[threads[i]].cpus_allowed = 1;
		rec->threads.at[threads[i]].cpu_mask[0] = 1;
	}
	compute(rec, 2, threads, ms, 3, done);
	assert_int_equal(done[0] > done[1] ? done[0] : done[1], 100 * MS);
	assert_int_equal(done[2], 20 * MS);
	recording_free(rec);
}

/* ---- causes ---- */

/*
 * Two threads on two CPUs; each works 1 ms, nearly all of it under one mutex: they take turns.
 * Without the mutex both run all the time: half of the time is saved.
 */
static void without_the_mutex_both_run(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t a = host_process(rec, "a"), b = host_thread(rec, a);
	struct tape tape = tape_begin(rec, 100);

	(void)state;
	tape_runs(&tape, 0, a);
	tape_runs(&tape, 1, NONE);
	for (int i = 0; i < 50; i++) {
		uint32_t cpu = i % 2, runs = cpu ? b : a, waits = cpu ? a : b;

		tape.at += MS;
		tape_add(&tape, EVENT_WAKE, cpu, waits, runs, STATE_WAIT_LOCK_USER, true);
		tape_add(&tape, EVENT_SWITCH, cpu, runs, NONE, STATE_WAIT_LOCK_USER, true);
		tape_switch(&tape, !cpu, NONE, 0, waits);
	}
	rec->excerpts.at[0].end_ns = tape.at;
	struct replay_gain gain = gain_of(rec, "lock.user", a, a);

	assert_saves(&gain, 0.5, 0.03);
	assert_near(gain.off, 0, 0.02);
	recording_free(rec);
}

/* 1 ms of work, 3 ms until the disk has it. */
static struct recording *disk_writer(uint32_t *thread)
{
	struct recording *rec = host_new(0.8);
	uint32_t a = *thread = host_process(rec, "a");
	struct tape tape = tape_begin(rec, 100);

	tape_runs(&tape, 0, a);
	tape_runs(&tape, 1, NONE);
	for (int i = 0; i < 25; i++) {
		tape.at += MS;
		tape_switch(&tape, 0, a, STATE_WAIT_DISK_WRITE, NONE);
		tape.at += 3 * MS;
		tape_wake(&tape, 0, a, STATE_WAIT_DISK_WRITE, NONE);
		tape_switch(&tape, 0, NONE, 0, a);
	}
	return rec;
}

static void without_the_disk(void **state)
{
	uint32_t a;
	struct recording *rec = disk_writer(&a);
	struct replay_gain gain = gain_of(rec, "disk.sync-writes", a, a);

	(void)state;
	assert_saves(&gain, 0.75, 0.02);
	gain = gain_of(rec, "disk.read-latency", a, a);
	assert_saves(&gain, 0, 0);
	recording_free(rec);
}

/* Half of the work is asking the disk: it goes with the requests. */
static void what_requests_cost_goes_with_them(void **state)
{
	uint32_t a;
	struct recording *rec = disk_writer(&a);
	struct replay_gain gain;

	(void)state;
	host_sample(rec, a, "work", 1000, false);
	host_sample_kernel(rec, a, "iowrite16", "blk_mq_dispatch_rq_list", 1000);
	gain = gain_of(rec, "disk.sync-writes", a, a);
	assert_saves(&gain, 3.5 / 4, 0.02);
	recording_free(rec);
}

/* A client works 1 ms, then waits for its server, which works 3 ms, half of it in one function. */
static struct recording *server_and_client(uint32_t *client, uint32_t *server)
{
	struct recording *rec = host_new(0.5);
	struct tape tape = tape_begin(rec, 100);
	uint32_t c = *client = host_process(rec, "client");
	uint32_t s = *server = host_process(rec, "server");

	tape_runs(&tape, 0, c);
	tape_runs(&tape, 1, NONE);
	for (int i = 0; i < 25; i++) {
		tape.at += MS;
		tape_wake(&tape, 0, s, STATE_WAIT_POLL, c);
		tape_switch(&tape, 1, NONE, 0, s);
		tape_switch(&tape, 0, c, STATE_WAIT_LOCAL, NONE);
		tape.at += 3 * MS;
		tape_wake(&tape, 1, c, STATE_WAIT_LOCAL, s);
		tape_switch(&tape, 0, NONE, 0, c);
		tape_switch(&tape, 1, s, STATE_WAIT_POLL, NONE);
	}
	host_sample(rec, s, "hot", 1000, false);
	host_sample(rec, s, "other", 1000, false);
	return rec;
}

static void a_faster_server_makes_its_client_faster(void **state)
{
	uint32_t client, server;
	struct recording *rec = server_and_client(&client, &server);
	struct replay_gain gain = gain_of(rec, "cpu.hot-function", server, client);

	(void)state;
	assert_saves(&gain, 1.5 / 4, 0.02);
	gain = gain_of(rec, "cpu.antagonist", server, client);
	assert_saves(&gain, 0.75, 0.02);
	recording_free(rec);
}

/* 10 ms of work, then 30 ms without quota, then its turn again. */
static void without_the_quota(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t a = host_process(rec, "a");
	struct tape tape = tape_begin(rec, 200);
	struct replay_gain gain;

	(void)state;
	tape_runs(&tape, 0, a);
	tape_runs(&tape, 1, NONE);
	for (int i = 0; i < 5; i++) {
		tape.at += 10 * MS;
		tape_switch(&tape, 0, a, STATE_READY_THROTTLED, NONE);
		tape.at += 30 * MS;
		tape_switch(&tape, 0, NONE, 0, a);
	}
	gain = gain_of(rec, "cpu.quota", a, a);
	assert_saves(&gain, 0.75, 0.02);
	recording_free(rec);
}

/* One of two threads spins on one CPU: the other has it every other turn. */
static void without_the_spinning(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t works = host_process(rec, "a"), spins = host_thread(rec, works);
	struct tape tape = tape_begin(rec, 96);
	struct replay_gain gain;

	(void)state;
	tape_runs(&tape, 0, works);
	for (int i = 0; i < 32; i++) {
		tape.at += 3 * MS;
		tape_switch(&tape, 0, i % 2 ? spins : works, STATE_READY_PREEMPTED,
			    i % 2 ? works : spins);
	}
	host_sample(rec, works, "work", 1000, false);
	host_sample(rec, spins, "wait", 1000, true);
	gain = gain_of(rec, "cpu.spin", works, works);
	assert_saves(&gain, 0.5, 0.05);
	recording_free(rec);
}

/* ---- what cannot be replayed ---- */

static void no_gain_without_a_schedule(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t a = host_process(rec, "a");
	struct replay_gain gain = gain_of(rec, "cpu.quota", a, a);

	(void)state;
	assert_non_null(gain.why);
	assert_non_null(strstr(gain.why, "no excerpts"));
	recording_free(rec);
}

static void no_gain_for_a_cause_that_is_not_in_it(void **state)
{
	uint32_t client, server;
	struct recording *rec = server_and_client(&client, &server);
	struct replay_gain gain = gain_of(rec, "net.retransmits", server, client);

	(void)state;
	assert_non_null(gain.why);
	assert_non_null(strstr(gain.why, "cannot be taken out"));
	recording_free(rec);
}

/* A thread that is ready for long while its CPU is idle: whatever held it, the replay does not. */
static void no_gain_from_a_replay_that_is_off(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t a = host_process(rec, "a");
	struct tape tape = tape_begin(rec, 120);
	struct replay_gain gain;

	(void)state;
	tape_runs(&tape, 0, a);
	tape_runs(&tape, 1, NONE);
	for (int i = 0; i < 3; i++) {
		tape.at += 10 * MS;
		tape_switch(&tape, 0, a, STATE_WAIT_DISK_WRITE, NONE);
		tape.at += MS;
		tape_wake(&tape, 0, a, STATE_WAIT_DISK_WRITE, NONE);
		tape.at += 20 * MS;
		tape_switch(&tape, 0, NONE, 0, a);
	}
	gain = gain_of(rec, "disk.sync-writes", a, a);
	assert_non_null(gain.why);
	assert_non_null(strstr(gain.why, "does not reproduce"));
	recording_free(rec);
}

/* Events in any order and of any kind: every replay ends, and says a share or why not. */
static void any_events(void **state)
{
	static const char *const ids[] = {"lock.user",         "cpu.spin",
					  "cpu.quota",         "cpu.antagonist",
					  "disk.read-latency", "cpu.realtime-hog"};
	struct random random = random_seed(11);

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct recording *rec = host_new(0.5);
		uint32_t threads = 1 + (uint32_t)random_below(&random, 6);
		uint32_t first = host_process(rec, "a");
		struct tape tape = tape_begin(rec, 30);
		struct replay_gain gain;

		for (uint32_t i = 1; i < threads; i++)
			host_thread(rec, first);
		rec->threads.at[threads - 1].policy = (uint32_t)random_below(&random, 6);
		rec->threads.at[threads - 1].nice = (int32_t)random_below(&random, 40) - 20;
		rec->threads.at[threads - 1].cpu_mask[0] = random_below(&random, 4);
		rec->threads.at[threads - 1].cpus_allowed = 1;
		for (int i = 0; i < 400; i++) {
			uint64_t who = random_below(&random, threads + 1),
				 other = random_below(&random, threads + 1);

			tape.at = random_below(&random, 31 * MS);
			tape_add(&tape, (enum event_kind)(i < 4 ? 0 : random_below(&random, 3)),
				 i < 4 ? (uint32_t)i : (uint32_t)random_below(&random, 4),
				 who == threads ? NONE : (uint32_t)who,
				 other == threads ? NONE : (uint32_t)other,
				 (enum thread_state)random_below(&random, STATE_COUNT),
				 random_below(&random, 2));
			rec->events.at[rec->events.len - 1].sched_group =
				(uint32_t)random_below(&random, 3);
			rec->events.at[rec->events.len - 1].yielded = random_below(&random, 2);
		}
		for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
			gain = gain_of(rec, ids[i], first, first);
			if (!gain.why)
				assert_true(gain.low >= 0 && gain.low <= gain.saved &&
					    gain.saved <= gain.high && gain.high <= 1);
		}
		recording_free(rec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_threads_share_two_cpus),
		cmocka_unit_test(weights_and_priorities),
		cmocka_unit_test(pinned_threads_stay),
		cmocka_unit_test(without_the_mutex_both_run),
		cmocka_unit_test(without_the_disk),
		cmocka_unit_test(what_requests_cost_goes_with_them),
		cmocka_unit_test(a_faster_server_makes_its_client_faster),
		cmocka_unit_test(without_the_quota),
		cmocka_unit_test(without_the_spinning),
		cmocka_unit_test(no_gain_without_a_schedule),
		cmocka_unit_test(no_gain_for_a_cause_that_is_not_in_it),
		cmocka_unit_test(no_gain_from_a_replay_that_is_off),
		cmocka_unit_test(any_events),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
