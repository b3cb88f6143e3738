/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/histogram.h"

static void bucket_scheme_keeps_its_promise(void **state)
{
	(void)state;
	for (int bit = 0; bit < 64; bit++) {
		uint64_t base = 1ull << bit;
		uint64_t values[] = {base, base + base / 3, base + base / 2, 2 * (base - 1) + 1};

		for (int i = 0; i < 4; i++) {
			double value = (double)values[i];
			double middle = histogram_middle(histogram_bucket(values[i]));

			assert_true(fabs(middle - value) <= 0.008 * value);
			if (values[i] < 128)
				assert_true(middle == value);
		}
	}
}

static void empty_is_not_zero(void **state)
{
	struct histogram histogram = {};

	(void)state;
	assert_true(isnan(histogram_percentile(&histogram, 50)));
	assert_true(isnan(histogram_min(&histogram)));
	assert_true(isnan(histogram_max(&histogram)));
	assert_true(isnan(histogram_avg(&histogram)));
	histogram_add(&histogram, HIST_BUCKETS, 3, 3);
	histogram_add(&histogram, 5, 0, 0);
	assert_int_equal(histogram.count, 0);
	histogram_free(&histogram);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Percentiles of the histogram are within 1 % of those of the sorted values. */
static void check_percentiles(uint64_t *values, size_t n)
{
	struct histogram histogram = {};
	static const double percents[] = {0.1, 10, 50, 90, 95, 99, 99.9, 100};
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		histogram_record(&histogram, values[i]);
		sum += (double)values[i];
	}
	qsort(values, n, sizeof(*values), compare);
	for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
		double exact = (double)values[(size_t)ceil(percents[i] / 100 * (double)n) - 1];

		assert_true(fabs(histogram_percentile(&histogram, percents[i]) - exact) <=
			    0.01 * exact);
	}
	assert_true(fabs(histogram_min(&histogram) - (double)values[0]) <=
		    0.01 * (double)values[0]);
	assert_true(fabs(histogram_max(&histogram) - (double)values[n - 1]) <=
		    0.01 * (double)values[n - 1]);
	assert_true(fabs(histogram_avg(&histogram) - sum / (double)n) < 1);
	assert_int_equal(histogram.count, n);
	histogram_free(&histogram);
}

static void percentiles_of_known_distributions(void **state)
{
	static uint64_t values[20000];

	(void)state;
	for (size_t i = 0; i < 20000; i++)
		values[i] = (i * 7919) % 20000 + 1;
	check_percentiles(values, 20000);
	/* Exponential and Pareto by their quantile functions. */
	for (size_t i = 0; i < 20000; i++)
		values[i] = (uint64_t)(-1e6 * log(((double)i + 0.5) / 20000));
	check_percentiles(values, 20000);
	for (size_t i = 0; i < 20000; i++)
		values[i] = (uint64_t)(1e3 * pow(((double)i + 0.5) / 20000, -1.2));
	check_percentiles(values, 20000);
	for (size_t i = 0; i < 1000; i++)
		values[i] = i % 2 ? 40 : 5000000000ull;
	check_percentiles(values, 1000);
}

static void merging_equals_filing_together(void **state)
{
	struct histogram one = {}, two = {}, all = {};

	(void)state;
	for (uint64_t i = 1; i < 3000; i++) {
		histogram_record(i % 3 ? &one : &two, i * i);
		histogram_record(&all, i * i);
	}
	histogram_merge(&one, &two);
	assert_int_equal(one.count, all.count);
	assert_int_equal(one.sum, all.sum);
	assert_int_equal(one.cells.len, all.cells.len);
	for (size_t i = 0; i < all.cells.len; i++) {
		assert_int_equal(one.cells.at[i].bucket, all.cells.at[i].bucket);
		assert_int_equal(one.cells.at[i].count, all.cells.at[i].count);
	}
	assert_int_equal(histogram_above(&all, 100), 2989);
	assert_int_equal(histogram_above(&all, UINT64_MAX), 0);
	histogram_free(&one);
	histogram_free(&two);
	histogram_free(&all);
}

static void counts_saturate(void **state)
{
	struct histogram histogram = {};

	(void)state;
	histogram_add(&histogram, 10, UINT64_MAX, UINT64_MAX);
	histogram_add(&histogram, 10, 5, 50);
	histogram_add(&histogram, 20, UINT64_MAX, 1);
	assert_true(histogram.count == UINT64_MAX);
	assert_true(histogram.sum == UINT64_MAX);
	assert_true(histogram_percentile(&histogram, 50) == 10);
	histogram_free(&histogram);
}

static void collects_what_the_filter_selects(void **state)
{
	struct recording *rec = recording_new();
	uint32_t process = process_intern(rec, 100, 1), slice = 2;
	struct histogram all = {}, of_process = {}, of_label = {}, of_slice = {}, none = {};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		recording_begin_slice(rec, i * 1000, i == 0);
		recording_bucket(rec, "latency", process, "a", 10 + i, 1, 10 + i);
		recording_bucket(rec, "latency", NONE, "b", 30, 2, 60);
		recording_bucket(rec, "size", process, "a", 50, 7, 350);
		recording_end_slice(rec, (i + 1) * 1000);
	}
	histogram_collect(&all, rec,
			  &(struct histogram_filter){.metric = "latency", .skip_warmup = true});
	assert_int_equal(all.count, 9);
	assert_int_equal(all.sum, 11 + 12 + 13 + 3 * 60);
	histogram_collect(&of_process, rec,
			  &(struct histogram_filter){.metric = "latency", .process = &process});
	assert_int_equal(of_process.count, 4);
	histogram_collect(&of_label, rec, &(struct histogram_filter){.label = "a"});
	assert_int_equal(of_label.count, 4 + 28);
	histogram_collect(&of_slice, rec,
			  &(struct histogram_filter){.metric = "latency", .slice = &slice});
	assert_int_equal(of_slice.sum, 12 + 60);
	histogram_collect(&none, rec, &(struct histogram_filter){.metric = "unheard of"});
	assert_int_equal(none.count, 0);
	histogram_free(&all);
	histogram_free(&of_process);
	histogram_free(&of_label);
	histogram_free(&of_slice);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bucket_scheme_keeps_its_promise),
		cmocka_unit_test(empty_is_not_zero),
		cmocka_unit_test(percentiles_of_known_distributions),
		cmocka_unit_test(merging_equals_filing_together),
		cmocka_unit_test(counts_saturate),
		cmocka_unit_test(collects_what_the_filter_selects),
	};

	return cmocka_run_group_tests_name("model/histogram", tests, NULL, NULL);
}
