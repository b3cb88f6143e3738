/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on which threads take turns: under an interpreter's lock, or under one of the kernel. */
#include "analysis/report.h"
#include "analysis/stacks.h"

#define THREADS 4
#define FUTEX   "[k]schedule [k]futex_wait [k]do_futex "
#define TURN    FUTEX "libc:pthread_cond_timedwait take_turn run"

/* How the threads of a process wait. */
struct waiting {
	double run;          /* of each thread, share of the time */
	const char *stack;   /* where */
	bool mutex;          /* for a mutex that another holds */
	uint32_t expired;    /* of 100 long waits of each */
	uint64_t by_sibling; /* of 2000 waits of each */
};

static const struct waiting turns = {.run = 0.25, .stack = TURN, .expired = 80, .by_sibling = 400};

/* Four threads that run and wait, on a host of two CPUs of which one is idle. */
static struct recording *host_of_turns(const struct waiting *how)
{
	struct recording *rec = host_new(0.5);
	uint32_t first = host_program(rec, "service"), stack = stack_of(rec, how->stack);
	uint64_t waited = (uint64_t)((1 - how->run) * SLICES * SECOND);

	for (uint32_t i = 0; i < THREADS; i++) {
		uint32_t thread = i ? host_thread(rec, first) : first;

		host_spend(rec, thread, STATE_RUN_USER, how->run);
		host_spend(rec, thread, STATE_WAIT_LOCK_USER, 1 - how->run);
		recording_sample(rec, SAMPLE_OFFCPU, thread, stack, 2000, waited);
		if (how->mutex)
			recording_sample(rec, SAMPLE_LOCK, thread, stack, 2000, waited);
		for (uint32_t n = 0; n < 100; n++)
			recording_wait(rec, &(struct wait){.thread = thread,
							   .stack = stack,
							   .waker = n < how->expired ? NONE : first,
							   .waker_stack = NONE,
							   .state = STATE_WAIT_LOCK_USER,
							   .syscall = 202,
							   .begin_ns = n * 10000000ULL,
							   .end_ns = n * 10000000ULL + 5000000});
		recording_edge(rec, EDGE_WAKER, thread, rec->threads.at[first].process,
			       how->by_sibling, SECOND);
	}
	return rec;
}

static void turns_are_held_back_by_their_lock(void **state)
{
	struct recording *rec = host_of_turns(&turns);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "lock.interpreter");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.process, "service");
	assert_string_equal(found->where.function, "take_turn");
	/* Three wait at any time, but there is one idle CPU: 1 of 1 + 1. */
	assert_near(found->impact.share, 0.5, 0.005);
	assert_int_equal(found->severity, SEVERITY_CRITICAL);
	assert_near(found->evidence.at[0].value, THREADS, 0.1);
	assert_near(found->evidence.at[1].value, 1, 0.01);
	assert_true(doc->steps.len > 0);
	assert_near(doc->steps.at[0].predicted.saved_share, 0.5, 0.01);
	/* It is no mutex. */
	assert_null(finding_of(doc, "lock.user"));
	document_free(doc);
}

static void other_waiting_is_no_turn(void **state)
{
	struct waiting how = turns;

	(void)state;
	/* A convoy at a mutex is lock.user's. */
	how.mutex = true;
	assert_silent(host_of_turns(&how), "lock.interpreter");
	/* Workers of a pool wait until there is a job, however long. */
	how = turns;
	how.expired = 0;
	assert_silent(host_of_turns(&how), "lock.interpreter");
	/* Workers that look for jobs now and then, while nobody gives them any. */
	how = turns;
	how.by_sibling = 0;
	assert_silent(host_of_turns(&how), "lock.interpreter");
	/* They are idle. */
	how = turns;
	how.run = 0.02;
	assert_silent(host_of_turns(&how), "lock.interpreter");
	/* They run side by side. */
	how = turns;
	how.run = 0.4;
	assert_silent(host_of_turns(&how), "lock.interpreter");
	/* Not for a futex: for the disk, say. */
	how = turns;
	how.stack = "[k]schedule [k]io_schedule libc:read take_turn run";
	assert_silent(host_of_turns(&how), "lock.interpreter");
}

/* Without a second CPU there is nothing to win. */
static void a_busy_host_holds_them_back_itself(void **state)
{
	struct recording *rec = host_of_turns(&turns);
	struct document *doc;

	(void)state;
	vec_each(&rec->points, point)
		point->value = 0;
	doc = host_report(rec);
	assert_null(finding_of(doc, "lock.interpreter"));
	document_free(doc);
}

/* ---- locks of the kernel ---- */

#define SAVE "libc:pwrite save run"
#define TAKE "[k]down_write [k]file_write [k]vfs_write [k]do_syscall_64 " SAVE

/* Two threads: half of their CPU time is spinning, and they sleep for `asleep` of the time. */
static struct recording *host_of_writers(double asleep)
{
	struct recording *rec = host_new(0);
	uint32_t thread = host_program(rec, "service");

	for (int i = 0; i < 2; i++) {
		thread = i ? host_thread(rec, thread) : thread;
		host_spend(rec, thread, STATE_RUN_KERNEL, 1 - asleep);
		host_spend(rec, thread, STATE_WAIT_LOCK_KERNEL, asleep);
		if (asleep > 0)
			sample_of(rec, SAMPLE_OFFCPU, thread,
				  "[k]schedule [k]rwsem_down_write_slowpath " TAKE, 1000,
				  (uint64_t)(asleep * SLICES * SECOND));
		sample_of(rec, SAMPLE_CPU, thread, "[k]osq_lock [k]rwsem_down_write_slowpath " TAKE,
			  500, 1000);
		sample_of(rec, SAMPLE_CPU, thread, "[k]file_write [k]vfs_write " SAVE, 500, 1000);
	}
	return rec;
}

static void sleeping_and_spinning_for_a_lock_count(void **state)
{
	struct recording *rec = host_of_writers(0.4);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "lock.kernel");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.function, "save");
	assert_string_equal(found->where.lock, "reader-writer semaphore of file_write");
	/* Asleep for 0.4 of the time, spinning for half of the other 0.6. */
	assert_near(found->impact.share, 0.7, 0.005);
	/* What they get done takes 0.6 of two CPUs, which are all used: half of that time is won.
	 */
	assert_true(doc->steps.len > 0);
	assert_near(doc->steps.at[0].predicted.saved_share, 0.5, 0.01);
	document_free(doc);
}

static void spinning_alone_is_enough(void **state)
{
	struct recording *rec = host_of_writers(0);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "lock.kernel");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.function, "save");
	assert_near(found->impact.share, 0.5, 0.005);
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_are_held_back_by_their_lock),
		cmocka_unit_test(other_waiting_is_no_turn),
		cmocka_unit_test(a_busy_host_holds_them_back_itself),
		cmocka_unit_test(sleeping_and_spinning_for_a_lock_count),
		cmocka_unit_test(spinning_alone_is_enough),
	};

	return cmocka_run_group_tests_name("analysis/detectors/turns", tests, NULL, NULL);
}
