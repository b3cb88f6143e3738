/* SPDX-License-Identifier: BSD-2-Clause */
#include "analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/metrics.h"

/* Longer series are averaged into this many windows of equal length: enough, and quick. */
#define WINDOWS    120
#define REPLICATES 500
/* Twice the relative error of a histogram's percentile. */
#define RELATIVE_RESOLUTION 0.02

static const char *const verdict_names[CHANGE_VERDICTS] = {
	[CHANGE_NONE] = "no change",
	[CHANGE_WORSE] = "worse",
	[CHANGE_BETTER] = "better",
	[CHANGE_OTHER] = "changed",
	[CHANGE_TOO_FEW] = "not enough slices",
	[CHANGE_UNOBSERVED_BEFORE] = "not observed before",
	[CHANGE_UNOBSERVED_AFTER] = "not observed after",
};

const char *change_verdict_name(enum change_verdict verdict)
{
	return verdict_names[verdict];
}

typedef VEC(double) double_vec;

/* The series in at most WINDOWS windows: means of equally many consecutive slices. */
static double_vec make_windows(const struct baseline_series *series)
{
	size_t n = series->values.len, width = (n + WINDOWS - 1) / WINDOWS;
	double_vec windows = {};

	for (size_t i = 0; width && i + width <= n; i += width) {
		double mean = 0;

		for (size_t k = 0; k < width; k++)
			mean += series->values.at[i + k] / (double)width;
		vec_push(&windows, mean);
	}
	return windows;
}

/* Ranks within one side: single outliers, common in rates, would hide the autocorrelation. */
static void rank_values(const double *values, double *ranks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double rank = 0;

		for (size_t k = 0; k < n; k++)
			rank += values[k] < values[i] ? 1 : values[k] == values[i] ? 0.5 : 0;
		ranks[i] = rank;
	}
}

static double rank_autocorrelation(const double_vec *x, const double_vec *y)
{
	double ranks_x[WINDOWS], ranks_y[WINDOWS];

	rank_values(x->at, ranks_x, x->len);
	rank_values(y->at, ranks_y, y->len);
	return stats_autocorrelation_pooled(ranks_x, x->len, ranks_y, y->len);
}

/* How far apart the two halves of one run are. */
static double halves_shift(const double *values, size_t n)
{
	size_t half = n / 2;

	return fabs(stats_hodges_lehmann(values, half, values + n - half, half).shift);
}

static void judge_noise(struct change *change, const struct metric_kind *kind,
			const double_vec *before, const double_vec *after,
			const struct baseline_series *same)
{
	change->noise = fmax(kind ? kind->resolution : 0,
			     RELATIVE_RESOLUTION * fmax(fabs(change->before), fabs(change->after)));
	change->noise = fmax(change->noise, halves_shift(before->at, before->len));
	change->noise = fmax(change->noise, halves_shift(after->at, after->len));
	if (same && same->values.len) {
		double_vec other = make_windows(same);

		change->noise =
			fmax(change->noise,
			     fabs(stats_hodges_lehmann(before->at, before->len, other.at, other.len)
					  .shift));
		vec_free(&other);
	}
}

static double median_of(const struct baseline_series *series)
{
	return series ? stats_median(series->values.at, series->values.len) : NAN;
}

/* Whether all values of both are one and the same. */
static bool are_constant(const double_vec *x, const double_vec *y)
{
	vec_each(x, a)
		if (*a != *x->at)
			return false;
	vec_each(y, b)
		if (!x->len || *b != *x->at)
			return false;
	return true;
}

/* Everything but the verdict, which needs the p values of all metrics. */
static void measure_change(struct change *change, const struct baseline_series *before,
			   const struct baseline_series *after, const struct baseline_series *same)
{
	double_vec x = make_windows(before), y = make_windows(after);
	double rho = rank_autocorrelation(&x, &y);
	double n = (double)x.len, m = (double)y.len, inflation;

	/* Var(mean y - mean x) is σ² (inflation_x / n + inflation_y / m). */
	inflation = (stats_inflation(rho, x.len) * m + stats_inflation(rho, y.len) * n) / (n + m);
	change->constant = are_constant(&x, &y);
	change->p = stats_mann_whitney(x.at, x.len, y.at, y.len, inflation).p;
	change->shift = stats_hodges_lehmann(x.at, x.len, y.at, y.len).shift;
	change->interval =
		stats_bootstrap_shift(x.at, x.len, stats_block_length(rho, x.len), y.at, y.len,
				      stats_block_length(rho, y.len), REPLICATES, 1);
	judge_noise(change, metric_find(change->metric), &x, &y, same);
	vec_free(&x);
	vec_free(&y);
}

static void add_change(struct comparison *out, const struct baseline_series *before,
		       const struct baseline_series *after, const struct baseline *same)
{
	const struct baseline_series *named = before ? before : after;
	const struct metric_kind *kind = metric_find(named->metric);
	struct change change = {
		.metric = named->metric,
		.label = named->label,
		.statistic = named->statistic,
		.unit = kind ? kind->unit : "",
		.slices_before = before ? before->values.len : 0,
		.slices_after = after ? after->values.len : 0,
		.before = median_of(before),
		.after = median_of(after),
		.shift = NAN,
		.interval = {NAN, NAN},
		.p = NAN,
		.noise = NAN,
	};

	if (!change.slices_before)
		change.verdict = CHANGE_UNOBSERVED_BEFORE;
	else if (!change.slices_after)
		change.verdict = CHANGE_UNOBSERVED_AFTER;
	else if (change.slices_before < COMPARE_SLICES || change.slices_after < COMPARE_SLICES)
		change.verdict = CHANGE_TOO_FEW;
	else
		measure_change(&change, before, after,
			       same ? baseline_find_series(same, named->metric, named->label,
							   named->statistic)
				    : NULL);
	vec_push(&out->changes, change);
}

static enum change_verdict judge_change(const struct change *change)
{
	const struct metric_kind *kind = metric_find(change->metric);
	double toward_worse = kind ? kind->worse * change->shift : 0;

	if (!(change->p <= COMPARE_RATE) || !(fabs(change->shift) > change->noise) ||
	    !(change->interval.low > 0 || change->interval.high < 0))
		return CHANGE_NONE;
	if (toward_worse > 0)
		return CHANGE_WORSE;
	return toward_worse < 0 ? CHANGE_BETTER : CHANGE_OTHER;
}

/* Replaces the p values by adjusted ones. */
static void adjust_all(struct comparison *out)
{
	double_vec p = {};
	size_t at = 0;

	vec_each(&out->changes, change)
		if (!isnan(change->p) && !change->constant)
			vec_push(&p, change->p);
	if (p.len)
		stats_benjamini_hochberg(p.at, p.at, p.len);
	vec_each(&out->changes, change)
		if (!isnan(change->p) && !change->constant && at < p.len)
			change->p = p.at[at++];
	vec_free(&p);
}

void baseline_compare(const struct baseline *before, const struct baseline *after,
		      const struct baseline *same, struct comparison *out)
{
	vec_each(&before->series, series)
		add_change(out, series,
			   baseline_find_series(after, series->metric, series->label,
						series->statistic),
			   same);
	vec_each(&after->series, series)
		if (!baseline_find_series(before, series->metric, series->label, series->statistic))
			add_change(out, NULL, series, same);
	adjust_all(out);
	vec_each(&out->changes, change) {
		if (!isnan(change->p))
			change->verdict = judge_change(change);
		out->verdicts[change->verdict]++;
	}
}

void comparison_free(struct comparison *comparison)
{
	vec_free(&comparison->changes);
}
