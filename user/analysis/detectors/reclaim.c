/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "analysis/detectors/reclaim.h"

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

void reclaim_findings(struct analysis *a, const char *id, enum reclaim_reason reason,
		      void (*complete)(struct analysis *a, struct bottleneck *finding,
				       uint32_t owner))
{
	for (uint32_t owner = 0; owner < a->facts->groups.len; owner++) {
		struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_WAIT_RECLAIM));
		double of_cgroup = facts_count(a->facts, "memory.reclaim_cgroup_ns", owner, NULL);
		double of_host = facts_count(a->facts, "memory.reclaim_direct_ns", owner, NULL);
		double worked = a->blame->worked[owner], ns, waited, refaults;
		struct bottleneck *finding;

		if ((of_cgroup > of_host ? RECLAIM_CGROUP : RECLAIM_HOST) != reason)
			continue;
		filter.owner = owner;
		waited = blame_sum(a->blame, &filter);
		/* Most of reclaim is work of the thread itself, on the CPU: the family times all of
		 * it. */
		ns = fmax(of_cgroup + of_host, waited);
		if (worked <= 0 || ns <= 0)
			continue;
		refaults = refault_wait(a, owner);
		ns += refaults;
		finding = finding_add(a, id, ns, ns * 0.9, ns);
		if (!finding)
			continue;
		finding->confidence = CONFIDENCE_HIGH;
		finding_of_group(a, finding, owner, false);
		complete(a, finding, owner);
		finding_evidence(finding, "time in reclaim", (ns - refaults) / 1e9, "s");
		if (refaults > 0)
			finding_evidence(finding, "time waiting for pages that were just reclaimed",
					 refaults / 1e9, "s");
		finding_evidence(finding, "share of its working time", 100 * ns / worked, "%");
		finding_link(finding, id, &finding->where);
	}
}
