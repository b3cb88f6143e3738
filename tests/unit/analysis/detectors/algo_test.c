/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on which threads ask the kernel again and again, or sleep for no time at all. */
#include "analysis/report.h"
#include "analysis/stacks.h"

#define ENTRY "[k]__x64_sys_epoll_wait [k]do_syscall_64 [k]entry_SYSCALL_64_after_hwframe"

/*
 * A service that runs all the time: 600 of 1000 samples ask, 100 are the loop itself, 300 work.
 * `vain` of a million calls find nothing.
 */
static struct recording *host_asking(uint64_t vain, uint64_t ns)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_program(rec, "service");

	host_spend(rec, thread, STATE_RUN_USER, 0.4);
	host_spend(rec, thread, STATE_RUN_KERNEL, 0.6);
	host_count(rec, thread, "syscall.count", "epoll_wait", 1000000);
	host_count(rec, thread, "syscall.empty", "epoll_wait", vain);
	host_count(rec, thread, "syscall.ns", "epoll_wait", ns);
	sample_of(rec, SAMPLE_CPU, thread,
		  "[k]do_epoll_wait " ENTRY " libc:epoll_wait take_message loop", 400, 1);
	/* The entry that all calls share, and the wrapper. */
	sample_of(rec, SAMPLE_CPU, thread,
		  "[k]do_syscall_64 [k]entry_SYSCALL_64_after_hwframe libc:epoll_wait "
		  "take_message loop",
		  150, 1);
	sample_of(rec, SAMPLE_CPU, thread, "libc:epoll_wait take_message loop", 50, 1);
	sample_of(rec, SAMPLE_CPU, thread, "take_message loop", 100, 1);
	sample_of(rec, SAMPLE_CPU, thread, "handle loop", 200, 1);
	sample_of(rec, SAMPLE_CPU, thread, "libc:memcpy handle loop", 100, 1);
	return rec;
}

static void asking_in_vain_is_the_code_around_the_call(void **state)
{
	struct recording *rec = host_asking(990000, 1000000000);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "algo.busy-poll");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.process, "service");
	assert_string_equal(found->where.function, "take_message");
	assert_non_null(strstr(found->title, "epoll_wait"));
	/* 600 samples ask and 100 are the loop: 7 of 10 s of a window of 10 s. */
	assert_near(found->impact.share, 0.7, 0.001);
	assert_true(found->impact.low < 0.6 && found->impact.low > 0.55);
	assert_string_equal(found->evidence.at[0].unit, "calls/s");
	assert_near(found->evidence.at[0].value, 99000, 1);
	assert_int_equal(found->severity, SEVERITY_CRITICAL);
	document_free(doc);
}

static void a_loop_that_finds_work_does_not_poll(void **state)
{
	struct recording *rec;

	(void)state;
	/* Half of the calls bring something. */
	assert_silent(host_asking(500000, 1000000000), "algo.busy-poll");
	/* They wait 1 ms each before they come back empty: time-outs. */
	assert_silent(host_asking(990000, 1000000 * 1000000ULL), "algo.busy-poll");
	/* The thread sleeps between two questions. */
	rec = host_asking(990000, 1000000000);
	sample_of(rec, SAMPLE_IDLE, 0, "[k]do_nanosleep libc:usleep loop", 500000, SECOND);
	assert_silent(rec, "algo.busy-poll");
}

/* Work between two questions, in the function that asks, is not what asking costs. */
static void work_between_questions_is_work(void **state)
{
	struct recording *rec = host_asking(990000, 1000000000);
	struct document *doc;
	const struct bottleneck *found;

	(void)state;
	sample_of(rec, SAMPLE_CPU, 0, "take_message loop", 1000, 1);
	doc = host_report(rec);
	found = finding_of(doc, "algo.busy-poll");
	assert_non_null(found);
	/* 600 of 2000. */
	assert_near(found->impact.share, 0.3, 0.001);
	document_free(doc);
}

/* Reads that fail with EAGAIN; another call of the same function is work. */
static void reads_that_fail_poll_too(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_program(rec, "service");
	const struct bottleneck *found;
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_KERNEL, 1);
	host_count(rec, thread, "syscall.count", "read", 1000000);
	host_count(rec, thread, "syscall.again", "read", 999000);
	host_count(rec, thread, "syscall.ns", "read", 500000000);
	/* A futex that is taken at once fails so, too: no question. */
	host_count(rec, thread, "syscall.count", "futex", 1000000);
	host_count(rec, thread, "syscall.again", "futex", 1000000);
	sample_of(rec, SAMPLE_CPU, thread,
		  "[k]pipe_read [k]vfs_read [k]ksys_read [k]do_syscall_64 libc:read take_message",
		  500, 1);
	sample_of(rec, SAMPLE_CPU, thread,
		  "[k]pipe_write [k]vfs_write [k]ksys_write [k]do_syscall_64 libc:write "
		  "take_message",
		  500, 1);
	doc = host_report(rec);
	found = finding_of(doc, "algo.busy-poll");
	assert_non_null(found);
	assert_null(strstr(found->title, "futex"));
	assert_near(found->impact.share, 0.5, 0.001);
	document_free(doc);
}

/* ---- timers ---- */

#define NAP "[k]do_nanosleep [k]hrtimer_nanosleep [k]__x64_sys_clock_nanosleep libc:usleep nap loop"

