/* SPDX-License-Identifier: BSD-2-Clause */
/* Records that no program of ours should send: nothing is made of them, and nothing breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "capture/contexts.h"
#include "capture/stacks.h"
#include "capture/tasks.h"
#include "capture/waits.h"

#define MS  1000000ULL
#define TID 90000001U /* far above pid_max, so that nothing on the host is read */

static struct session session;
static struct recording *rec;

static int setup(void **state)
{
	(void)state;
	rec = recording_new();
	session = (struct session){.recording = rec, .begin_ns = 1000 * MS};
	session.tasks = tasks_new(rec);
	session.stacks = stacks_new(rec, NULL);
	recording_begin_slice(rec, 0, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stacks_free(session.stacks);
	tasks_free(session.tasks);
	recording_free(rec);
	return 0;
}

/* One record of each kind that names its thread. */
static void records_tell(uint32_t tid, uint32_t state)
{
	struct wire_sample sample = {.header = {.tid = tid, .tgid = tid, .time_ns = 1007 * MS},
				     .weight = 1};
	struct wire_context_sum sum = {
		.header = {.tid = tid, .tgid = tid}, .count = 1, .ns = 1, .what = state};
	struct wire_wait wait = {.header = {.tid = tid, .tgid = tid, .time_ns = 1007 * MS},
				 .begin_ns = 1002 * MS,
				 .state = state,
				 .end = WAIT_END_TIMER};
	struct waits *waits = waits_new();

	session_sample(&session, SAMPLE_CPU, &sample, sizeof(sample));
	contexts_sum(&session, &sum, sizeof(sum));
	waits_told(waits, &session, &wait, sizeof(wait));
	waits_end_slice(waits, &session);
	waits_free(waits);
}

static void test_threads(void **state)
{
	(void)state;
	records_tell(0, STATE_WAIT_LOCAL);
	assert_int_equal(rec->samples.len, 0);
	assert_int_equal(rec->waits.len, 0);
	records_tell(TID, STATE_WAIT_LOCAL);
	assert_int_equal(rec->samples.len, 2);
	assert_int_equal(rec->waits.len, 1);
}

static void sampled_at(uint64_t time_ns)
{
	struct wire_sample sample = {.header = {.tid = TID, .tgid = TID, .time_ns = time_ns},
				     .weight = 1};

	session_sample(&session, SAMPLE_CPU, &sample, sizeof(sample));
}

static void test_window(void **state)
{
	(void)state;
	sampled_at(999 * MS);
	assert_int_equal(rec->samples.len, 0);
	sampled_at(1000 * MS);
	sampled_at(2000 * MS);
	assert_int_equal(rec->samples.at[0].count, 2);
	session.over_ns = 1900 * MS;
	sampled_at(1900 * MS);
	sampled_at(1901 * MS);
	assert_int_equal(rec->samples.at[0].count, 3);
}

static void test_states(void **state)
{
	(void)state;
	records_tell(TID, STATE_READY_WOKEN);
	records_tell(TID, STATE_COUNT);
	records_tell(TID, UINT32_MAX);
	assert_int_equal(rec->waits.len, 0);
	records_tell(TID, STATE_WAIT_OTHER);
	assert_int_equal(rec->waits.len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_window, setup, teardown),
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
	};

	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
