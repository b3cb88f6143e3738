/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "monitor/window.h"

#define SECOND 1000000000ULL

/* Two slices that begin an hour after the session did. */
static struct recording *recording_make(void)
{
	struct recording *rec = recording_new();
	uint32_t process = process_intern(rec, 100, 1), thread;

	thread = thread_intern(rec, 100, 1, process);
	rec->processes.at[process].born = rec->processes.at[process].exited = true;
	recording_begin_slice(rec, 3600 * SECOND, false);
	recording_ledger(rec, 0, thread, STATE_RUN_USER, 5);
	recording_sample(rec, SAMPLE_CPU, thread, NONE, 1, 10);
	recording_point(rec, "load_1m", "", 1);
	recording_loss(rec, "why", false, 3);
	recording_wait(rec, &(struct wait){.thread = thread,
					   .stack = NONE,
					   .waker = NONE,
					   .waker_stack = NONE,
					   .state = STATE_WAIT_TIMER,
					   .begin_ns = 3599 * SECOND,
					   .end_ns = 3601 * SECOND});
	recording_delay(rec,
			&(struct delay){.thread = thread,
					.state = STATE_READY_WOKEN,
					.begin_ns = 3600 * SECOND + 1,
					.end_ns = 3600 * SECOND + 9},
			&(struct occupant){.thread = thread, .ns = 4}, 1);
	recording_end_slice(rec, 3601 * SECOND);
	recording_begin_slice(rec, 3601 * SECOND, false);
	recording_end_slice(rec, 3602 * SECOND + 5);
	rec->length_ns = 3602 * SECOND + 5;
	return rec;
}

static void test_rebase(void **state)
{
	struct recording *rec = recording_make();

	(void)state;
	window_rebase(rec, 1000000 * SECOND);
	assert_int_equal(rec->length_ns, 2 * SECOND + 5);
	assert_int_equal(rec->start_unix_ns, 999998 * SECOND - 5);
	assert_int_equal(rec->slices.at[0].begin_ns, 0);
	assert_int_equal(rec->slices.at[0].end_ns, SECOND);
	assert_int_equal(rec->slices.at[1].begin_ns, SECOND);
	assert_int_equal(rec->slices.at[1].end_ns, 2 * SECOND + 5);
	/* A wait that began earlier begins with the window. */
	assert_int_equal(rec->waits.at[0].begin_ns, 0);
	assert_int_equal(rec->waits.at[0].end_ns, SECOND);
	assert_int_equal(rec->delays.at[0].begin_ns, 1);
	assert_int_equal(rec->delays.at[0].end_ns, 9);
	recording_free(rec);
}

static void test_forget_keeps_positions(void **state)
{
	struct recording *rec = recording_make();
	uint32_t process = process_intern(rec, 100, 1), thread, string, stack;

	(void)state;
	thread = thread_intern(rec, 100, 1, process);
	string = string_intern(rec, "load_1m");
	stack = rec->samples.at[0].stack;
	window_forget(rec);
	assert_int_equal(rec->slices.len + rec->samples.len + rec->ledger.len + rec->edges.len +
				 rec->waits.len + rec->delays.len + rec->occupants.len +
				 rec->counts.len + rec->buckets.len + rec->points.len +
				 rec->losses.len,
			 0);
	assert_false(rec->processes.at[process].born);
	assert_false(rec->processes.at[process].exited);
	assert_int_equal(process_intern(rec, 100, 1), process);
	assert_int_equal(thread_intern(rec, 100, 1, process), thread);
	assert_int_equal(string_intern(rec, "load_1m"), string);
	/* And it goes on as a recording does: nothing of before is added to. */
	recording_begin_slice(rec, 3602 * SECOND, false);
	recording_sample(rec, SAMPLE_CPU, thread, stack, 1, 7);
	recording_sample(rec, SAMPLE_CPU, thread, stack, 1, 7);
	assert_int_equal(rec->samples.len, 1);
	assert_int_equal(rec->samples.at[0].count, 2);
	assert_int_equal(rec->samples.at[0].weight, 14);
	assert_int_equal(rec->samples.at[0].slice, 0);
	recording_free(rec);
}

static void test_names_grow(void **state)
{
	struct recording *rec = recording_new();
	uint64_t before = window_names_bytes(rec);
	uint32_t process = process_intern(rec, 1, 1);

	(void)state;
	for (uint32_t tid = 1; tid <= 1000; tid++)
		thread_intern(rec, tid, 1, process);
	/* Capture keeps the last ledger of each beside it: more than half a kilobyte. */
	assert_true(window_names_bytes(rec) - before > 500 * 1000);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rebase),
		cmocka_unit_test(test_forget_keeps_positions),
		cmocka_unit_test(test_names_grow),
	};

	return cmocka_run_group_tests_name("monitor/window", tests, NULL, NULL);
}