/* A thread that sleeps `waits` times in 10 s and runs a quarter of the time. */
static struct recording *host_napping(uint64_t waits, const char *stack)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_program(rec, "service");

	host_spend(rec, thread, STATE_RUN_KERNEL, 0.25);
	host_spend(rec, thread, STATE_WAIT_TIMER, 0.75);
	host_count(rec, thread, "syscall.count", "clock_nanosleep", waits);
	sample_of(rec, SAMPLE_IDLE, thread, stack, waits, (uint64_t)(7.5 * SECOND));
	sample_of(rec, SAMPLE_CPU, thread, stack, 150, 1);
	sample_of(rec, SAMPLE_CPU, thread, "nap loop", 50, 1);
	sample_of(rec, SAMPLE_CPU, thread, "work loop", 50, 1);
	return rec;
}

static void short_sleeps_cost_what_surrounds_them(void **state)
{
	struct recording *rec = host_napping(100000, NAP);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "algo.timer-churn");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.function, "nap");
	/* 200 of 250 samples of 2.5 s, in a window of 10 s. */
	assert_near(found->impact.share, 0.2, 0.001);
	assert_string_equal(found->evidence.at[0].unit, "waits/s");
	assert_near(found->evidence.at[0].value, 10000, 1);
	/* 2.5 s between 100,000 waits. */
	assert_string_equal(found->evidence.at[2].unit, "us");
	assert_near(found->evidence.at[2].value, 25, 0.01);
	document_free(doc);
}

static void clocks_and_workers_do_not_churn(void **state)
{
	(void)state;
	/* 500 times a second. */
	assert_silent(host_napping(5000, NAP), "algo.timer-churn");
	/* 1,500 times a second, 167 us of work each time. */
	assert_silent(host_napping(15000, NAP), "algo.timer-churn");
}

/* A computing thread that pauses now and then is no part of it, whoever its siblings are. */
static void threads_that_work_are_left_out(void **state)
{
	struct recording *rec = host_napping(100000, NAP);
	uint32_t worker = host_thread(rec, 0);
	const struct bottleneck *found;
	struct document *doc;

	(void)state;
	host_spend(rec, worker, STATE_RUN_USER, 0.9);
	host_spend(rec, worker, STATE_WAIT_TIMER, 0.1);
	host_count(rec, worker, "syscall.count", "clock_nanosleep", 12000);
	sample_of(rec, SAMPLE_IDLE, worker, "[k]do_nanosleep libc:usleep compute", 12000, SECOND);
	sample_of(rec, SAMPLE_CPU, worker, "compute", 900, 1);
	doc = host_report(rec);
	found = finding_of(doc, "algo.timer-churn");
	assert_non_null(found);
	assert_string_equal(found->where.function, "nap");
	assert_string_equal(found->evidence.at[1].unit, "threads");
	assert_near(found->evidence.at[1].value, 1, 0.1);
	/* 200 of 1150 samples of 11.5 s. */
	assert_near(found->impact.share, 2.0 / 11.5, 0.001);
	document_free(doc);
}

/* Of 2 s that threads wait for a CPU, those that churn wait 1.5 s: that is churn, too. */
static void waiting_to_look_is_churn(void **state)
{
	struct recording *rec = host_napping(100000, NAP);
	uint32_t worker = host_thread(rec, 0);
	const struct bottleneck *found;
	struct document *doc;

	(void)state;
	host_spend(rec, 0, STATE_READY_WOKEN, 0.15);
	host_spend(rec, worker, STATE_RUN_USER, 0.25);
	host_spend(rec, worker, STATE_READY_WOKEN, 0.05);
	host_edge(rec, EDGE_CULPRIT, 0, 0, 1.5);
	host_edge(rec, EDGE_CULPRIT, worker, 0, 0.5);
	sample_of(rec, SAMPLE_CPU, worker, "compute", 250, 1);
	doc = host_report(rec);
	found = finding_of(doc, "algo.timer-churn");
	assert_non_null(found);
	/* 200 of 500 samples of 5 s run; 1.5 s, and as much of the other 0.5 s; in 10 s. */
	assert_near(found->impact.share, (2 + 1.5 + 0.2) / 10, 0.002);
	/* What is won is 0.4 of the time. */
	assert_true(doc->steps.len > 0);
	assert_near(found->removable * found->impact.share, 0.4 * 7 / 10, 0.002);
	document_free(doc);
}

/* Waits in poll: events end them, or their time is over. */
static void only_time_outs_of_poll_are_timers(void **state)
{
	static const char *const wait =
		"[k]ep_poll [k]do_epoll_wait [k]__x64_sys_epoll_wait libc:epoll_wait nap loop";
	struct recording *rec = host_napping(100000, wait);
	struct document *doc;

	(void)state;
	host_count(rec, 0, "syscall.count", "epoll_wait", 100000);
	assert_silent(rec, "algo.timer-churn");
	rec = host_napping(100000, wait);
	host_count(rec, 0, "syscall.count", "epoll_wait", 100000);
	host_count(rec, 0, "syscall.expired", "epoll_wait", 99000);
	doc = host_report(rec);
	assert_non_null(finding_of(doc, "algo.timer-churn"));
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asking_in_vain_is_the_code_around_the_call),
		cmocka_unit_test(a_loop_that_finds_work_does_not_poll),
		cmocka_unit_test(work_between_questions_is_work),
		cmocka_unit_test(reads_that_fail_poll_too),
		cmocka_unit_test(short_sleeps_cost_what_surrounds_them),
		cmocka_unit_test(clocks_and_workers_do_not_churn),
		cmocka_unit_test(threads_that_work_are_left_out),
		cmocka_unit_test(waiting_to_look_is_churn),
		cmocka_unit_test(only_time_outs_of_poll_are_timers),
	};

	return cmocka_run_group_tests_name("analysis/detectors/algo", tests, NULL, NULL);
}
