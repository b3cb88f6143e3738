/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "capture/round.h"

#define MS 1000000ULL

/* A stretch from 100 to 200 ms stands for all up to 300 ms, at weights of 3. */
static struct round round_of_thirds(void)
{
	return (struct round){
		.duty = 1 / 3.0, .until = 300 * MS, .stretch_at = 100 * MS, .stretch_ns = 100 * MS};
}

static void a_stretch_stands_for_its_round(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct round round;
		double whole;

		round_draw(&round, 0.2, 5000 * MS);
		whole = (double)(round.until - round.from);
		assert_int_equal(round.stretch_ns, 100 * MS);
		assert_true(fabs((double)round.stretch_ns / round.duty - whole) < 2);
		/* It lies in the middle. */
		assert_true(fabs((double)(round.stretch_at - round.from) * 2 +
				 (double)round.stretch_ns - whole) < 4);
		assert_true(whole > 299e6 && whole < 701e6);
	}
}

static void all_has_no_end(void **state)
{
	struct round round;

	(void)state;
	round_draw(&round, 1, 7);
	assert_true(round.duty == 1);
	assert_int_equal(round.until, UINT64_MAX);
	assert_int_equal(round.stretch_at, 7);
	assert_false(round_is_dear(&round, 1, 7 + 1000 * MS));
	assert_true(round_is_dear(&round, 0.9, 7));
	round_shorten(&round, 9); /* it stands for itself */
	assert_int_equal(round.until, 9);
}

static void a_late_stretch_moves_the_end(void **state)
{
	struct round round = round_of_thirds();

	(void)state;
	assert_int_equal(round_shift(&round, 130 * MS), 30 * MS);
	assert_int_equal(round.until, 330 * MS);
	/* So late that 50 ms behind the end were missed, and told, before. */
	round = round_of_thirds();
	assert_int_equal(round_shift(&round, 350 * MS), 200 * MS);
	assert_int_equal(round.until, 550 * MS);
}

static void a_stretch_is_dear_when_it_took_its_share(void **state)
{
	struct round round = round_of_thirds();

	(void)state;
	assert_false(round_is_dear(&round, 0.03, 108 * MS)); /* 0.03 of 300 ms are 9 */
	assert_true(round_is_dear(&round, 0.03, 109 * MS));
	assert_false(round_is_dear(&round, 0.2, 199 * MS)); /* rates go up and down */
}

static void behind_its_half_a_stretch_stands_for_less(void **state)
{
	struct round round = round_of_thirds();

	(void)state;
	/* 60 ms at weights of 3, and 160 since the begin. */
	round_shorten(&round, 160 * MS);
	assert_true(round.until / MS == 180 || round.until / MS == 179);
}

static void before_its_half_something_is_missed(void **state)
{
	struct round round = round_of_thirds();

	(void)state;
	round_shorten(&round, 110 * MS); /* 10 ms stand for 30 of 110 */
	assert_true(round.until / MS == 30 || round.until / MS == 29);
	/* Of one that began late: its stretch is from 130 to 230. */
	round = round_of_thirds();
	round_shift(&round, 130 * MS);
	round_shorten(&round, 140 * MS); /* the 30 were told: 30 of the other 110 */
	assert_true(round.until / MS == 60 || round.until / MS == 59);
}

static void the_windows_end_cuts(void **state)
{
	struct round round = round_of_thirds();

	(void)state;
	assert_true(round_uncovered(&round, 250 * MS) == -50e6);
	round.ahead = true;
	assert_true(round_uncovered(&round, 90 * MS) == 90e6);
	round.ahead = false;
	round.until = UINT64_MAX;
	assert_true(round_uncovered(&round, 250 * MS) == 0);
}

static void spans_end(void **state)
{
	(void)state;
	assert_int_equal(span_until(5, 9, UINT64_MAX), 4);
	assert_int_equal(span_until(5, 9, 7), 2);
	assert_int_equal(span_until(5, 9, 3), 0);
	assert_int_equal(span_until(9, 5, UINT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stretch_stands_for_its_round),
		cmocka_unit_test(all_has_no_end),
		cmocka_unit_test(a_late_stretch_moves_the_end),
		cmocka_unit_test(a_stretch_is_dear_when_it_took_its_share),
		cmocka_unit_test(behind_its_half_a_stretch_stands_for_less),
		cmocka_unit_test(before_its_half_something_is_missed),
		cmocka_unit_test(the_windows_end_cuts),
		cmocka_unit_test(spans_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
