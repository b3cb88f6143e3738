/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statistics of the analysis. Plain functions over arrays of doubles: nothing here knows what the
 * numbers mean. Values must be finite unless a function says otherwise. Intervals are two-sided at
 * 95 % unless said otherwise. Where there is too little to answer with, the answer is NAN.
 */
#ifndef STRAIT_STATS_H
#define STRAIT_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/document.h"

/* The 97.5 % quantile of the standard normal distribution. */
#define STATS_Z95 1.959963984540054

struct interval {
	double low, high;
};

/* ---- description (stats.c) ---- */

void stats_sort(double *values, size_t n);
/*
 * Percentile of rising values, percent 0 … 100, with linear interpolation between the two nearest
 * ranks: definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages", 1996 (the
 * default of R and NumPy). NAN when n is 0.
 */
double stats_percentile(const double *sorted, size_t n, double percent);
double stats_median(const double *values, size_t n);
/* All of struct spread by the definition above; values that are NAN are left out and not counted.
 */
struct spread stats_spread(const double *values, size_t n);

/*
 * Interval of a share: `hits` of `trials` (both may be weights, so doubles). Wilson, "Probable
 * inference, the law of succession, and statistical inference", 1927. [0, 1] when trials is 0.
 */
struct interval stats_wilson(double hits, double trials);

/*
 * P values adjusted so that rejecting those ≤ q keeps the expected share of false rejections ≤ q.
 * Benjamini and Hochberg, "Controlling the false discovery rate", 1995. `p` and `adjusted` may be
 * the same array.
 */
void stats_benjamini_hochberg(const double *p, double *adjusted, size_t n);

/* P(Z > z) of the standard normal distribution. */
double stats_normal_above(double z);

/* ---- ranks (stats_rank.c) ---- */

struct rank_test {
	double u; /* pairs (x, y) with y > x, ties counted half */
	double z; /* of the normal approximation, continuity-corrected; its sign is that of y - x */
	double p; /* two-sided: that x and y come from one distribution */
	bool exact;
};

/*
 * Mann–Whitney test (Mann and Whitney 1947). Exact over all permutations of the pooled values, ties
 * included, while n + m ≤ 40 and `inflation` is 1 (the shift algorithm of Streitberg and Röhmel,
 * 1986); else the normal approximation with corrections for ties and continuity.
 *
 * `inflation` ≥ 1 multiplies the variance: what stats_inflation() says for values that follow each
 * other in time and therefore repeat each other. z is then judged as Student's t with the degrees
 * of freedom of so few independent values, (n + m) / inflation - 2. p is NAN when n or m is 0, 1
 * when all values are equal.
 */
struct rank_test stats_mann_whitney(const double *x, size_t n, const double *y, size_t m,
				    double inflation);

struct shift {
	double shift; /* y - x: the median of all differences */
	struct interval interval;
};

/*
 * Hodges and Lehmann, "Estimates of location based on rank tests", 1963; the interval is that of
 * Moses (Hollander, Wolfe, Chicken, "Nonparametric statistical methods", 4.3) and assumes that the
 * values are independent.
 */
struct shift stats_hodges_lehmann(const double *x, size_t n, const double *y, size_t m);
/* The shift alone, of values that are already sorted. */
double stats_shift_sorted(const double *x, size_t n, const double *y, size_t m);
/* The same to within 1e-7 of the range of the differences, for those who need it very often. */
double stats_shift_roughly(const double *x, size_t n, const double *y, size_t m);

struct slope {
	double slope, intercept;
	struct interval interval; /* of the slope */
	size_t points;            /* that were used */
};
#define STATS_SLOPE_POINTS 1000

/*
 * Theil–Sen: the median slope between all pairs of points of different x, with Sen's interval
 * ("Estimates of the regression coefficient based on Kendall's tau", 1968) and the variance of
 * Kendall's S for ties. Of more than STATS_SLOPE_POINTS points every k-th is used. NAN when no two
 * points differ in x.
 */
struct slope stats_theil_sen(const double *x, const double *y, size_t n);

/* ---- values that follow each other in time (stats_time.c) ---- */

/* A small generator for resampling: equal seeds, equal numbers on every machine. */
struct random {
	uint64_t state;
};

struct random random_seed(uint64_t seed);
uint64_t random_next(struct random *random);
/* Evenly distributed over 0 … bound - 1; bound ≥ 1. */
uint64_t random_below(struct random *random, uint64_t bound);
/* In [0, 1). */
double random_unit(struct random *random);
double random_normal(struct random *random);

/*
 * Lag-1 autocorrelation, corrected for the bias of short series (Kendall 1954: the estimate is
 * (1 + 3ρ) / (n - 1) too low), within [0, 0.95]. 0 when n < 5 or nothing varies.
 */
double stats_autocorrelation(const double *values, size_t n);
/* The same, estimated from two series that are taken to share it: half as uncertain. */
double stats_autocorrelation_pooled(const double *x, size_t n, const double *y, size_t m);
/*
 * By how much the variance of a mean of n such values exceeds that of independent ones: the sum
 * over the lags, (1 + ρ) / (1 - ρ) for long series of a first-order process (Bayley and Hammersley,
 * "The effective number of independent observations", 1946).
 */
double stats_inflation(double autocorrelation, size_t n);
/*
 * Block length for the moving-block bootstrap: n^(1/3), or Carlstein's optimum for a first-order
 * process ("The use of subseries values", 1986) where that is longer; at most n / 2.
 */
size_t stats_block_length(double autocorrelation, size_t n);

typedef double stats_statistic(const double *values, size_t n);

/*
 * Interval of a statistic by the moving-block bootstrap (Künsch 1989), percentile method: resamples
 * are strung together from blocks of consecutive values, so that what repeats in time repeats in
 * them too. The statistic may reorder nothing.
 */
struct interval stats_bootstrap(const double *values, size_t n, size_t block,
				stats_statistic *statistic, size_t replicates, uint64_t seed);
/* The same for the shift y - x (Hodges–Lehmann), each side resampled with its own block length. */
struct interval stats_bootstrap_shift(const double *x, size_t n, size_t block_x, const double *y,
				      size_t m, size_t block_y, size_t replicates, uint64_t seed);

#endif
