/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Known answers come from the named publication or, where none is named, from brute force over all
 * permutations or all pairs in another language.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "analysis/stats.h"

#define LEN(a)             (sizeof(a) / sizeof((a)[0]))
#define assert_near(a, b)  assert_true(fabs((a) - (b)) < 1e-9)
#define assert_about(a, b) assert_true(fabs((a) - (b)) < 5e-5)

static void percentiles_interpolate(void **state)
{
	double values[10], one[] = {7};

	(void)state;
	for (int i = 0; i < 10; i++)
		values[i] = i + 1;
	/* quantile(1:10, …) of R, type 7. */
	assert_near(stats_percentile(values, 10, 50), 5.5);
	assert_near(stats_percentile(values, 10, 95), 9.55);
	assert_near(stats_percentile(values, 10, 99), 9.91);
	assert_near(stats_percentile(values, 10, 0), 1);
	assert_near(stats_percentile(values, 10, 100), 10);
	assert_near(stats_percentile(one, 1, 95), 7);
	assert_true(isnan(stats_percentile(values, 0, 50)));
}

static void spread_leaves_out_what_was_not_observed(void **state)
{
	double values[] = {4, NAN, 1, 3, 2, NAN};
	struct spread spread = stats_spread(values, LEN(values));

	(void)state;
	assert_int_equal(spread.count, 4);
	assert_near(spread.avg, 2.5);
	assert_near(spread.min, 1);
	assert_near(spread.max, 4);
	assert_near(spread.p50, 2.5);
	assert_near(spread.p95, 3.85);
	assert_near(values[0], 4);
	assert_true(isnan(stats_spread(values + 1, 1).avg));
	assert_int_equal(stats_spread(NULL, 0).count, 0);
}

/* Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3. */
static void wilson_as_published(void **state)
{
	static const double rows[][4] = {
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		struct interval interval = stats_wilson(rows[i][0], rows[i][1]);

		assert_about(interval.low, rows[i][2]);
		assert_about(interval.high, rows[i][3]);
	}
	assert_near(stats_wilson(0, 0).low, 0);
	assert_near(stats_wilson(0, 0).high, 1);
	assert_near(stats_wilson(30, 20).high, 1);
}

/* The fifteen p values of the example in Benjamini and Hochberg 1995: four are rejected at 5 %. */
static void benjamini_hochberg_as_published(void **state)
{
	double p[] = {0.0459, 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298,
		      0.0344, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000};
	double adjusted[LEN(p)];
	size_t rejected = 0;

	(void)state;
	stats_benjamini_hochberg(p, adjusted, LEN(p));
	for (size_t i = 0; i < LEN(p); i++)
		rejected += adjusted[i] <= 0.05;
	assert_int_equal(rejected, 4);
	assert_near(adjusted[1], 0.0015);
	assert_near(adjusted[4], 0.0095 * 15 / 4);
	/* Larger p values after it bring this one down: 0.0278 × 15 / 6 > 0.0298 × 15 / 7. */
	assert_near(adjusted[6], 0.0298 * 15 / 7);
	assert_near(adjusted[0], 0.0459 * 15 / 9);
	assert_near(adjusted[14], 1);
}

/*
 * Permeability of the placental membrane: Hollander and Wolfe 1973, page 69, and the example of R's
 * wilcox.test: W = 35, one-sided p = 0.1272.
 */
static const double term[] = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
static const double early[] = {1.15, 0.88, 0.90, 0.74, 1.21};

static void mann_whitney_as_published(void **state)
{
	struct rank_test test = stats_mann_whitney(early, 5, term, 10, 1);

	(void)state;
	assert_true(test.exact);
	assert_near(test.u, 35);
	assert_about(test.p, 2 * 0.1272);
	assert_true(test.z > 0);
	test = stats_mann_whitney(term, 10, early, 5, 1);
	assert_near(test.u, 15);
	assert_near(test.p, 0.2544122544122544);
	assert_true(test.z < 0);
}

static void mann_whitney_is_exact_with_ties(void **state)
{
	double a[] = {1, 2, 2, 3, 3, 3, 5}, b[] = {2, 3, 4, 4, 6, 6}, same[] = {4, 4, 4};
	struct rank_test test = stats_mann_whitney(a, LEN(a), b, LEN(b), 1);

	(void)state;
	assert_near(test.u, 32.5);
	assert_near(test.p, 0.10023310023310024);
	assert_near(stats_mann_whitney(same, 3, same, 3, 1).p, 1);
	assert_near(stats_mann_whitney(same, 3, same, 3, 2).p, 1);
	assert_true(isnan(stats_mann_whitney(a, 0, b, 6, 1).p));
}

