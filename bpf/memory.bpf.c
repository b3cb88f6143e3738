/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * memory: what threads pay for memory: direct reclaim, reclaim at a cgroup's limit, compaction,
 * page faults (counted; one in `fault_period` with its stack), and whom the OOM killer chose.
 */
#include "core/compat.bpf.h"
#include "core/identity.bpf.h"
#include "core/ledger.bpf.h"
#include "core/sampling.bpf.h"
#include "core/targets.bpf.h"
#include <bpf/bpf_tracing.h>

/* One fault in so many is sampled, on average; a power of two is not needed. */
const volatile __u32 fault_period = 64;

GENERATION_MAPS(memory_counts, struct memory_key, struct memory_value, 8192);
static __always_inline void memory_count(enum memory_what what, __u64 ns)
{
	struct memory_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .what = what};
	struct memory_value zero = {}, *value;

	value = generation_add(memory_counts, &key, &zero, DROP_MAP_MEMORY);
	if (!value)
		return;
	/* Threads of one process add on several CPUs. */
	__sync_fetch_and_add(&value->count, 1);
	if (ns)
		__sync_fetch_and_add(&value->ns, ns);
}

/* ---- reclaim and compaction: one thread is in one of them at a time ---- */

static __always_inline int stall_begin(__u32 flag)
{
	struct wire_ledger *ledger = ledger_current();

	if (ledger) {
		ledger->flags |= flag;
		ledger->memory_begin = bpf_ktime_get_ns();
	}
	return 0;
}

static __always_inline int stall_end(__u32 flag, enum memory_what what)
{
	struct wire_ledger *ledger = ledger_current();
	__u64 begin;

	if (!ledger)
		return 0;
	begin = ledger->memory_begin;
	ledger->flags &= ~flag;
	ledger->memory_begin = 0;
	/* Without a begin it began before the programs were attached. */
	if (begin && ledger_targeted(ledger))
		memory_count(what, bpf_ktime_get_ns() - begin);
	return 0;
}

TRACEPOINT("mm_vmscan_direct_reclaim_begin")
int BPF_PROG(memory__reclaim_begin)
{
	return stall_begin(LEDGER_IN_RECLAIM);
}

TRACEPOINT("mm_vmscan_direct_reclaim_end")
int BPF_PROG(memory__reclaim_end)
{
	return stall_end(LEDGER_IN_RECLAIM, MEMORY_RECLAIM_DIRECT);
}

TRACEPOINT("mm_vmscan_memcg_reclaim_begin")
int BPF_PROG(memory__cgroup_begin)
{
	return stall_begin(LEDGER_IN_RECLAIM);
}

TRACEPOINT("mm_vmscan_memcg_reclaim_end")
int BPF_PROG(memory__cgroup_end)
{
	return stall_end(LEDGER_IN_RECLAIM, MEMORY_RECLAIM_CGROUP);
}

TRACEPOINT("mm_compaction_begin")
int BPF_PROG(memory__compaction_begin)
{
	return stall_begin(0);
}

TRACEPOINT("mm_compaction_end")
int BPF_PROG(memory__compaction_end)
{
	return stall_end(0, MEMORY_COMPACTION);
}

/* ---- page faults ---- */

/* Whether a fault counts, and is to be sampled. */
static __always_inline bool fault_due(struct wire_ledger *ledger, enum memory_what what)
{
	if (!ledger_targeted(ledger))
		return false;
	memory_count(what, 0);
	return sample_due(SAMPLED_FAULT, fault_period);
}

/* A fault of user code has the same few kernel frames every time: they are left out. */
TRACEPOINT("page_fault_user")
int BPF_PROG(memory__fault_user)
{
	if (fault_due(ledger_current(), MEMORY_FAULT_USER))
		sample_send(WIRE_FAULT_SAMPLE, 0, stack_user(SLOT_MEMORY), fault_period);
	return 0;
}

/*
 * A system call touches user memory. Attempts to read it with faults disabled trap here too, also
 * those of the programs themselves, under run-queue locks or in NMI: nothing may be touched then.
 */
TRACEPOINT("page_fault_kernel")
int BPF_PROG(memory__fault_kernel)
{
	struct wire_ledger *ledger;

	if (compat_faults_disabled())
		return 0;
	ledger = ledger_current();
	if (fault_due(ledger, MEMORY_FAULT_KERNEL))
		sample_later(ledger, WIRE_FAULT_SAMPLE, stack_kernel(ctx, SLOT_MEMORY),
			     fault_period);
	return 0;
}

/* ---- the OOM killer ---- */

TRACEPOINT("mark_victim")
int memory__oom(__u64 *ctx)
{
	struct wire_life *life = bpf_ringbuf_reserve(&events, sizeof(*life), 0);

	if (!life) {
		drop_count(DROP_RING_OOM);
		return 0;
	}
	__builtin_memset(life, 0, sizeof(*life));
	if (compat_victim_is_task()) {
		identity_fill(&life->who, (struct task_struct *)ctx[0]);
	} else {
		/* Only the id of a thread is told: that of the group leader, mostly. */
		life->who.tid = (__u32)ctx[0];
		life->who.tgid = (__u32)ctx[0];
	}
	life->header.kind = WIRE_OOM;
	life->header.cpu = bpf_get_smp_processor_id();
	life->header.time_ns = bpf_ktime_get_ns();
	life->header.tid = life->who.tid;
	life->header.tgid = life->who.tgid;
	bpf_ringbuf_submit(life, BPF_RB_NO_WAKEUP);
	return 0;
}
