/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that follow each other in time resemble their neighbours, and count for less than n. */
#include "analysis/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest autocorrelation that a short series can be trusted to show. */
#define MOST_CORRELATED 0.95

struct random random_seed(uint64_t seed)
{
	/* The generator's one forbidden state is 0. */
	return (struct random){seed ? seed : 0x9e3779b97f4a7c15ull};
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
uint64_t random_next(struct random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1dull;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)random_next(random) * bound) >> 64);
}

double random_unit(struct random *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

/* Box and Muller, 1958. */
double random_normal(struct random *random)
{
	double radius = sqrt(-2 * log(1 - random_unit(random)));

	return radius * cos(2 * M_PI * random_unit(random));
}

/* The plain estimate; its weight, n, is 0 when there is none. */
static double estimate_autocorrelation(const double *values, size_t n, double *weight)
{
	double mean = 0, square = 0, product = 0;

	*weight = 0;
	if (n < 5)
		return 0;
	for (size_t i = 0; i < n; i++)
		mean += (values[i] - mean) / (double)(i + 1);
	for (size_t i = 0; i < n; i++) {
		square += (values[i] - mean) * (values[i] - mean);
		if (i)
			product += (values[i] - mean) * (values[i - 1] - mean);
	}
	if (!(square > 0))
		return 0;
	*weight = (double)n;
	return product / square;
}

double stats_autocorrelation_pooled(const double *x, size_t n, const double *y, size_t m)
{
	double weight_x, weight_y, weight, estimate, bias;

	estimate = estimate_autocorrelation(x, n, &weight_x);
	estimate *= weight_x;
	estimate += estimate_autocorrelation(y, m, &weight_y) * weight_y;
	weight = weight_x + weight_y;
	if (!(weight > 0))
		return 0;
	/* The mean estimate is ρ - (1 + 3ρ) × bias: solved for ρ. */
	bias = ((weight_x ? weight_x / (weight_x - 1) : 0) +
		(weight_y ? weight_y / (weight_y - 1) : 0)) /
	       weight;
	return fmin(fmax((estimate / weight + bias) / (1 - 3 * bias), 0), MOST_CORRELATED);
}

double stats_autocorrelation(const double *values, size_t n)
{
	return stats_autocorrelation_pooled(values, n, NULL, 0);
}

double stats_inflation(double autocorrelation, size_t n)
{
	double power = 1, factor = 1;

	for (size_t lag = 1; lag < n && power > 1e-6; lag++) {
		power *= autocorrelation;
		factor += 2 * (1 - (double)lag / (double)n) * power;
	}
	return factor;
}

size_t stats_block_length(double autocorrelation, size_t n)
{
	double root = cbrt((double)n), rho = autocorrelation;
	double best = cbrt(6 * rho * rho / ((1 - rho * rho) * (1 - rho * rho))) * root;
	double length = ceil(fmax(root, best));

	if (n < 2)
		return 1;
	return length < (double)n / 2 ? (size_t)length : n / 2;
}

/* Fills out[0 … n) with blocks of consecutive values. */
static void resample(struct random *random, const double *values, double *out, size_t n,
		     size_t block)
{
	for (size_t filled = 0; filled < n;) {
		size_t start = random_below(random, n - block + 1);
		size_t take = n - filled < block ? n - filled : block;

		memcpy(out + filled, values + start, take * sizeof(*values));
		filled += take;
	}
}

static size_t clamp_block(size_t block, size_t n)
{
	if (block < 1)
		return 1;
	return block > n ? n : block;
}

static struct interval percentile_interval(double *results, size_t n)
{
	stats_sort(results, n);
	return (struct interval){stats_percentile(results, n, 2.5),
				 stats_percentile(results, n, 97.5)};
}

struct interval stats_bootstrap(const double *values, size_t n, size_t block,
				stats_statistic *statistic, size_t replicates, uint64_t seed)
{
	struct random random = random_seed(seed);
	VEC(double) sample = {}, results = {};
	struct interval interval;

	if (!n || !replicates)
		return (struct interval){NAN, NAN};
	block = clamp_block(block, n);
	vec_extend(&sample, n);
	for (size_t i = 0; i < replicates; i++) {
		resample(&random, values, sample.at, n, block);
		vec_push(&results, statistic(sample.at, n));
	}
	interval = percentile_interval(results.at, results.len);
	vec_free(&sample);
	vec_free(&results);
	return interval;
}

struct order {
	double value;
	size_t at;
};

/*
 * One side of a comparison. A resample is made of counts of the original values, so that walking
 * these in their order gives it sorted, without sorting it.
 */
struct side {
	size_t n, block;
	VEC(struct order) order; /* of the values */
	VEC(uint32_t) counts;
	VEC(double) sorted; /* the resample */
};

static int compare_order(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static void side_init(struct side *side, const double *values, size_t n, size_t block)
{
	*side = (struct side){.n = n, .block = clamp_block(block, n)};
	for (size_t i = 0; i < n; i++)
		vec_push(&side->order, (struct order){values[i], i});
	vec_sort(&side->order, compare_order);
	vec_extend(&side->counts, n);
	vec_extend(&side->sorted, n);
}

static void side_resample(struct side *side, struct random *random)
{
	size_t filled = 0;

	memset(side->counts.at, 0, side->n * sizeof(*side->counts.at));
	while (filled < side->n) {
		size_t start = random_below(random, side->n - side->block + 1);

		for (size_t i = 0; i < side->block && filled < side->n; i++, filled++)
			side->counts.at[start + i]++;
	}
	filled = 0;
	for (size_t i = 0; i < side->n; i++)
		for (uint32_t k = side->counts.at[side->order.at[i].at]; k > 0; k--)
			side->sorted.at[filled++] = side->order.at[i].value;
}

static void side_free(struct side *side)
{
	vec_free(&side->order);
	vec_free(&side->counts);
	vec_free(&side->sorted);
}

struct interval stats_bootstrap_shift(const double *x, size_t n, size_t block_x, const double *y,
				      size_t m, size_t block_y, size_t replicates, uint64_t seed)
{
	struct random random = random_seed(seed);
	struct interval interval;
	VEC(double) results = {};
	struct side xs, ys;

	if (!n || !m || !replicates)
		return (struct interval){NAN, NAN};
	side_init(&xs, x, n, block_x);
	side_init(&ys, y, m, block_y);
	for (size_t i = 0; i < replicates; i++) {
		side_resample(&xs, &random);
		side_resample(&ys, &random);
		vec_push(&results, stats_shift_roughly(xs.sorted.at, n, ys.sorted.at, m));
	}
	interval = percentile_interval(results.at, results.len);
	side_free(&xs);
	side_free(&ys);
	vec_free(&results);
	return interval;
}
