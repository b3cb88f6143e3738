/* SPDX-License-Identifier: BSD-2-Clause */
/* mem.reclaim: threads make memory free before they get any, because the host is short of it. */
#include "analysis/detectors/reclaim.h"

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t owner)
{
	finding->title =
		finding_text(a, "%s frees memory before it can get any: the host is short of it",
			     group_name(a, owner));
	finding_action(finding, EFFORT_QUICK, 0.2, 4, 1,
		       "Add memory, or find what uses it (the baseline shows whose memory grew).");
}

static void detect(struct analysis *a)
{
	reclaim_findings(a, "mem.reclaim", RECLAIM_HOST, complete);
}

const struct detector mem_reclaim = {"mem.reclaim", detect};
