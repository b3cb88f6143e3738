/* SPDX-License-Identifier: BSD-2-Clause */
#include "analysis/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void stats_sort(double *values, size_t n)
{
	if (n > 1)
		qsort(values, n, sizeof(*values), compare_doubles);
}

double stats_percentile(const double *sorted, size_t n, double percent)
{
	double position, below;
	size_t at;

	if (!n)
		return NAN;
	position = fmin(fmax(percent, 0), 100) / 100 * (double)(n - 1);
	below = floor(position);
	at = (size_t)below;
	if (at + 1 >= n)
		return sorted[n - 1];
	return sorted[at] + (position - below) * (sorted[at + 1] - sorted[at]);
}

double stats_median(const double *values, size_t n)
{
	VEC(double) copy = {};
	double median;

	if (!n)
		return NAN;
	memcpy(vec_extend(&copy, n), values, n * sizeof(*values));
	stats_sort(copy.at, n);
	median = stats_percentile(copy.at, n, 50);
	vec_free(&copy);
	return median;
}

struct spread stats_spread(const double *values, size_t n)
{
	struct spread spread = {NAN, NAN, NAN, NAN, NAN, NAN, 0};
	VEC(double) copy = {};
	double mean = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(values[i]))
			continue;
		vec_push(&copy, values[i]);
		/* A running mean cannot overflow where a sum could. */
		mean += (values[i] - mean) / (double)copy.len;
	}
	if (copy.len) {
		stats_sort(copy.at, copy.len);
		spread.avg = mean;
		spread.min = copy.at[0];
		spread.max = copy.at[copy.len - 1];
		spread.p50 = stats_percentile(copy.at, copy.len, 50);
		spread.p95 = stats_percentile(copy.at, copy.len, 95);
		spread.p99 = stats_percentile(copy.at, copy.len, 99);
		spread.count = copy.len;
	}
	vec_free(&copy);
	return spread;
}

struct interval stats_wilson(double hits, double trials)
{
	const double z2 = STATS_Z95 * STATS_Z95;
	double share, middle, half;

	if (!(trials > 0))
		return (struct interval){0, 1};
	share = fmin(fmax(hits / trials, 0), 1);
	middle = (share + z2 / (2 * trials)) / (1 + z2 / trials);
	half = STATS_Z95 / (1 + z2 / trials) *
	       sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials));
	return (struct interval){fmax(middle - half, 0), fmin(middle + half, 1)};
}

struct ranked {
	double p;
	size_t position;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->p > y->p) - (x->p < y->p);
}

void stats_benjamini_hochberg(const double *p, double *adjusted, size_t n)
{
	VEC(struct ranked) ranked = {};
	double least = 1;

	for (size_t i = 0; i < n; i++)
		vec_push(&ranked, (struct ranked){p[i], i});
	vec_sort(&ranked, compare_ranked);
	/* From the largest down, so that the adjusted values never fall as p rises. */
	for (size_t i = n; i-- > 0;) {
		least = fmin(least, ranked.at[i].p * (double)n / (double)(i + 1));
		adjusted[ranked.at[i].position] = least;
	}
	vec_free(&ranked);
}

double stats_normal_above(double z)
{
	return 0.5 * erfc(z / M_SQRT2);
}
