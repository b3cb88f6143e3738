/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.quota: threads could run, there may be idle CPUs, but their cgroup has used up its quota. */
#include <math.h>

#include "analysis/detectors/detector.h"

static void quota_add(struct analysis *a, uint32_t group)
{
	const struct group *g = &a->facts->groups.at[group];
	struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_READY_THROTTLED));
	struct bottleneck *finding;
	struct place victim;

	filter.owner = group;
	finding = finding_add_blame(a, "cpu.quota", &filter);
	if (!finding)
		return;
	finding->confidence = CONFIDENCE_HIGH;
	victim = place_group(a, finding->group);
	finding->title = finding_text(a, "%s is held back by the CPU quota of its cgroup",
				      group_name(a, group));
	finding_evidence(finding, "threads throttled, on average",
			 g->ns[STATE_READY_THROTTLED] / a->facts->window_ns, "threads");
	finding_evidence(finding, "CPU it got",
			 (g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL]) / a->facts->window_ns,
			 "CPUs");
	if (!isnan(a->facts->idle_share))
		finding_evidence(finding, "CPUs idle meanwhile",
				 a->facts->idle_share * a->facts->cpu_count, "CPUs");
	finding_link(finding, "cpu.quota", &finding->where);
	finding_link(finding, "is throttled", &victim);
	finding_action(finding, EFFORT_QUICK, 0.1, 1, 1,
		       "Raise or remove the quota (cpu.max, cpu.cfs_quota_us, CPUQuota=, the "
		       "container's CPU limit).");
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		if (a->facts->groups.at[group].ns[STATE_READY_THROTTLED] > 0)
			quota_add(a, group);
}

const struct detector cpu_quota = {"cpu.quota", detect};
