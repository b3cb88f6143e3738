/* SPDX-License-Identifier: BSD-2-Clause */
/* What the detectors of run-queue waits share: one finding for each culprit, or for each victim. */
#ifndef STRAIT_READY_H
#define STRAIT_READY_H

#include "analysis/detectors/detector.h"

enum ready_subject { READY_BY_CULPRIT, READY_BY_VICTIM };

/*
 * Adds a finding of this id for every culprit (or victim) of run-queue waits of one cause; calls
 * `complete` for each. `subject` is the group the finding is about, `victim` the one that lost
 * most; `filter` selects its time.
 */
void ready_findings(struct analysis *a, const char *id, enum ready_cause cause,
		    enum ready_subject subject,
		    void (*complete)(struct analysis *a, struct bottleneck *finding,
				     uint32_t subject, uint32_t victim));

/* Evidence that every such finding carries: the victims' waits and who ran meanwhile. */
void ready_evidence(struct analysis *a, struct bottleneck *finding, uint32_t victim,
		    uint32_t culprit);

#endif
