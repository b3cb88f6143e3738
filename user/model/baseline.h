/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A baseline: what one window showed of every metric, slice by slice, small enough to be kept and
 * precise enough to be compared. analysis makes it from a recording, store keeps it.
 *
 * Text belongs to the baseline. It may come from strangers (labels are devices, interfaces and
 * cgroup paths) or from a file: whoever shows it escapes it.
 */
#ifndef STRAIT_MODEL_BASELINE_H
#define STRAIT_MODEL_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/document.h"
#include "util/vec.h"

/* A metric over the whole window. */
struct baseline_summary {
	char *metric, *label; /* label "" = of the host */
	struct spread spread;
};

/*
 * A metric slice by slice, in the order of time. For a distribution there is one of these for each
 * percentile of it. Slices in which it was not observed are left out.
 */
struct baseline_series {
	char *metric, *label;
	char *statistic; /* "" = the value itself; "p50", "p95", "p99" of each slice */
	VEC(double) values;
};

/* What was lost over the whole window, warm-up included. */
struct baseline_loss {
	char *what;  /* why */
	bool sample; /* samples rather than events */
	uint64_t count;
};

struct baseline {
	char *name;                 /* it is kept under; "" until then */
	char *host, *kernel, *arch; /* what was observed */
	char *target_kind, *target_name;
	uint32_t cpus;
	uint64_t memory_bytes;
	uint64_t start_unix_ns;         /* when the window began */
	double seconds;                 /* without the warm-up */
	uint32_t slices, warmup_slices; /* slices: without the warm-up */
	VEC(struct baseline_summary) summaries;
	VEC(struct baseline_series) series;
	bool losses_known; /* false: a strait kept it that did not keep them */
	VEC(struct baseline_loss) losses;
};

/* All text "", no rows. Aborts without memory. */
struct baseline *baseline_new(void);
void baseline_free(struct baseline *baseline);

/* Replaces a text of the baseline. */
void baseline_text(char **field, const char *text);
/* A new row; the pointer is good until the next one is added. */
struct baseline_summary *baseline_add_summary(struct baseline *baseline, const char *metric,
					      const char *label);
struct baseline_series *baseline_add_series(struct baseline *baseline, const char *metric,
					    const char *label, const char *statistic);
void baseline_add_loss(struct baseline *baseline, const char *what, bool sample, uint64_t count);
/* NULL when there is none. */
const struct baseline_series *baseline_find_series(const struct baseline *baseline,
						   const char *metric, const char *label,
						   const char *statistic);

#endif
