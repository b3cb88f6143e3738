/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mergeable histogram in user space, over the bucket scheme that the BPF programs count with.
 * Any percentile is within 1 % of the exact one. Only buckets in use take memory.
 */
#ifndef STRAIT_MODEL_HISTOGRAM_H
#define STRAIT_MODEL_HISTOGRAM_H

/* In angle brackets: the wire's header, not this one. */
#include <histogram.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/recording.h"
#include "util/vec.h"

struct histogram_cell {
	uint32_t bucket;
	uint64_t count;
};

/* Zero-initialised is empty. Values are whatever was filed: nanoseconds, bytes. */
struct histogram {
	uint64_t count, sum; /* of the values; they stop at UINT64_MAX instead of wrapping */
	VEC(struct histogram_cell) cells; /* by rising bucket */
};

/* Which buckets of a recording; what is NULL or false selects nothing away. */
struct histogram_filter {
	const char *metric, *label;
	const uint32_t *process; /* position; NONE = those of the host */
	const uint32_t *slice;
	bool skip_warmup;
};

/* Files `count` values with this sum in a bucket. A bucket that does not exist is ignored. */
void histogram_add(struct histogram *histogram, uint32_t bucket, uint64_t count, uint64_t sum);
void histogram_record(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* Adds what the filter selects from a recording. */
void histogram_collect(struct histogram *histogram, const struct recording *rec,
		       const struct histogram_filter *filter);
void histogram_free(struct histogram *histogram);

/*
 * The value that `percent` (0 … 100) of the values do not exceed, by nearest rank: the middle of
 * the bucket that holds the value of rank ceil(percent / 100 × count). NAN when empty.
 */
double histogram_percentile(const struct histogram *histogram, double percent);
/* Middle of the lowest and of the highest bucket in use; NAN when empty. */
double histogram_min(const struct histogram *histogram);
double histogram_max(const struct histogram *histogram);
/* Exact, because sums are kept beside the counts; NAN when empty. */
double histogram_avg(const struct histogram *histogram);
/* How many values lie in buckets above the one of `value`. */
uint64_t histogram_above(const struct histogram *histogram, uint64_t value);

/* The middle of a bucket: within 0.8 % of every value in it. */
double histogram_middle(uint32_t bucket);

#endif
