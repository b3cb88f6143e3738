/* SPDX-License-Identifier: BSD-2-Clause */
/* How the cause of a finding is taken out of a replay. */
#ifndef STRAIT_REPLAY_CAUSE_H
#define STRAIT_REPLAY_CAUSE_H

#include "analysis/detectors/detector.h"
#include "analysis/replay_run.h"

/* The threads of one trace with a cause shrunk. */
struct replay_cause {
	struct replay_change *changes;
	/*
	 * Of each thread's activity, what is work: waiting in a loop is none, so a thread that does
	 * little else does not count when the time of the work is measured.
	 */
	double *work;
};

/* Both hold one entry for each thread of the trace. As it was: nothing is shrunk. */
void replay_cause_none(const struct replay_trace *trace, struct replay_cause *cause);

/*
 * Shrinks one more cause. `level`: how much of it there is, 1 = as estimated. False if the cause
 * cannot be taken out of a schedule.
 */
bool replay_cause_shrink(const struct analysis *a, const struct bottleneck *finding,
			 const struct replay_trace *trace, double level,
			 struct replay_cause *cause);

/*
 * CPU time of the finding's victim that goes with the waits that its cause makes, beside them: what
 * the requests to a disk take. ns, 0 for other causes.
 */
double replay_cause_work(const struct analysis *a, const struct bottleneck *finding);

#endif
