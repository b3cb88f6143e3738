/* SPDX-License-Identifier: BSD-2-Clause */
/* The thresholds that hold unless the user sets others: docs/monitor.md. */
#ifndef STRAIT_THRESHOLDS_H
#define STRAIT_THRESHOLDS_H

struct threshold_default {
	const char *name, *comparison; /* comparison: which side raises the alarm */
	double value;
	const char *unit;
};

/* Ends with a row without a name. */
extern const struct threshold_default threshold_defaults[];

#endif
