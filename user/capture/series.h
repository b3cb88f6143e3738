/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The series: figures that the kernel keeps anyway, read from /proc, PSI and cgroupfs at the end of
 * each slice, and recorded as points. Needs no rights. Files stay open; a sample costs one pread or
 * two for each.
 *
 * The contract: recording_point(rec, metric, label, value) with the names of model/metrics.h whose
 * source is METRIC_POINT, one point a slice, metric and label. Rates are over the time that really
 * passed since the sample before. What could not be read has no point; files that this host does
 * not have are named in the recording's families "series" and "psi".
 */
#ifndef STRAIT_SERIES_H
#define STRAIT_SERIES_H

#include <stdint.h>

#include "model/recording.h"

struct series;

/* Where to read; a NULL or absent directory is left out. */
struct series_roots {
	const char *proc, *block; /* "/proc", "/sys/class/block" */
	/* Mount points of the hierarchies that have the controllers. */
	const char *cpu_v1, *memory_v1, *unified;
};

/*
 * Opens everything and takes the first reading, which the first sample's rates count from. Aborts
 * without memory.
 */
struct series *series_open(void);
struct series *series_open_at(const struct series_roots *roots);

/* Reads everything and records the points of the open slice. 0, or -EINVAL without a slice. */
int series_sample(struct series *series, struct recording *rec);
/* The same at a given moment (ns of CLOCK_MONOTONIC), which must not be before the last one. */
int series_sample_at(struct series *series, struct recording *rec, uint64_t now_ns);
void series_close(struct series *series);

#endif
