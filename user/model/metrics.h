/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of the host's metrics: what each is called, measured in, made from, and which way
 * is worse. capture records the points named here, the baseline is built from it, comparisons and
 * the monitor look their metrics up here. A new metric is one row.
 */
#ifndef STRAIT_METRICS_H
#define STRAIT_METRICS_H

#include <stddef.h>
#include <stdint.h>

enum metric_source {
	METRIC_POINT,   /* points of this name, one a slice and label */
	METRIC_LEDGER,  /* average number of threads in `states`, from the thread ledger */
	METRIC_BUCKETS, /* distribution from the histogram `from` */
	METRIC_COUNT,   /* counts `from`, per second */
};

struct metric_kind {
	const char *name;
	const char *unit;
	const char *what;  /* one line for people */
	const char *label; /* what a label names: "device", …; NULL = of the host as a whole */
	enum metric_source source;
	int worse;          /* +1: more is worse, -1: less is worse, 0: neither */
	double resolution;  /* smallest difference that means anything, in the unit */
	uint32_t states;    /* METRIC_LEDGER: bits 1 << enum thread_state */
	const char *from;   /* METRIC_BUCKETS, METRIC_COUNT: the name in the recording */
	const char *family; /* METRIC_BUCKETS, METRIC_COUNT: whose absence makes it unobserved */
	double scale;       /* METRIC_BUCKETS, METRIC_COUNT: recorded value × scale = unit */
	/* METRIC_BUCKETS: of the labels that count, " read" of "vda read"; NULL = all labels do. */
	const char *suffix;
};

extern const struct metric_kind metric_kinds[];
extern const size_t metric_kind_count;

/* NULL for a name that is not in the table. */
const struct metric_kind *metric_find(const char *name);

#endif
