/* SPDX-License-Identifier: BSD-2-Clause */
/* What the detectors of disk waits share. */
#ifndef STRAIT_DISK_H
#define STRAIT_DISK_H

#include "analysis/detectors/detector.h"

/* Adds a finding for every group that waits in these states; `complete` fills in the rest. */
void disk_findings(struct analysis *a, const char *id, uint32_t states,
		   void (*complete)(struct analysis *a, struct bottleneck *finding,
				    uint32_t owner));

/*
 * Device, number and times of the group's requests of one kind ("read", "write", "flush"), and the
 * code that waits for them.
 */
void disk_evidence(struct analysis *a, struct bottleneck *finding, uint32_t owner, const char *op);

#endif