static void mann_whitney_approximates_many(void **state)
{
	double a[30], b[25];
	struct rank_test test;

	(void)state;
	for (int i = 0; i < 30; i++)
		a[i] = (i * 7) % 23;
	for (int i = 0; i < 25; i++)
		b[i] = (i * 5) % 19 + 4;
	test = stats_mann_whitney(a, 30, b, 25, 1);
	assert_false(test.exact);
	assert_near(test.u, 415);
	assert_near(test.z, 0.6684560449268724);
	assert_near(test.p, 0.503842530687912);
	/* Four times the variance halves z. */
	assert_near(stats_mann_whitney(a, 30, b, 25, 4).z, 0.6684560449268724 / 2);
	/* The density of Student's t with 10 degrees of freedom, integrated numerically. */
	for (int i = 0; i < 24; i++) {
		a[i % 12] = i % 12;
		b[i % 12] = i % 12 + 100;
	}
	test = stats_mann_whitney(a, 12, b, 12, 2);
	assert_near(test.z, 71.5 / sqrt(12 * 12 * 25 / 12.0 * 2));
	assert_true(fabs(test.p - 0.015327341840487858) < 0.02 * 0.015327341840487858);
}

static void hodges_lehmann_as_published(void **state)
{
	double a[30], b[25];
	struct shift shift = stats_hodges_lehmann(term, 10, early, 5);

	(void)state;
	assert_near(shift.shift, -0.305);
	assert_near(shift.interval.low, -0.76);
	assert_near(shift.interval.high, 0.15);
	for (int i = 0; i < 30; i++)
		a[i] = (i * 7) % 23;
	for (int i = 0; i < 25; i++)
		b[i] = (i * 5) % 19 + 4;
	shift = stats_hodges_lehmann(a, 30, b, 25);
	assert_near(shift.shift, 1);
	assert_near(shift.interval.low, -2);
	assert_near(shift.interval.high, 5);
	assert_true(isnan(stats_hodges_lehmann(a, 0, b, 5).shift));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The search by halving finds what sorting all differences finds, whatever their scale. */
static void shift_equals_brute_force(void **state)
{
	struct random random = random_seed(11);

	(void)state;
	for (int round = 0; round < 200; round++) {
		size_t n = 1 + random_below(&random, 12), m = 1 + random_below(&random, 12);
		double x[12], y[12], all[144], expected;
		double scale = pow(10, (double)random_below(&random, 18) - 6);

		for (size_t i = 0; i < n; i++)
			x[i] = round % 2 ? scale * random_normal(&random)
					 : (double)random_below(&random, 5);
		for (size_t i = 0; i < m; i++)
			y[i] = round % 2 ? scale * random_normal(&random)
					 : (double)random_below(&random, 5);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < m; j++)
				all[i * m + j] = y[j] - x[i];
		qsort(all, n * m, sizeof(*all), compare);
		expected = (all[(n * m - 1) / 2] + all[n * m / 2]) / 2;
		assert_true(fabs(stats_hodges_lehmann(x, n, y, m).shift - expected) <=
			    1e-9 * (round % 2 ? scale : 1));
	}
}

/* The example of Sen 1968: slope 4. */
static void theil_sen_as_published(void **state)
{
	static const double x[] = {1, 2, 3, 4, 10, 12, 18}, y[] = {9, 15, 19, 20, 45, 55, 78};
	static const double tied_x[] = {1, 1, 2, 2, 3, 3, 4, 4};
	static const double tied_y[] = {2, 3, 3, 5, 4, 4, 7, 6};
	struct slope slope = stats_theil_sen(x, y, LEN(x));

	(void)state;
	assert_near(slope.slope, 4);
	assert_near(slope.intercept, 4);
	assert_near(slope.interval.low, 11.0 / 3);
	assert_near(slope.interval.high, 5);
	assert_int_equal(slope.points, 7);
	slope = stats_theil_sen(tied_x, tied_y, LEN(tied_x));
	assert_near(slope.slope, 1);
	assert_near(slope.interval.low, 0.5);
	assert_near(slope.interval.high, 2);
	assert_true(isnan(stats_theil_sen(tied_x, tied_y, 2).slope));
	assert_true(isnan(stats_theil_sen(x, y, 0).slope));
}

static void theil_sen_shrugs_off_outliers_and_many_points(void **state)
{
	static double x[5000], y[5000];
	struct random random = random_seed(3);
	struct slope slope;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		x[i] = i;
		y[i] = 1.5 * i + 20 * random_normal(&random) + (i % 10 ? 0 : 1e6);
	}
	slope = stats_theil_sen(x, y, 5000);
	assert_true(slope.points <= STATS_SLOPE_POINTS);
	assert_true(fabs(slope.slope - 1.5) < 0.05);
	slope = stats_theil_sen(x, y, 3);
	assert_true(isinf(slope.interval.low) && isinf(slope.interval.high));
}

static void generator_gives_its_known_sequence(void **state)
{
	struct random random = random_seed(1);
	double mean = 0, square = 0;

	(void)state;
	assert_true(random_next(&random) == 0x47e4ce4b896cdd1dull);
	assert_true(random_next(&random) == 0xabcfa6a8e079651dull);
	assert_true(random_next(&random) == 0xb9d10d8feb731f57ull);
	for (int i = 0; i < 20000; i++) {
		double value = random_normal(&random);

		assert_true(random_below(&random, 3) < 3);
		mean += value / 20000;
		square += value * value / 20000;
	}
	assert_true(fabs(mean) < 0.03);
	assert_true(fabs(square - 1) < 0.05);
}

