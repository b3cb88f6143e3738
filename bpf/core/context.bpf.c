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
	for (int i = 0; i < UNWIND_RETURNS; i++) {
		__u64 word = 0;

		bpf_probe_read_user(&word, sizeof(word), (void *)(sp + doubt->returns[i] * 8ULL));
		hash = stack_hash_step(hash, word);
	}
	return context_finish(hash);
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
		context_send(slot->kernel_stack, slot->user_stack, slot->tid, slot->tgid,
			     slot->what, count, ns);
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
