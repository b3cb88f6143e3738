/* SPDX-License-Identifier: BSD-2-Clause */
/* The detectors. A new one is its file and its two lines here. */
#include "analysis/detectors/detector.h"

extern const struct detector cpu_hot_function, cpu_single_thread, cpu_saturated, cpu_antagonist,
	cpu_quota, cpu_priority, cpu_affinity, cpu_realtime_hog, cpu_interrupts, cpu_spin,
	disk_sync_writes, disk_read_latency, mem_waits, mem_fault_churn, lock_kernel,
	net_retransmits;

const struct detector *const detectors[] = {
	&cpu_hot_function,
	&cpu_single_thread,
	&cpu_saturated,
	&cpu_antagonist,
	&cpu_quota,
	&cpu_priority,
	&cpu_affinity,
	&cpu_realtime_hog,
	&cpu_interrupts,
	&cpu_spin,
	&disk_sync_writes,
	&disk_read_latency,
	&mem_waits,
	&mem_fault_churn,
	&lock_kernel,
	&net_retransmits,
	NULL,
};