static void autocorrelation_is_corrected(void **state)
{
	static const double wave[] = {1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4};
	static const double zigzag[] = {1, 2, 1, 2, 1, 2, 1, 2}, flat[] = {3, 3, 3, 3, 3};

	(void)state;
	assert_near(stats_autocorrelation(wave, LEN(wave)), 0.8881682389937106);
	/* The same series twice: the same answer from twice the data. */
	assert_near(stats_autocorrelation_pooled(wave, LEN(wave), wave, LEN(wave)),
		    0.8881682389937106);
	assert_near(stats_autocorrelation_pooled(wave, LEN(wave), flat, LEN(flat)),
		    0.8881682389937106);
	assert_near(stats_autocorrelation_pooled(flat, LEN(flat), flat, LEN(flat)), 0);
	assert_near(stats_autocorrelation(zigzag, LEN(zigzag)), 0);
	assert_near(stats_autocorrelation(flat, LEN(flat)), 0);
	assert_near(stats_autocorrelation(wave, 3), 0);
	assert_near(stats_inflation(0, 50), 1);
	assert_true(fabs(stats_inflation(0.5, 100) - 2.96) < 1e-4);
	assert_true(fabs(stats_inflation(0.8, 60) - 8.333334354997032) < 1e-4);
	assert_int_equal(stats_block_length(0, 100), 5);
	assert_int_equal(stats_block_length(0.5, 100), 7);
	assert_int_equal(stats_block_length(0.8, 60), 13);
	assert_int_equal(stats_block_length(0.95, 20), 10);
	assert_int_equal(stats_block_length(0.5, 1), 1);
}

static double mean_of(const double *values, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return sum / (double)n;
}

/* How often the interval of the mean of an AR(1) series around 0 holds the 0. */
static double coverage(double phi, size_t block)
{
	struct random random = random_seed(42);
	int held = 0, rounds = 300;

	for (int round = 0; round < rounds; round++) {
		double values[150], last = random_normal(&random) / sqrt(1 - phi * phi);
		struct interval interval;

		for (size_t i = 0; i < LEN(values); i++)
			values[i] = last = phi * last + random_normal(&random);
		interval = stats_bootstrap(values, LEN(values), block, mean_of, 300, 7);
		held += interval.low <= 0 && interval.high >= 0;
	}
	return (double)held / rounds;
}

static void bootstrap_covers(void **state)
{
	double phi = 0.6;

	(void)state;
	assert_true(coverage(0, 1) > 0.9);
	assert_true(coverage(phi, stats_block_length(phi, 150)) > 0.85);
	/* Values taken one by one look twice as certain as they are. */
	assert_true(coverage(phi, 1) < 0.75);
}

static void bootstrap_of_a_shift_is_repeatable(void **state)
{
	struct random random = random_seed(5);
	double x[100], y[100];
	struct interval one, two;

	(void)state;
	for (int i = 0; i < 100; i++) {
		x[i] = random_normal(&random);
		y[i] = random_normal(&random) + 3;
	}
	one = stats_bootstrap_shift(x, 100, 5, y, 100, 5, 500, 1);
	two = stats_bootstrap_shift(x, 100, 5, y, 100, 5, 500, 1);
	assert_true(one.low == two.low && one.high == two.high);
	assert_true(one.low < 3 && one.high > 3);
	/* Of two normal samples of 100: ± 1.96 × sqrt(2 / 100 × π / 3). */
	assert_true(one.high - one.low > 0.35 && one.high - one.low < 0.8);
	assert_true(isnan(stats_bootstrap_shift(x, 0, 1, y, 3, 1, 10, 1).low));
	assert_true(isnan(stats_bootstrap(x, 0, 1, mean_of, 10, 1).low));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_interpolate),
		cmocka_unit_test(spread_leaves_out_what_was_not_observed),
		cmocka_unit_test(wilson_as_published),
		cmocka_unit_test(benjamini_hochberg_as_published),
		cmocka_unit_test(mann_whitney_as_published),
		cmocka_unit_test(mann_whitney_is_exact_with_ties),
		cmocka_unit_test(mann_whitney_approximates_many),
		cmocka_unit_test(hodges_lehmann_as_published),
		cmocka_unit_test(shift_equals_brute_force),
		cmocka_unit_test(theil_sen_as_published),
		cmocka_unit_test(theil_sen_shrugs_off_outliers_and_many_points),
		cmocka_unit_test(generator_gives_its_known_sequence),
		cmocka_unit_test(autocorrelation_is_corrected),
		cmocka_unit_test(bootstrap_covers),
		cmocka_unit_test(bootstrap_of_a_shift_is_repeatable),
	};

	return cmocka_run_group_tests_name("analysis/stats", tests, NULL, NULL);
}
