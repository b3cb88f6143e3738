/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Phase one: what is normal here? Every metric of model/metrics.h, over
 * the window without its warm-up. What was not observed has a row with a count of 0 and NAN in it.
 *
 * Metrics from points, counts and the ledger have one value a slice; slices shorter than half the
 * usual length (a window that was ended early) are left out, as rates over them are noise.
 * Distributions are merged over all slices, so that their percentiles are those of the events.
 */
#ifndef STRAIT_BASELINE_H
#define STRAIT_BASELINE_H

#include "model/baseline.h"
#include "model/document.h"
#include "model/recording.h"

/* Fills doc->metrics, in the order of the table. */
void baseline_metrics(const struct recording *rec, struct document *doc);

/* The same, and every metric slice by slice: to be kept and compared. Freed by baseline_free(). */
struct baseline *baseline_extract(const struct recording *rec);

#endif
