/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/metrics.h"

#include <string.h>

#include "states.h"

#define BIT(state) (1u << (state))

#define POINT(n, u, l, w, r, text)                                                                 \
	{                                                                                          \
		.name = n, .unit = u, .label = l, .worse = w, .resolution = r, .what = text,       \
		.source = METRIC_POINT                                                             \
	}
#define LEDGER(n, w, bits, text)                                                                   \
	{                                                                                          \
		.name = n, .unit = "threads", .worse = w, .resolution = 0.05, .what = text,        \
		.source = METRIC_LEDGER, .states = bits                                            \
	}
#define LATENCY(n, l, f, m, s, text)                                                               \
	{                                                                                          \
		.name = n, .unit = "ms", .label = l, .worse = 1, .resolution = 0.01, .what = text, \
		.source = METRIC_BUCKETS, .from = m, .family = f, .suffix = s, .scale = 1e-6       \
	}
#define COUNT(n, u, l, w, r, f, m, text)                                                           \
	{                                                                                          \
		.name = n, .unit = u, .label = l, .worse = w, .resolution = r, .what = text,       \
		.source = METRIC_COUNT, .from = m, .family = f, .scale = 1                         \
	}

/*
 * Resolutions: a percentage of CPU time is counted in ticks of 10 ms, so one tick of one CPU in a
 * slice of a second is 1 %; rates below one event a second are single events.
 */
