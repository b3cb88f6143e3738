/* SPDX-License-Identifier: BSD-2-Clause */
/* The phases of the analysis, in the order in which they run. Each adds its part to the document.
 */
#ifndef STRAIT_PHASES_H
#define STRAIT_PHASES_H

#include "analysis/detectors/detector.h"

void coverage_tell(struct analysis *a);      /* what was and was not seen (coverage.c) */
void services_find(struct analysis *a);      /* phase 1, with baseline.h (services.c) */
void memory_growth_find(struct analysis *a); /* phase 1 (memory_growth.c) */
void bottlenecks_find(struct analysis *a);   /* phase 2 (bottlenecks.c) */
void profile_join(struct analysis *a);       /* phase 3 (profile.c) */
void wakeups_find(struct analysis *a);       /* phase 3, and the chains of 2 (wakeups.c) */
void delays_find(struct analysis *a);        /* phase 3 (delays.c) */
void strategy_plan(struct analysis *a);      /* phase 4 (strategy.c) */
void thresholds_check(struct analysis *a);   /* phase 5, for this window (thresholds.c) */

/* Severity by the lower bound of an impact: docs/architecture.md, the one currency. */
enum severity severity_of_share(double low);
/* How sure a finding is, as a factor: 0.4, 0.7, 1. */
double confidence_weight(enum confidence confidence);
/* impact × confidence / effort {1, 3, 8}: what to do first. */
double priority_of(double impact, enum confidence confidence, enum effort effort);

#endif
