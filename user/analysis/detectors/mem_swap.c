/* SPDX-License-Identifier: BSD-2-Clause */
/* mem.swap: threads wait for pages of memory that are read back from the disk. */
#include "analysis/detectors/detector.h"

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
	for (uint32_t owner = 0; owner < a->facts->groups.len; owner++)
		swap_add(a, owner);
}

const struct detector mem_swap = {"mem.swap", detect};
