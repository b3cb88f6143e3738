/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What if: the recorded excerpts of the schedule, run again with the cause of a finding shrunk,
 * locks and CPUs queued for anew.
 *
 * The time of a group's work is that of its threads until their recorded steps are done, without
 * waits for work to arrive from outside, weighted by how active each is. What a fix saves is
 * 1 - time with the cause shrunk / time as it was, both replayed: what the replay gets wrong, it
 * gets wrong in both.
 */
#ifndef STRAIT_REPLAY_H
#define STRAIT_REPLAY_H

#include "analysis/detectors/detector.h"

struct replay;

struct replay_gain {
	double saved, low, high; /* shares; the interval is that over the excerpts at 95 % */
	uint32_t excerpts;
	double off;      /* replayed as it was, the group's time is off by this share of it */
	const char *why; /* why there is none, NULL = there is */
};

struct replay *replays_new(const struct analysis *a);
void replays_free(struct replay *replay);

/* What removing the cause of a finding saves the group it is about. */
struct replay_gain replays_gain(struct replay *replay, const struct bottleneck *finding);
/* What removing all of these causes that can be taken out saves a group. */
struct replay_gain replays_gain_together(struct replay *replay,
					 const struct bottleneck *const *findings, size_t count,
					 uint32_t group);

#endif
