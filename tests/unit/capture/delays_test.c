/* SPDX-License-Identifier: BSD-2-Clause */
/* Single waits for a CPU as the kernel would tell them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "capture/delays.h"
#include "capture/tasks.h"

#define MS    1000000ULL
#define TID   90000001U /* far above pid_max, so that nothing on the host is read */
#define OTHER 90000002U
#define THIRD 90000003U

static struct session session;
static struct recording *rec;

static int setup(void **state)
{
	(void)state;
	rec = recording_new();
	session = (struct session){.recording = rec, .begin_ns = 1000 * MS};
	session.tasks = tasks_new(rec);
	recording_begin_slice(rec, 0, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tasks_free(session.tasks);
	recording_free(rec);
	return 0;
}

/* It waited from 1002 to 1022 ms; of the last 15 ms it is known that others had the CPU for 14. */
static struct wire_delay delay_make(void)
{
	return (struct wire_delay){
		.header = {.kind = WIRE_DELAY,
			   .cpu = 3,
			   .time_ns = 1022 * MS,
			   .tid = TID,
			   .tgid = TID},
		.begin_ns = 1002 * MS,
		.weight_ns = 50 * MS,
		.seen_ns = 15 * MS,
		.state = STATE_READY_PREEMPTED,
		.run = {{OTHER, OTHER, 2 * MS}, {THIRD, OTHER, 5 * MS}, {OTHER, OTHER, 7 * MS}}};
}

static void told(const struct wire_delay *delay)
{
	delays_told(&session, delay, sizeof(*delay));
}

static void a_wait(void **state)
{
	struct wire_delay delay = delay_make();
	const struct delay *row;

	(void)state;
	told(&delay);
	assert_int_equal(rec->delays.len, 1);
	row = rec->delays.at;
	assert_int_equal(rec->threads.at[row->thread].tid, TID);
	assert_int_equal(row->state, STATE_READY_PREEMPTED);
	assert_int_equal(row->cpu, 3);
	assert_int_equal(row->begin_ns, 2 * MS);
	assert_int_equal(row->end_ns, 22 * MS);
	assert_int_equal(row->weight_ns, 50 * MS);
	assert_int_equal(row->seen_ns, 15 * MS);
	assert_int_equal(rec->occupants.len, 2);
	assert_int_equal(rec->threads.at[rec->occupants.at[0].thread].tid, OTHER);
	assert_int_equal(rec->occupants.at[0].ns, 9 * MS);
	assert_int_equal(rec->threads.at[rec->occupants.at[1].thread].tid, THIRD);
	assert_int_equal(rec->occupants.at[1].ns, 5 * MS);
}

/* Of a wait that began before the window the rest is told, and who had the CPU in that. */
static void before_the_window(void **state)
{
	struct wire_delay delay = delay_make();

	(void)state;
	session.begin_ns = 1018 * MS;
	told(&delay);
	assert_int_equal(rec->delays.at[0].begin_ns, 0);
	assert_int_equal(rec->delays.at[0].end_ns, 4 * MS);
	assert_int_equal(rec->delays.at[0].weight_ns, 10 * MS);
	assert_int_equal(rec->delays.at[0].seen_ns, 4 * MS);
	assert_int_equal(rec->occupants.len, 2);
	assert_int_equal(rec->occupants.at[0].ns, 2 * MS);
	assert_int_equal(rec->occupants.at[1].ns, 2 * MS);
	session.begin_ns = 1022 * MS;
	told(&delay);
	assert_int_equal(rec->delays.len, 1);
}

static void nonsense(void **state)
{
	struct wire_delay delay = delay_make();

	(void)state;
	delays_told(&session, &delay, sizeof(delay) - 1);
	delay.state = STATE_WAIT_POLL;
	told(&delay);
	delay.state = STATE_RUN_STOLEN;
	told(&delay);
	delay = delay_make();
	delay.begin_ns = delay.header.time_ns + 1;
	told(&delay);
	assert_int_equal(rec->delays.len, 0);
	/* More than the wait can hold. */
	delay = delay_make();
	delay.seen_ns = 1000 * MS;
	delay.run[0].ns = UINT64_MAX;
	told(&delay);
	assert_int_equal(rec->delays.at[0].seen_ns, 20 * MS);
	assert_int_equal(rec->occupants.len, 1);
	assert_int_equal(rec->occupants.at[0].ns, 20 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(before_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense, setup, teardown),
	};

	return cmocka_run_group_tests_name("delays", tests, NULL, NULL);
}
