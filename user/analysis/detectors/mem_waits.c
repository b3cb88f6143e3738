/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.reclaim, mem.cgroup-limit, mem.swap: threads wait while memory is made free for them, or
 * while what was taken away is read back.
 */
#include <math.h>

#include "analysis/detectors/detector.h"

/*
 * Of the time a group waits for reads, the part that it waits only because pages were reclaimed
 * that it still needed: what is read again (refaults) of all that is read. The kernel counts
 * refaults for the host, so this is for a group that reclaims itself.
 */
static double refault_wait(const struct analysis *a, uint32_t owner)
{
	double again = facts_point_mean(a->facts, "memory_refault_bytes_per_s", NULL);
	double read = facts_point_sum(a->facts, "disk_read_bytes_per_s", NULL);
	struct blame_filter waits =
		BLAME_ANY(STATE_BIT(STATE_WAIT_DISK_READ) | STATE_BIT(STATE_WAIT_FAULT));

	/* One reading a device and slice: the sum over devices of the mean over slices. */
	read /= fmax((double)a->rec->slices.len, 1);
	waits.owner = owner;
	if (isnan(again) || read <= 0)
		return 0;
	return blame_sum(a->blame, &waits) * fmin(again / read, 1);
}

static void reclaim_add(struct analysis *a, uint32_t owner)
{
	struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_WAIT_RECLAIM));
	double of_cgroup = facts_count(a->facts, "memory.reclaim_cgroup_ns", owner, NULL);
	double of_host = facts_count(a->facts, "memory.reclaim_direct_ns", owner, NULL);
	bool limit = of_cgroup > of_host;
	double worked = a->blame->worked[owner], ns, waited, refaults;
	struct bottleneck *finding;

	filter.owner = owner;
	waited = blame_sum(a->blame, &filter);
	/* Most of reclaim is work of the thread itself, on the CPU: the family times all of it. */
	ns = of_cgroup + of_host > waited ? of_cgroup + of_host : waited;
	if (worked <= 0 || ns <= 0)
		return;
	refaults = refault_wait(a, owner);
	ns += refaults;
	finding = finding_add(a, limit ? "mem.cgroup-limit" : "mem.reclaim", ns, ns * 0.9, ns);
	if (!finding)
		return;
	finding->confidence = CONFIDENCE_HIGH;
	finding_of_group(a, finding, owner, false);
	finding->title =
		finding_text(a,
			     limit ? "%s frees memory all the time to stay below the limit of "
				     "its cgroup"
				   : "%s frees memory before it can get any: the host is short "
				     "of it",
			     group_name(a, owner));
	finding_evidence(finding, "time in reclaim", (ns - refaults) / 1e9, "s");
	if (refaults > 0)
		finding_evidence(finding, "time waiting for pages that were just reclaimed",
				 refaults / 1e9, "s");
	finding_evidence(finding, "share of its working time", 100 * ns / worked, "%");
	finding_link(finding, finding->id, &finding->where);
	finding_action(
		finding, EFFORT_QUICK, 0.2, 4, 1,
		limit ? "Raise memory.max (memory.limit_in_bytes, the container's memory limit), "
			"or use less page cache and heap."
		      : "Add memory, or find what uses it (see memory by process).");
}

static void swap_add(struct analysis *a, uint32_t owner)
{
	struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_WAIT_FAULT));
	double majors = facts_count(a->facts, "memory.major_faults", owner, NULL);
	struct bottleneck *finding;

	filter.owner = owner;
	finding = finding_add_blame(a, "mem.swap", &filter);
	if (!finding)
		return;
	finding->title = finding_text(a, "%s waits for memory pages to be read back from the disk",
				      group_name(a, owner));
	finding_evidence(finding, "major page faults", majors / (a->facts->window_ns / 1e9),
			 "faults/s");
	finding_link(finding, "mem.swap", &finding->where);
	finding_action(
		finding, EFFORT_MEDIUM, 1, 8, 1,
		"Give it more memory, or lock its hot pages (mlock); look at what pushes them "
		"out.");
}

static void detect(struct analysis *a)
{
	for (uint32_t owner = 0; owner < a->facts->groups.len; owner++) {
		reclaim_add(a, owner);
		swap_add(a, owner);
	}
}

const struct detector mem_waits = {"mem.reclaim", detect};
