/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One event of so many gets its stacks: families that see too many to walk a stack at each. */
#ifndef STRAIT_SAMPLING_BPF_H
#define STRAIT_SAMPLING_BPF_H

#include "core/compat.bpf.h"
#include "core/ledger.bpf.h"
#include "core/stacks.bpf.h"

enum sampled_event { SAMPLED_FAULT, SAMPLED_BLOCK, SAMPLED_NET, SAMPLED_CALL, SAMPLED_EVENTS };

/* Events until the next sample, on each CPU. */
struct countdowns_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SAMPLED_EVENTS);
	__type(key, __u32);
	__type(value, __u32);
};
extern struct countdowns_map countdowns SEC(".maps");

/*
 * Whether this event is sampled. The distance to the next is uniform in 1 … 2 × period - 1: its
 * mean is the period, and no regular pattern of events keeps in step with it. The first distance is
 * uniform in 1 … period, so that the first events count as much as any.
 */
static __always_inline bool sample_due(enum sampled_event event, __u32 period)
{
	__u32 key = event, *left = bpf_map_lookup_elem(&countdowns, &key);

	if (!left)
		return false;
	if (!*left)
		*left = bpf_get_prandom_u32() % period + 1;
	if (--*left)
		return false;
	*left = bpf_get_prandom_u32() % (2 * period - 1) + 1;
	return true;
}

/* Sends the sample that waits in the ledger of the current thread; user_stack 0 = none. */
static __always_inline void sample_finish(struct wire_ledger *ledger, __u64 user_stack)
{
	__u32 kind = ledger->sample_kind;

	ledger->sample_kind = 0;
	sample_send(kind, ledger->sample_kernel_stack, user_stack, ledger->sample_weight);
}

/*
 * The current thread's sample gets its user stack at the end of the system call, or where the
 * thread blocks before that: the programs there unwind anyway, and every other one that did would
 * take 8 ms longer to load. Without a system call (a page fault reads from a disk) it is the block
 * or nothing.
 */
static __always_inline void sample_later(struct wire_ledger *ledger, enum wire_kind kind,
					 __u64 kernel_stack, __u64 weight)
{
	if (ledger->sample_kind)
		sample_finish(ledger, 0);
	ledger->sample_kernel_stack = kernel_stack;
	ledger->sample_weight = weight;
	ledger->sample_ip = compat_user_ip(compat_user_registers());
	ledger->sample_kind = kind;
	if (ledger->flags & LEDGER_KTHREAD)
		sample_finish(ledger, 0);
}

#endif
