/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits that the monitor watches: the default thresholds by their names, and any statistic of any
 * metric of model/metrics.h, written "runqueue_ms.p95>20" or "disk_busy_percent:vda>90".
 */
#ifndef STRAIT_LIMIT_H
#define STRAIT_LIMIT_H

#include <stddef.h>

#include "model/document.h"
#include "util/error.h"
#include "util/vec.h"

#define LIMIT_NAME  64
#define LIMIT_LABEL 160
#define LIMITS_MAX  64

enum limit_statistic {
	LIMIT_AVG,
	LIMIT_MIN,
	LIMIT_MAX,
	LIMIT_P50,
	LIMIT_P95,
	LIMIT_P99,
	LIMIT_STATISTICS,
};

struct limit {
	char name[LIMIT_NAME];   /* of a default threshold or a metric */
	char label[LIMIT_LABEL]; /* device, interface, cgroup; empty = the worst of them */
	enum limit_statistic statistic;
	bool threshold;  /* name is that of a default threshold */
	char comparison; /* '>' or '<': which side raises the alarm */
	double value;
	const char *unit, *from; /* literals; from: "default", "user" */
};

struct limits {
	VEC(struct limit) at;
};

/* The default thresholds of analysis/thresholds.h. */
void limits_default(struct limits *limits);

/*
 * Reads one limit. -EINVAL with a text that says what is wrong: the form, an unknown name, a label
 * for a metric that has none.
 */
int limit_parse(const char *text, struct limit *out, struct error *error);

/* Adds it, or takes the place of the one on the same figure. -E2BIG beyond LIMITS_MAX. */
int limits_set(struct limits *limits, const struct limit *limit, struct error *error);

struct reading {
	double value;      /* NAN = not observed */
	const char *label; /* of the document: whose value this is; "" = the host's */
};

/* What the document says of the limit's figure. */
struct reading limit_read(const struct limit *limit, const struct document *doc);

/* False for NAN. */
bool limit_exceeded(const struct limit *limit, double value);

/* "runqueue_ms.p95:vda", as written; the label only where the limit has one. */
void limit_name(const struct limit *limit, char *out, size_t size);

#endif