const struct metric_kind metric_kinds[] = {
	POINT("cpu_busy_percent", "percent", NULL, 1, 1, "CPU time spent working, all CPUs"),
	POINT("cpu_user_percent", "percent", NULL, 1, 1, "CPU time in user code"),
	POINT("cpu_system_percent", "percent", NULL, 1, 1, "CPU time in the kernel"),
	POINT("cpu_interrupt_percent", "percent", NULL, 1, 1,
	      "CPU time in hard and soft interrupts"),
	POINT("cpu_iowait_percent", "percent", NULL, 1, 1,
	      "CPU time idle while a thread waited for a disk"),
	POINT("cpu_steal_percent", "percent", NULL, 1, 1, "CPU time the hypervisor gave to others"),
	POINT("cpu_busiest_percent", "percent", NULL, 1, 2, "busy time of the busiest CPU"),
	POINT("runnable_threads", "threads", NULL, 1, 1,
	      "threads running or ready, beside the reader, at the end of a slice"),
	POINT("blocked_threads", "threads", NULL, 1, 1,
	      "threads waiting for a disk at the end of a slice"),
	POINT("load_1m", "threads", NULL, 1, 0.1, "the kernel's load average of one minute"),
	POINT("context_switches_per_s", "1/s", NULL, 0, 20, "switches from one thread to another"),
	POINT("interrupts_per_s", "1/s", NULL, 0, 20, "interrupts served"),
	POINT("forks_per_s", "1/s", NULL, 1, 1, "processes and threads created"),

	LEDGER("threads_running", 0,
	       BIT(STATE_RUN_USER) | BIT(STATE_RUN_KERNEL) | BIT(STATE_RUN_IRQ) |
		       BIT(STATE_RUN_STOLEN),
	       "threads on a CPU, on average"),
	LEDGER("threads_waiting_cpu", 1, BIT(STATE_READY_WOKEN) | BIT(STATE_READY_PREEMPTED),
	       "threads ready to run without a CPU, on average"),
	LEDGER("threads_throttled", 1, BIT(STATE_READY_THROTTLED),
	       "threads held back by a CPU quota, on average"),
	LEDGER("threads_waiting_disk", 1, BIT(STATE_WAIT_DISK_READ) | BIT(STATE_WAIT_DISK_WRITE),
	       "threads waiting for a disk, on average"),
	LEDGER("threads_waiting_memory", 1, BIT(STATE_WAIT_FAULT) | BIT(STATE_WAIT_RECLAIM),
	       "threads waiting for memory to be read in or reclaimed, on average"),
	LEDGER("threads_waiting_kernel_lock", 1, BIT(STATE_WAIT_LOCK_KERNEL),
	       "threads waiting for a lock of the kernel, on average"),
	LATENCY("runqueue_ms", NULL, "sched", "sched.runqueue_ns", NULL, "from ready to running"),

	POINT("psi_cpu_some_percent", "percent", NULL, 1, 1,
	      "time in which some thread waited for a CPU"),
	POINT("psi_memory_some_percent", "percent", NULL, 1, 1,
	      "time in which some thread waited for memory"),
	POINT("psi_memory_full_percent", "percent", NULL, 1, 1,
	      "time in which all threads waited for memory"),
	POINT("psi_io_some_percent", "percent", NULL, 1, 1,
	      "time in which some thread waited for I/O"),
	POINT("psi_io_full_percent", "percent", NULL, 1, 1,
	      "time in which all threads waited for I/O"),

	POINT("memory_used_percent", "percent", NULL, 1, 1,
	      "memory that is not available to new work"),
	POINT("memory_available_bytes", "bytes", NULL, -1, 16 << 20,
	      "memory that new work could get without swapping"),
	POINT("memory_dirty_bytes", "bytes", NULL, 1, 4 << 20, "file pages waiting to be written"),
	POINT("swap_used_percent", "percent", NULL, 1, 1, "swap space in use"),
	POINT("swap_in_bytes_per_s", "bytes/s", NULL, 1, 4096, "memory read back from swap"),
	POINT("swap_out_bytes_per_s", "bytes/s", NULL, 1, 4096, "memory written to swap"),
	POINT("page_faults_per_s", "1/s", NULL, 0, 20, "page faults"),
	POINT("page_faults_major_per_s", "1/s", NULL, 1, 1, "page faults that read from a disk"),
	POINT("memory_refault_bytes_per_s", "bytes/s", NULL, 1, 4096,
	      "file pages read again soon after they were reclaimed"),
	POINT("memory_direct_reclaim_bytes_per_s", "bytes/s", NULL, 1, 4096,
	      "memory reclaimed by the threads that asked for it"),
	POINT("memory_oom_kills", "count", NULL, 1, 0.5,
	      "processes killed for want of memory in a slice"),

	POINT("disk_read_bytes_per_s", "bytes/s", "device", 0, 4096, "bytes read"),
	POINT("disk_write_bytes_per_s", "bytes/s", "device", 0, 4096, "bytes written"),
	POINT("disk_reads_per_s", "1/s", "device", 0, 1, "reads completed"),
	POINT("disk_writes_per_s", "1/s", "device", 0, 1, "writes completed"),
	POINT("disk_flushes_per_s", "1/s", "device", 0, 1, "cache flushes completed"),
	POINT("disk_busy_percent", "percent", "device", 1, 1, "time with a request in progress"),
	POINT("disk_in_flight", "requests", "device", 1, 0.1, "requests in progress, on average"),
	LATENCY("disk_read_ms", "device", "block", "block.device_ns", " read",
		"reads, from issue to completion"),
	LATENCY("disk_write_ms", "device", "block", "block.device_ns", " write",
		"writes, from issue to completion"),
	LATENCY("disk_flush_ms", "device", "block", "block.device_ns", " flush",
		"cache flushes, from issue to completion"),
	LATENCY("disk_read_queue_ms", "device", "block", "block.queue_ns", " read",
		"reads, waiting to be issued"),
	LATENCY("disk_write_queue_ms", "device", "block", "block.queue_ns", " write",
		"writes, waiting to be issued"),
	COUNT("disk_errors_per_s", "1/s", NULL, 1, 0.01, "block", "block.errors",
	      "requests that failed, all devices"),

	POINT("net_receive_bytes_per_s", "bytes/s", "interface", 0, 1024, "bytes received"),
	POINT("net_send_bytes_per_s", "bytes/s", "interface", 0, 1024, "bytes sent"),
	POINT("net_receive_packets_per_s", "1/s", "interface", 0, 5, "packets received"),
	POINT("net_send_packets_per_s", "1/s", "interface", 0, 5, "packets sent"),
	POINT("net_drops_per_s", "1/s", "interface", 1, 1, "packets dropped, both ways"),
	POINT("net_errors_per_s", "1/s", "interface", 1, 1, "packets with errors, both ways"),
	POINT("tcp_segments_sent_per_s", "1/s", NULL, 0, 5, "TCP segments sent"),
	POINT("tcp_retransmits_per_s", "1/s", NULL, 1, 1, "TCP segments sent again"),
	POINT("tcp_listen_drops_per_s", "1/s", NULL, 1, 1,
	      "connections dropped because a listen queue was full"),

	COUNT("syscalls_per_s", "1/s", NULL, 0, 50, "syscall", "syscall.count", "system calls"),
	COUNT("syscall_errors_per_s", "1/s", NULL, 0, 5, "syscall", "syscall.errors",
	      "system calls that failed"),

	POINT("cgroup_quota_cpus", "CPUs", "cgroup", 0, 0.01, "CPUs that the quota allows"),
	POINT("cgroup_throttled_ms", "ms", "cgroup", 1, 5,
	      "time throttled in a slice, summed over CPUs"),
	POINT("cgroup_throttled_percent", "percent", "cgroup", 1, 1,
	      "quota periods that ended throttled"),
	POINT("cgroup_memory_limit_bytes", "bytes", "cgroup", 0, 4096, "the memory limit"),
	POINT("cgroup_memory_used_percent", "percent", "cgroup", 1, 1,
	      "share of the memory limit in use"),
	POINT("cgroup_memory_failcnt", "count", "cgroup", 1, 0.5,
	      "times the memory limit was hit in a slice"),
	POINT("cgroup_oom_kills", "count", "cgroup", 1, 0.5,
	      "processes killed at the memory limit in a slice"),
};

const size_t metric_kind_count = sizeof(metric_kinds) / sizeof(metric_kinds[0]);

const struct metric_kind *metric_find(const char *name)
{
	for (size_t i = 0; i < metric_kind_count; i++)
		if (!strcmp(metric_kinds[i].name, name))
			return &metric_kinds[i];
	return NULL;
}
