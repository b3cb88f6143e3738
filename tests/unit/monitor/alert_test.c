/* SPDX-License-Identifier: BSD-2-Clause */
/* A clock that the test moves: one interval is 10 s. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/alert.h"

#define INTERVAL 10000000000ULL
#define START    (1000 * INTERVAL)

struct run {
	struct watch watch;
	uint64_t now; /* begin of the next interval */
	struct alert alert;
	uint32_t need;
};

static struct run run_make(char comparison, double value, uint32_t need)
{
	struct run run = {.now = START, .need = need};

	run.watch.limit = (struct limit){
		.name = "cpu_usage", .comparison = comparison, .value = value, .from = "user"};
	return run;
}

static enum alert_event step(struct run *run, double value)
{
	struct reading reading = {value, "vda"};
	uint64_t begin = run->now;

	run->now += INTERVAL;
	return watch_step(&run->watch, &reading, begin, run->now, run->need, &run->alert);
}

static void test_begins_after_need(void **state)
{
	struct run run = run_make('>', 70, 3);

	(void)state;
	assert_int_equal(step(&run, 50), ALERT_NOTHING);
	assert_int_equal(step(&run, 80), ALERT_NOTHING);
	assert_int_equal(step(&run, 95), ALERT_NOTHING);
	assert_int_equal(step(&run, 90), ALERT_BEGINS);
	/* It began with the first interval above, not when that was certain. */
	assert_int_equal(run.alert.began_ns, START + INTERVAL);
	assert_int_equal(run.alert.ended_ns, 0);
	assert_true(run.alert.worst == 95);
	assert_string_equal(run.alert.label, "vda");
	assert_true(run.watch.is_open);
	/* Told once. */
	assert_int_equal(step(&run, 99), ALERT_NOTHING);
}

static void test_a_spike_is_no_alert(void **state)
{
	struct run run = run_make('>', 70, 2);

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(step(&run, 99), ALERT_NOTHING);
		assert_int_equal(step(&run, 70), ALERT_NOTHING);
	}
	assert_false(run.watch.is_open);
}

static void test_ends_after_need(void **state)
{
	struct run run = run_make('>', 70, 2);

	(void)state;
	step(&run, 80);
	assert_int_equal(step(&run, 80), ALERT_BEGINS);
	assert_int_equal(step(&run, 60), ALERT_NOTHING);
	assert_int_equal(step(&run, 100), ALERT_NOTHING); /* the count of good ones starts anew */
	assert_int_equal(step(&run, 60), ALERT_NOTHING);
	assert_true(run.watch.is_open);
	assert_int_equal(step(&run, 70), ALERT_ENDS);
	assert_int_equal(run.alert.began_ns, START);
	assert_int_equal(run.alert.ended_ns, START + 6 * INTERVAL);
	assert_true(run.alert.worst == 100);
	assert_string_equal(run.alert.reason, "back within the limit");
	assert_false(run.watch.is_open);
	/* The next one is a new alert. */
	assert_int_equal(step(&run, 80), ALERT_NOTHING);
	assert_int_equal(step(&run, 81), ALERT_BEGINS);
	assert_int_equal(run.alert.began_ns, START + 6 * INTERVAL);
	assert_true(run.alert.worst == 81);
}

static void test_below(void **state)
{
	struct run run = run_make('<', 1000, 1);

	(void)state;
	assert_int_equal(step(&run, 1000), ALERT_NOTHING);
	assert_int_equal(step(&run, 900), ALERT_BEGINS);
	assert_int_equal(step(&run, 100), ALERT_NOTHING);
	assert_int_equal(step(&run, 500), ALERT_NOTHING);
	assert_int_equal(step(&run, 2000), ALERT_ENDS);
	assert_true(run.alert.worst == 100);
}

static void test_not_observed(void **state)
{
	struct run run = run_make('<', 1000, 2);

	(void)state;
	/* What is never observed never alerts, on whichever side the limit is. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(step(&run, NAN), ALERT_NOTHING);
	/* One unseen interval counts neither way. */
	assert_int_equal(step(&run, 1), ALERT_NOTHING);
	assert_int_equal(step(&run, NAN), ALERT_NOTHING);
	assert_int_equal(step(&run, 1), ALERT_BEGINS);
	assert_int_equal(step(&run, NAN), ALERT_NOTHING);
	assert_true(run.watch.is_open);
	assert_int_equal(step(&run, NAN), ALERT_ENDS);
	assert_string_equal(run.alert.reason, "no longer observed");
	assert_int_equal(step(&run, NAN), ALERT_NOTHING);
}

static void test_a_long_gap_forgets(void **state)
{
	struct run run = run_make('>', 70, 2);

	(void)state;
	assert_int_equal(step(&run, 80), ALERT_NOTHING);
	step(&run, NAN);
	step(&run, NAN);
	assert_int_equal(step(&run, 80), ALERT_NOTHING);
	assert_int_equal(step(&run, 80), ALERT_BEGINS);
	assert_int_equal(run.alert.began_ns, START + 3 * INTERVAL);
}

static void test_stop(void **state)
{
	struct run run = run_make('>', 70, 1);

	(void)state;
	assert_false(watch_stop(&run.watch, run.now, "monitor stopped", &run.alert));
	step(&run, 80);
	run.watch.alert.id = 7;
	assert_true(watch_stop(&run.watch, run.now, "monitor stopped", &run.alert));
	assert_int_equal(run.alert.id, 7);
	assert_int_equal(run.alert.ended_ns, START + INTERVAL);
	assert_string_equal(run.alert.reason, "monitor stopped");
	assert_false(watch_stop(&run.watch, run.now, "monitor stopped", &run.alert));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_after_need),
		cmocka_unit_test(test_a_spike_is_no_alert),
		cmocka_unit_test(test_ends_after_need),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_not_observed),
		cmocka_unit_test(test_a_long_gap_forgets),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests_name("monitor/alert", tests, NULL, NULL);
}
