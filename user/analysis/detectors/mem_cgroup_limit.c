/* SPDX-License-Identifier: BSD-2-Clause */
/* mem.cgroup-limit: threads make memory free because their cgroup is at its limit. */
#include "analysis/detectors/reclaim.h"

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t owner)
{
	finding->title = finding_text(
		a, "%s frees memory all the time to stay below the limit of its cgroup",
		group_name(a, owner));
	finding_action(finding, EFFORT_QUICK, 0.2, 4, 1,
		       "Raise memory.max (memory.limit_in_bytes, the container's memory limit), "
		       "or use less page cache and heap.");
}

static void detect(struct analysis *a)
{
	reclaim_findings(a, "mem.cgroup-limit", RECLAIM_CGROUP, complete);
}

const struct detector mem_cgroup_limit = {"mem.cgroup-limit", detect};
