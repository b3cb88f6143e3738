/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk.sync-writes: threads wait for their data to reach the disk: fsync and its kin, synchronous
 * writes, and writers that the kernel holds back because too much is dirty.
 */
#include "analysis/detectors/disk.h"

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t owner)
{
	static const char *const calls[] = {"fsync", "fdatasync", "sync_file_range",
					    "msync", "syncfs",    "sync"};
	double syncs = 0, seconds = a->facts->window_ns / 1e9;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		syncs += facts_count(a->facts, "syscall.count", owner, calls[i]);
	finding->title =
		finding_text(a, "%s waits for its writes to reach the disk", group_name(a, owner));
	if (syncs > 0)
		finding_evidence(finding, "fsync and the like", syncs / seconds, "calls/s");
	disk_evidence(a, finding, owner, "write");
	disk_evidence(a, finding, owner, "flush");
	finding_action(
		finding, EFFORT_MEDIUM, 1, 16, 1,
		"Sync less often (group commit, batching), or put this file on a device with "
		"a safe write cache.");
}

static void detect(struct analysis *a)
{
	disk_findings(a, "disk.sync-writes", STATE_BIT(STATE_WAIT_DISK_WRITE), complete);
}

const struct detector disk_sync_writes = {"disk.sync-writes", detect};
