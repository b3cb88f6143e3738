/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps and settings that all families share, and the licence of the linked object. */
#include "core/context.bpf.h"

const volatile __u64 wait_threshold_ns = 1000000;
const volatile __u32 target_kind = 0;
const volatile __u64 target_cgroup = 0;
const volatile bool has_task_storage = true;
const volatile bool stolen_time;
const volatile __u8 syscall_class[WIRE_SYSCALLS] = {};
const volatile __u32 own_tgid = 0;
const volatile __u32 own_waiter = 0;
const volatile __u32 own_reader = 0;
const volatile __u32 own_namer = 0;
const volatile __u32 own_keeper = 0;
#if defined(__TARGET_ARCH_arm64)
const volatile __u32 page_shift = 12;
#endif

__u32 generation = 0;
__u64 cut_ns = 0;
__u32 calls_on = 0;
__u64 calls_until = 0;
__u32 calls_weight = 0;
__u32 messages_weight = 0;
__u64 sample_weight_ns = 0;
bool context_rarely = false;
__u32 tracepoints_shared = 0;

struct events_map events SEC(".maps");
struct ledger_storage_map ledger_storage SEC(".maps");
struct ledger_hash_map ledger_hash SEC(".maps");
struct cpus_map cpus SEC(".maps");
struct dropped_map dropped SEC(".maps");
struct target_pids_map target_pids SEC(".maps");
struct contexts_map contexts SEC(".maps");
struct doubts_map context_doubts SEC(".maps");
struct unwinds_map unwinds SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";
