/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests and estimates that use the order of values only. */
#include "analysis/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Above this many values the normal approximation is good to 0.001 and cheaper. */
#define EXACT_VALUES 40

struct pooled {
	double value;
	bool from_y;
	unsigned int rank2; /* twice the rank (mid-rank for ties), so that it is whole */
};

typedef VEC(struct pooled) pooled_vec;

static int compare_pooled(const void *a, const void *b)
{
	const struct pooled *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* Ranks the pooled values; returns the sum of t³ - t over groups of t equal values. */
static double pool_values(pooled_vec *pool, const double *x, size_t n, const double *y, size_t m)
{
	double ties = 0;

	for (size_t i = 0; i < n; i++)
		vec_push(pool, (struct pooled){x[i], false, 0});
	for (size_t i = 0; i < m; i++)
		vec_push(pool, (struct pooled){y[i], true, 0});
	vec_sort(pool, compare_pooled);
	for (size_t i = 0, end; i < pool->len; i = end) {
		double t;

		for (end = i + 1; end < pool->len && pool->at[end].value == pool->at[i].value;)
			end++;
		t = (double)(end - i);
		ties += t * t * t - t;
		/* The mean of the ranks i + 1 … end, doubled. */
		for (size_t k = i; k < end; k++)
			pool->at[k].rank2 = (unsigned int)(i + 1 + end);
	}
	return ties;
}

/*
 * Two-sided p of the rank sum of m values chosen from the pool: counts, for every number of chosen
 * values and every doubled rank sum, the ways to get there.
 */
static double exact_p(const pooled_vec *pool, size_t m, unsigned long sum2)
{
	size_t width = 1;
	double total = 0, below = 0, above = 0, *ways;
	VEC(double) table = {};

	for (size_t i = 0; i < pool->len; i++)
		width += pool->at[i].rank2;
	ways = vec_extend(&table, (m + 1) * width);
	ways[0] = 1;
	for (size_t i = 0; i < pool->len; i++) {
		size_t rank = pool->at[i].rank2;

		/* Downwards, so that each value is chosen at most once. */
		for (size_t k = i + 1 < m ? i + 1 : m; k > 0; k--)
			for (size_t s = width; s-- > rank;)
				ways[k * width + s] += ways[(k - 1) * width + s - rank];
	}
	for (size_t s = 0; s < width; s++) {
		double count = ways[m * width + s];

		total += count;
		if (s <= sum2)
			below += count;
		if (s >= sum2)
			above += count;
	}
	vec_free(&table);
	return fmin(1, 2 * fmin(below, above) / total);
}

/*
 * The normal deviate as far out as t is in Student's distribution with `freedom` degrees: Wallace,
 * "Bounds on normal approximations to Student's and the chi-square distributions", 1959.
 */
static double deviate_of_t(double t, double freedom)
{
	return (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log1p(t * t / freedom));
}

struct rank_test stats_mann_whitney(const double *x, size_t n, const double *y, size_t m,
				    double inflation)
{
	struct rank_test test = {NAN, NAN, NAN, false};
	double all = (double)n + (double)m, pairs = (double)n * (double)m;
	double ties, sigma, away, deviate;
	pooled_vec pool = {};
	unsigned long sum2 = 0;

	if (!n || !m)
		return test;
	ties = pool_values(&pool, x, n, y, m);
	for (size_t i = 0; i < pool.len; i++)
		sum2 += pool.at[i].from_y ? pool.at[i].rank2 : 0;
	test.u = (double)sum2 / 2 - (double)m * ((double)m + 1) / 2;
	away = test.u - pairs / 2;
	sigma = sqrt(pairs / 12 * ((all + 1) - ties / (all * (all - 1))) * fmax(inflation, 1));
	test.z = sigma > 0 ? copysign(fmax(fabs(away) - 0.5, 0), away) / sigma : 0;
	test.exact = n + m <= EXACT_VALUES && !(inflation > 1);
	deviate = fabs(test.z);
	if (inflation > 1)
		deviate = deviate_of_t(deviate, fmax(all / inflation - 2, 1));
	test.p = test.exact ? exact_p(&pool, m, sum2) : 2 * stats_normal_above(deviate);
	vec_free(&pool);
	return test;
}

/* How many differences y - x are ≤ d; both sorted, so one pass over each serves. */
static size_t count_differences(const double *x, size_t n, const double *y, size_t m, double d)
{
	size_t count = 0, j = 0;

	for (size_t i = 0; i < n; i++) {
		while (j < m && y[j] - x[i] <= d)
			j++;
		count += j;
	}
	return count;
}

/* The smallest difference y - x above d. */
static double next_difference(const double *x, size_t n, const double *y, size_t m, double d)
{
	double next = INFINITY;
	size_t j = 0;

	for (size_t i = 0; i < n; i++) {
		while (j < m && y[j] - x[i] <= d)
			j++;
		if (j < m)
			next = fmin(next, y[j] - x[i]);
	}
	return next;
}

/*
 * The k-th smallest (1 … nm) difference y - x of sorted values, found by halving its range; exact
 * when `halvings` is 64: that leaves less than a double's precision of the range.
 */
static double pick_difference(const double *x, size_t n, const double *y, size_t m, size_t k,
			      int halvings)
{
	double low = y[0] - x[n - 1], high = y[m - 1] - x[0];

	if (count_differences(x, n, y, m, low) >= k)
		return low;
	for (int i = 0; i < halvings; i++) {
		double middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			break;
		if (count_differences(x, n, y, m, middle) >= k)
			high = middle;
		else
			low = middle;
	}
	return next_difference(x, n, y, m, low);
}

double stats_shift_sorted(const double *x, size_t n, const double *y, size_t m)
{
	size_t pairs = n * m;
	double upper;

	if (!pairs)
		return NAN;
	upper = pick_difference(x, n, y, m, pairs / 2 + 1, 64);
	if (pairs % 2)
		return upper;
	if (count_differences(x, n, y, m, nextafter(upper, -INFINITY)) < pairs / 2)
		return upper;
	return (pick_difference(x, n, y, m, pairs / 2, 64) + upper) / 2;
}

double stats_shift_roughly(const double *x, size_t n, const double *y, size_t m)
{
	return n && m ? pick_difference(x, n, y, m, n * m / 2 + 1, 24) : NAN;
}

/*
 * How many of the smallest differences lie below the interval: the largest c with
 * P(U ≤ c - 1) ≤ 2.5 % (but at least 1, as the interval cannot exceed the differences there are).
 */
static size_t interval_rank(size_t n, size_t m)
{
	double pairs = (double)n * (double)m, tail = 0, total = 1, c;
	size_t few = n < m ? n : m, width = n * m + 1;
	VEC(double) table = {};
	double *ways;
	size_t rank;

	if (n + m > EXACT_VALUES) {
		c = floor(pairs / 2 - STATS_Z95 * sqrt(pairs * (double)(n + m + 1) / 12));
		return c < 1 ? 1 : (size_t)c;
	}
	/* The distribution of U without ties: rank i of a chosen value adds i - 1 minus its place.
	 */
	ways = vec_extend(&table, (few + 1) * width);
	ways[0] = 1;
	for (size_t i = 0; i < n + m; i++)
		for (size_t k = i + 1 < few ? i + 1 : few; k > 0; k--)
			for (size_t s = width; s-- > 0;)
				if (s + k - 1 >= i && s + k - 1 - i < width)
					ways[k * width + s] +=
						ways[(k - 1) * width + s + k - 1 - i];
	for (size_t i = 0; i < few; i++)
		total *= (double)(n + m - i) / (double)(i + 1);
	for (rank = 0; rank + 1 < width; rank++) {
		tail += ways[few * width + rank];
		if (tail > 0.025 * total)
			break;
	}
	vec_free(&table);
	return rank ? rank : 1;
}

struct shift stats_hodges_lehmann(const double *x, size_t n, const double *y, size_t m)
{
	struct shift result = {NAN, {NAN, NAN}};
	VEC(double) xs = {}, ys = {};
	size_t rank;

	if (!n || !m)
		return result;
	memcpy(vec_extend(&xs, n), x, n * sizeof(*x));
	memcpy(vec_extend(&ys, m), y, m * sizeof(*y));
	stats_sort(xs.at, n);
	stats_sort(ys.at, m);
	rank = interval_rank(n, m);
	result.shift = stats_shift_sorted(xs.at, n, ys.at, m);
	result.interval.low = pick_difference(xs.at, n, ys.at, m, rank, 64);
	result.interval.high = pick_difference(xs.at, n, ys.at, m, n * m + 1 - rank, 64);
	vec_free(&xs);
	vec_free(&ys);
	return result;
}

/* Sums over groups of t equal values, for the variance of Kendall's S. */
struct tie_sums {
	double a, b, c; /* t(t-1)(2t+5), t(t-1), t(t-1)(t-2) */
};

static struct tie_sums sum_ties(const double *sorted, size_t n)
{
	struct tie_sums sums = {};

	for (size_t i = 0, end; i < n; i = end) {
		double t;

		for (end = i + 1; end < n && sorted[end] == sorted[i];)
			end++;
		t = (double)(end - i);
		sums.a += t * (t - 1) * (2 * t + 5);
		sums.b += t * (t - 1);
		sums.c += t * (t - 1) * (t - 2);
	}
	return sums;
}

/* Variance of Kendall's S with ties in both (Kendall, "Rank correlation methods", 1970, ch. 4). */
static double kendall_variance(const double *xs, const double *ys, size_t points)
{
	struct tie_sums x = sum_ties(xs, points), y = sum_ties(ys, points);
	double n = (double)points;
	double variance = (n * (n - 1) * (2 * n + 5) - x.a - y.a) / 18;

	if (points > 1)
		variance += x.b * y.b / (2 * n * (n - 1));
	if (points > 2)
		variance += x.c * y.c / (9 * n * (n - 1) * (n - 2));
	return variance;
}

struct slope stats_theil_sen(const double *x, const double *y, size_t n)
{
	struct slope result = {NAN, NAN, {NAN, NAN}, 0};
	size_t step =
		n > STATS_SLOPE_POINTS ? (n + STATS_SLOPE_POINTS - 1) / STATS_SLOPE_POINTS : 1;
	VEC(double) xs = {}, ys = {}, slopes = {};
	double spread, pairs, low, high;

	for (size_t i = 0; i < n; i += step) {
		for (size_t j = i + step; j < n; j += step)
			if (x[i] != x[j])
				vec_push(&slopes, (y[j] - y[i]) / (x[j] - x[i]));
		vec_push(&xs, x[i]);
		vec_push(&ys, y[i]);
	}
	if (slopes.len) {
		stats_sort(xs.at, xs.len);
		stats_sort(ys.at, ys.len);
		stats_sort(slopes.at, slopes.len);
		pairs = (double)slopes.len;
		result.points = xs.len;
		result.slope = stats_percentile(slopes.at, slopes.len, 50);
		result.intercept = stats_percentile(ys.at, ys.len, 50) -
				   result.slope * stats_percentile(xs.at, xs.len, 50);
		/* Sen's limits: the slopes of rank (N - C) / 2 and (N + C) / 2 + 1. */
		spread = STATS_Z95 * sqrt(fmax(kendall_variance(xs.at, ys.at, xs.len), 0));
		low = floor((pairs - spread) / 2);
		high = ceil((pairs + spread) / 2 + 1);
		result.interval.low = low < 1 ? -INFINITY : slopes.at[(size_t)low - 1];
		result.interval.high = high > pairs ? INFINITY : slopes.at[(size_t)high - 1];
	}
	vec_free(&xs);
	vec_free(&ys);
	vec_free(&slopes);
	return result;
}
