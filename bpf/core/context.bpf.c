/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The context cache: its memory, and what it does where a key is not enough. */
#include "core/context.bpf.h"

struct wire_context_stats context_stats;

static __always_inline struct context_doubt *doubt_of(__u64 key)
{
	__u32 slot = key >> 32 & (CONTEXT_DOUBTS - 1);

	return bpf_map_lookup_elem(&context_doubts, &slot);
}

__attribute__((noinline)) __u64 context_doubt(__u64 key, __u64 place)
{
	struct context_doubt *doubt = doubt_of(key);
	__u32 slot = place;
	struct unwind *walk = bpf_map_lookup_elem(&unwinds, &slot);

	if (!doubt || !walk)
		return 0;
	doubt->key = 0;
	barrier();
	__builtin_memcpy(doubt->returns, walk->returns, sizeof(doubt->returns));
	barrier();
	doubt->key = key;
	return 0;
}

__attribute__((noinline)) __u64 context_extend(__u64 key, __u64 sp)
{
	struct context_doubt *doubt = doubt_of(key);
	__u64 hash = key;

	if (!doubt || doubt->key != key)
		return key;
	if (ARCH_HAS_LINK)
		hash = stack_hash_step(hash, arch_link(compat_user_registers()));
	for (int i = 0; i < UNWIND_RETURNS; i++) {
		__u64 word = 0;

		bpf_probe_read_user(&word, sizeof(word), (void *)(sp + doubt->returns[i] * 8ULL));
		hash = stack_hash_step(hash, word);
	}
	return context_finish(hash);
}

__attribute__((noinline)) __u64 context_send(__u64 kernel_stack, __u64 user_stack, __u64 id,
					     __u64 what_count, __u64 ns)
{
	struct wire_context_sum *sum = bpf_ringbuf_reserve(&events, sizeof(*sum), 0);

	if (!sum) {
		drop_count(DROP_RING_CONTEXT);
		return 0;
	}
	sum->header.kind = WIRE_CONTEXT;
	sum->header.cpu = bpf_get_smp_processor_id();
	sum->header.time_ns = bpf_ktime_get_ns();
	sum->header.tid = (__u32)id;
	sum->header.tgid = id >> 32;
	sum->kernel_stack = kernel_stack;
	sum->user_stack = user_stack;
	/* Both sides may have taken the same from a slot: then it is below 0 until its next turn.
	 */
	sum->count = (__s32)what_count;
	sum->ns = ns;
	sum->what = what_count >> 32;
	sum->pad = 0;
	bpf_ringbuf_submit(sum, BPF_RB_NO_WAKEUP);
	return 0;
}

__attribute__((noinline)) __u64 context_add(__u64 key, __u64 count, __u64 ns)
{
	struct wire_context *slot = context_slot(key);

	if (!slot)
		return 1;
	if (!context_held(slot, key))
		return 0;
	__sync_fetch_and_add(&slot->count, count);
	__sync_fetch_and_add(&slot->ns, ns);
	return 1;
}

__attribute__((noinline)) __u64 context_take(__u64 key, __u64 kernel_stack, __u64 user_stack,
					     __u64 what, __u64 place)
{
	struct wire_context *slot = context_slot(key);
	__u64 id = bpf_get_current_pid_tgid();
	__s64 count, ns;

	if (!slot)
		return 0;
	count = slot->count;
	ns = slot->ns;
	if (count || ns) {
		__sync_fetch_and_add(&slot->count, -count);
		__sync_fetch_and_add(&slot->ns, -ns);
		context_send(slot->kernel_stack, slot->user_stack,
			     (__u64)slot->tgid << 32 | slot->tid,
			     context_what_count(slot->what, count), ns);
	}
	slot->check = 0;
	barrier();
	slot->kernel_stack = kernel_stack;
	slot->user_stack = user_stack;
	slot->tid = (__u32)id;
	slot->tgid = id >> 32;
	slot->what = what;
	slot->provisional = unwind_was_early(place);
	slot->doubtful = 0;
	barrier();
	slot->check = context_check(slot, key);
	return 0;
}
