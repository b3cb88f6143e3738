/* SPDX-License-Identifier: BSD-2-Clause */
/* disk.read-latency: threads wait for data that is not in memory. */
#include "analysis/detectors/disk.h"

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t owner)
{
	finding->title = finding_text(a, "%s waits for reads from the disk", group_name(a, owner));
	disk_evidence(a, finding, owner, "read");
	finding_action(finding, EFFORT_MEDIUM, 1, 16, 1,
		       "Keep the hot data in memory (more page cache, a smaller working set, an "
		       "index), read ahead, or read in parallel.");
}

static void detect(struct analysis *a)
{
	disk_findings(a, "disk.read-latency", STATE_BIT(STATE_WAIT_DISK_READ), complete);
}

const struct detector disk_read_latency = {"disk.read-latency", detect};
