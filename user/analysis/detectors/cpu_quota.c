/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.quota: threads could run, there may be idle CPUs, but their cgroup has used up its quota. */
#include <math.h>

#include "analysis/detectors/detector.h"

/*
 * The cgroup that was throttled: the one that has most of all throttled time on the host, if that
 * is clear. A process may be in another cgroup of each hierarchy; its quota is the CPU
 * controller's.
 */
static uint32_t throttled_cgroup(const struct analysis *a, double *ms)
{
	uint32_t metric = string_find(a->rec, "cgroup_throttled_ms"), top = NONE;
	double all = facts_point_sum(a->facts, "cgroup_throttled_ms", NULL);

	*ms = 0;
	vec_each(&a->rec->points, point) {
		double sum;

		if (metric == NONE || point->metric != metric || point->label == top)
			continue;
		sum = facts_point_sum(a->facts, "cgroup_throttled_ms",
				      string_get(a->rec, point->label));
		if (sum > *ms) {
			*ms = sum;
			top = point->label;
		}
	}
	return *ms > all / 2 ? top : NONE;
}

static void quota_add(struct analysis *a, uint32_t group)
{
	const struct group *g = &a->facts->groups.at[group];
	struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_READY_THROTTLED));
	struct bottleneck *finding;
	struct place victim;
	uint32_t cgroup;
	double ms;

	filter.owner = group;
	finding = finding_add_blame(a, "cpu.quota", &filter);
	if (!finding)
		return;
	finding->confidence = CONFIDENCE_HIGH;
	victim = place_group(a, finding->group);
	cgroup = throttled_cgroup(a, &ms);
	if (cgroup != NONE) {
		finding->where.cgroup = finding_text(a, "%s", string_get(a->rec, cgroup));
		finding_evidence(finding,
				 finding_text(a, "%s: throttled by the kernel's own count",
					      finding->where.cgroup),
				 ms / 1e3, "s");
	}
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
	finding_through_lock(a, finding, &filter);
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
