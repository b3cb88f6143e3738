/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two baselines compared by statistics, not by eye and not by a percentage.
 *
 * The values compared are per-slice figures (for latencies: per-slice percentiles), because single
 * events follow each other too closely to count as independent. A metric is said to have changed
 * only when all of these hold:
 *   - the Mann–Whitney test rejects "the same", its variance inflated by the autocorrelation of the
 *     slices, at a false discovery rate of 5 % over all metrics (Benjamini–Hochberg; those that
 *     never varied cannot be rejected and do not count);
 *   - the 95 % moving-block bootstrap interval of the shift (Hodges–Lehmann) excludes 0;
 *   - the shift exceeds the noise: the shift between the two halves of either side and, where
 *     another run of the same thing is given, the shift to that run;
 *   - the shift exceeds what the metric can resolve (model/metrics.h, and 2 % of the value, twice
 *     the error of a histogram).
 */
#ifndef STRAIT_COMPARE_H
#define STRAIT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/stats.h"
#include "model/baseline.h"

/* Slices a side needs. With fewer no test can speak at the 5 % level over many metrics. */
#define COMPARE_SLICES 8
#define COMPARE_RATE   0.05 /* false discoveries among what is said to have changed */

enum change_verdict {
	CHANGE_NONE,
	CHANGE_WORSE,
	CHANGE_BETTER,
	CHANGE_OTHER,   /* it changed, and neither way is worse */
	CHANGE_TOO_FEW, /* fewer than COMPARE_SLICES slices on a side */
	CHANGE_UNOBSERVED_BEFORE,
	CHANGE_UNOBSERVED_AFTER,
	CHANGE_VERDICTS,
};

/* One metric, label and statistic. Texts belong to the baselines. Unknown figures are NAN. */
struct change {
	const char *metric, *label, *statistic;
	const char *unit; /* "" for a metric that this version does not know */
	size_t slices_before, slices_after;
	double before, after; /* medians of the slices */
	double shift;         /* after - before: the median of all differences */
	struct interval interval;
	double p;      /* of the test, adjusted for the number of metrics */
	double noise;  /* what the shift must exceed: the noise or the resolution */
	bool constant; /* one and the same value in all slices of both sides */
	enum change_verdict verdict;
};

struct comparison {
	VEC(struct change) changes; /* in the order of the baselines' series */
	size_t verdicts[CHANGE_VERDICTS];
};

/*
 * Fills `out`, which must be zero. `same` is another run of what `before` is, or NULL. Both
 * baselines must outlive the comparison. Equal input gives equal output: the seeds are fixed.
 */
void baseline_compare(const struct baseline *before, const struct baseline *after,
		      const struct baseline *same, struct comparison *out);
void comparison_free(struct comparison *comparison);

const char *change_verdict_name(enum change_verdict verdict); /* "worse", "no change", … */

#endif
