/* SPDX-License-Identifier: BSD-2-Clause */
/* Two processes that wake each other: for nothing much, or with work in between. */
#include "analysis/report.h"
#include "analysis/stacks.h"

#define WAKES 200000 /* of each, in the window */

/* Of a second, each: own code, kernel code, waiting for the CPU once woken. */
struct party {
	double user, kernel, ready;
	uint64_t switching; /* of 100 CPU samples: in wakeups and switches */
};

static uint32_t party_make(struct recording *rec, const char *name, const struct party *party)
{
	uint32_t thread = host_process(rec, name), stack;

	host_spend(rec, thread, STATE_RUN_USER, party->user);
	host_spend(rec, thread, STATE_RUN_KERNEL, party->kernel);
	host_spend(rec, thread, STATE_READY_WOKEN, party->ready);
	host_spend(rec, thread, STATE_WAIT_LOCAL, 1 - party->user - party->kernel - party->ready);
	host_count(rec, thread, "sched.switches", "", WAKES);
	host_count(rec, thread, "sched.wakeups", "", WAKES);
	stack = stack_make(rec, "try_to_wake_up pipe_write vfs_write", "/bin/x", "write pass_on");
	recording_sample(rec, SAMPLE_CPU, thread, stack, party->switching / 2,
			 party->switching / 2 * 10000000);
	stack = stack_make(rec, "finish_task_switch.isra.0 __schedule pipe_read", "/bin/x",
			   "read take");
	recording_sample(rec, SAMPLE_CPU, thread, stack, party->switching - party->switching / 2,
			 party->switching / 2 * 10000000);
	stack = stack_make(rec, "", "/bin/x", "compute");
	recording_sample(rec, SAMPLE_CPU, thread, stack, 100 - party->switching,
			 (100 - party->switching) * 10000000);
	stack = stack_make(rec, "__schedule schedule pipe_read", "/bin/x", "read take_item main");
	recording_sample(rec, SAMPLE_OFFCPU, thread, stack, WAKES, SECOND);
	return thread;
}

static void wakes_make(struct recording *rec, uint32_t woken, uint32_t waker, uint64_t count)
{
	recording_edge(rec, EDGE_WAKER, woken, rec->threads.at[waker].process, count, SECOND);
}

/* The `third` wakes the second, instead of the first, with so many wakeups. */
static struct recording *host_of(const struct party *party, uint64_t third)
{
	struct recording *rec = host_new(0.5);
	uint32_t first = party_make(rec, "first", party), second = party_make(rec, "second", party);
	uint32_t other = host_process(rec, "other");

	wakes_make(rec, first, second, WAKES);
	wakes_make(rec, second, first, WAKES - third);
	wakes_make(rec, second, other, third);
	return rec;
}

static void next_to_nothing_in_between(void **state)
{
	/* 2 µs of own code and 8 of the kernel's between two switches; 5 µs to get there. */
	const struct party party = {0.04, 0.16, 0.1, 60};
	struct document *doc = host_report(host_of(&party, 0));
	const struct bottleneck *found = finding_of(doc, "sched.ping-pong");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.process, "first");
	assert_string_equal(found->chain.at[1].where.process, "second");
	assert_non_null(found->where.function);
	/* Of each 0.6 of 2 s and the second of waiting for the CPU: 4.4 s of 10. */
	assert_near(found->impact.share, 0.44, 0.005);
	assert_near(evidence_of(found, "own code between two switches"), 2, 0.01);
	assert_near(evidence_of(found, "from the wakeup to the CPU"), 5, 0.01);
	assert_near(evidence_of(found, "CPU samples in wakeups and switches"), 60, 0.01);
	assert_near(evidence_of(found, "and back"), 20000, 0.01);
	document_free(doc);
}

static void work_in_between_and_other_wakers_are_none(void **state)
{
	/* 15 µs of own code at each turn: a server. */
	const struct party works = {0.3, 0.16, 0.1, 60};
	/* The kernel's time is not that of switching. */
	const struct party sends = {0.04, 0.16, 0.1, 20};
	const struct party party = {0.04, 0.16, 0.1, 60};

	(void)state;
	assert_silent(host_of(&works, 0), "sched.ping-pong");
	assert_silent(host_of(&sends, 0), "sched.ping-pong");
	/* Half of the wakeups come from somebody else: no going to and fro. */
	assert_silent(host_of(&party, WAKES / 2), "sched.ping-pong");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_to_nothing_in_between),
		cmocka_unit_test(work_in_between_and_other_wakers_are_none),
	};

	return cmocka_run_group_tests_name("analysis/detectors/sched_ping_pong", tests, NULL, NULL);
}
