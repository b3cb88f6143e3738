/* SPDX-License-Identifier: BSD-2-Clause */
/* What the detectors of reclaim share. */
#ifndef STRAIT_RECLAIM_H
#define STRAIT_RECLAIM_H

#include "analysis/detectors/detector.h"

enum reclaim_reason {
	RECLAIM_HOST,   /* the host is short of memory */
	RECLAIM_CGROUP, /* a cgroup is at its limit */
};

/*
 * Adds a finding for every group that makes memory free for itself, mostly for this reason:
 * `complete` sets title and action.
 */
void reclaim_findings(struct analysis *a, const char *id, enum reclaim_reason reason,
		      void (*complete)(struct analysis *a, struct bottleneck *finding,
				       uint32_t owner));

#endif
