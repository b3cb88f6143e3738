/* SPDX-License-Identifier: BSD-2-Clause */
/* A service of many threads, of which an event wakes one, or all. */
#include "analysis/report.h"
#include "analysis/stacks.h"

#define THREADS 8
#define WAKEUPS 100000

/* `locks`: how many of the wakeups are for a mutex. */
static struct recording *host_of(uint64_t futile, uint64_t locks)
{
	struct recording *rec = host_new(0.2);
	uint32_t client = host_process(rec, "client"), thread = host_process(rec, "service");
	uint32_t stack;

	host_spend(rec, client, STATE_RUN_KERNEL, 0.2);
	host_spend(rec, client, STATE_WAIT_LOCAL, 0.8);
	/* Half of the client's time it wakes others. */
	stack = stack_make(rec, "try_to_wake_up ep_poll_callback __wake_up_common connect",
			   "/bin/client", "connect ask");
	recording_sample(rec, SAMPLE_CPU, client, stack, 500, 5 * SECOND);
	stack = stack_make(rec, "", "/bin/client", "ask");
	recording_sample(rec, SAMPLE_CPU, client, stack, 500, 5 * SECOND);
	stack = stack_make(rec, "__schedule schedule do_epoll_wait", "/bin/service",
			   "epoll_wait next_one thread_run");
	for (int i = 0; i < THREADS; i++) {
		if (i)
			thread = host_thread(rec, thread);
		host_spend(rec, thread, STATE_RUN_KERNEL, 0.1);
		host_spend(rec, thread, STATE_READY_WOKEN, 0.5);
		host_spend(rec, thread, STATE_WAIT_POLL, 0.4);
		recording_sample(rec, SAMPLE_IDLE, thread, stack, WAKEUPS / THREADS, 4 * SECOND);
		recording_edge(rec, EDGE_WAKER, thread, rec->threads.at[client].process,
			       WAKEUPS / THREADS, 4 * SECOND);
	}
	stack = stack_make(rec, "__schedule schedule futex_wait", "/bin/service",
			   "lock next_one thread_run");
	recording_sample(rec, SAMPLE_LOCK, thread, stack, locks, locks * 1000);
	host_count(rec, thread, "sched.wakeups", "", WAKEUPS);
	host_count(rec, thread, "sched.crowd_wakeups", "", futile + 1000);
	host_count(rec, thread, "sched.futile_wakeups", "", futile);
	host_count(rec, thread, "sched.futile_ns", "", futile * 20000);
	return rec;
}

static void all_are_woken_for_what_one_does(void **state)
{
	struct document *doc = host_report(host_of(80000, 0));
	const struct bottleneck *found = finding_of(doc, "algo.thundering-herd");

	(void)state;
	assert_non_null(found);
	assert_int_equal(found->rank, 1);
	assert_string_equal(found->where.process, "service");
	assert_non_null(found->where.function);
	assert_near(evidence_of(found, "of all wakeups but those for a mutex"), 80, 0.01);
	assert_near(evidence_of(found, "CPU time of one that was for nothing"), 20, 0.01);
	assert_near(evidence_of(found, "threads that wait there"), THREADS, 0.01);
	assert_string_equal(found->chain.at[0].where.process, "client");
	/*
	 * 1.6 s run for nothing, 0.8 of the 40 s in which they waited for a CPU, and 0.8 of what
	 * the client took to wake them, a little less than 1 s; of 50 s.
	 */
	assert_near(found->impact.share, (1.6 + 32 + 0.75) / 50, 0.003);
	/* What they wanted of the CPUs was for nothing, too. */
	assert_null(finding_of(doc, "cpu.saturated"));
	document_free(doc);
}

static void a_few_are_no_herd(void **state)
{
	(void)state;
	assert_silent(host_of(30000, 0), "algo.thundering-herd");
}

/* A broadcast: each of the crowd meets the others at the mutex, and is woken once more. */
static void wakeups_for_the_mutex_do_not_count(void **state)
{
	struct document *doc = host_report(host_of(30000, 60000));
	const struct bottleneck *found = finding_of(doc, "algo.thundering-herd");

	(void)state;
	assert_non_null(found);
	assert_near(evidence_of(found, "of all wakeups but those for a mutex"), 75, 0.01);
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_woken_for_what_one_does),
		cmocka_unit_test(a_few_are_no_herd),
		cmocka_unit_test(wakeups_for_the_mutex_do_not_count),
	};

	return cmocka_run_group_tests_name("analysis/detectors/algo_thundering_herd", tests, NULL,
					   NULL);
}
