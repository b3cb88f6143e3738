/* SPDX-License-Identifier: BSD-2-Clause */
/* The detectors. A new one is its file and its line here. */
#include "analysis/detectors/detector.h"

/* One line each. */
/* clang-format off */
#define DETECTORS(each) \
	each(cpu_hot_function) \
	each(cpu_single_thread) \
	each(cpu_saturated) \
	each(cpu_antagonist) \
	each(cpu_quota) \
	each(cpu_priority) \
	each(cpu_affinity) \
	each(cpu_realtime_hog) \
	each(cpu_interrupts) \
	each(cpu_spin) \
	each(disk_sync_writes) \
	each(disk_read_latency) \
	each(mem_reclaim) \
	each(mem_cgroup_limit) \
	each(mem_swap) \
	each(mem_fault_churn) \
	each(lock_user) \
	each(lock_kernel) \
	each(proc_fork) \
	each(proc_thread_churn) \
	each(sched_ping_pong) \
	each(algo_thundering_herd) \
	each(lock_interpreter) \
	each(algo_busy_poll) \
	each(algo_timer_churn) \
	each(net_retransmits)
/* clang-format on */

#define DECLARE(name) extern const struct detector name;
DETECTORS(DECLARE)
#undef DECLARE

#define LIST(name) &name,
const struct detector *const detectors[] = {DETECTORS(LIST) NULL};
