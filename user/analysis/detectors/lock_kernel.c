/* SPDX-License-Identifier: BSD-2-Clause */
/* lock.kernel: threads sleep for contended locks inside the kernel (contention_begin, _end). */
#include "analysis/detectors/detector.h"

static void detect(struct analysis *a)
{
	for (uint32_t owner = 0; owner < a->facts->groups.len; owner++) {
		struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_WAIT_LOCK_KERNEL));
		struct bottleneck *finding;

		filter.owner = owner;
		finding = finding_add_blame(a, "lock.kernel", &filter);
		if (!finding)
			continue;
		finding->title = finding_text(a, "%s waits for locks inside the kernel",
					      group_name(a, owner));
		finding_link(finding, "lock.kernel", &finding->where);
		finding_action(
			finding, EFFORT_MEDIUM, 2, 24, 1,
			"Do fewer of the calls that meet there, or from fewer threads, or on "
			"separate files, directories or address spaces (see the off-CPU stacks).");
	}
}

const struct detector lock_kernel = {"lock.kernel", detect};
