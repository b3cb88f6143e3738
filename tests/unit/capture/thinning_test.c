/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "capture/thinning.h"

/* 1,000 samples a second on each of 2 CPUs take 50 ms of CPU time, 40 of it in interrupts. */
static struct thinning samples_dear(void)
{
	return (struct thinning){
		.hz = 1000, .cpus = 2, .sample_ns = 5000, .interrupt_ns = 20000, .one_in = 1};
}

static bool near(double seen, double expected)
{
	return fabs(seen - expected) < 1e-9;
}

static void all_are_taken_where_they_can_be(void **state)
{
	struct thinning samples = samples_dear();

	(void)state;
	assert_true(near(thinning_cost(&samples), 0.05));
	assert_true(near(thinning_interrupts(&samples), 0.04));
	assert_false(thinning_choose(&samples, 0.05));
	assert_int_equal(thinning_period_ns(&samples), 1000000);
}

static void what_is_chosen_fits(void **state)
{
	struct thinning samples = samples_dear();

	(void)state;
	assert_true(thinning_choose(&samples, 0.02));
	assert_true(thinning_cost(&samples) <= 0.02);
	/* One in 2 would not. */
	assert_int_equal(samples.one_in, 3);
	/* Nothing has changed. */
	assert_false(thinning_choose(&samples, 0.02));
	/* There is room for all again. */
	assert_true(thinning_choose(&samples, 1));
	assert_int_equal(samples.one_in, 1);
}

static void periods_are_no_multiples(void **state)
{
	struct thinning samples = samples_dear();

	(void)state;
	for (samples.one_in = 2; samples.one_in <= 32; samples.one_in++)
		assert_int_not_equal(thinning_period_ns(&samples) % 1000000, 0);
}

static void nothing_left_is_not_never(void **state)
{
	struct thinning samples = samples_dear();

	(void)state;
	assert_true(thinning_choose(&samples, 0));
	assert_int_equal(samples.one_in, 32);
}

static void what_was_timed_counts(void **state)
{
	struct thinning samples = samples_dear();

	(void)state;
	thinning_timed(&samples, 1e9, 0);
	assert_true(near(samples.sample_ns, 5000));
	thinning_timed(&samples, 150000, 10);
	assert_true(near(samples.sample_ns, 10000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_taken_where_they_can_be),
		cmocka_unit_test(what_is_chosen_fits),
		cmocka_unit_test(periods_are_no_multiples),
		cmocka_unit_test(nothing_left_is_not_never),
		cmocka_unit_test(what_was_timed_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
