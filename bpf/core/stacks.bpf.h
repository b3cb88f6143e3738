/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks: walked into a scratch record, named by a hash of their frames, and sent to user space
 * once. Each family has a scratch record of its own: a perf sample can interrupt another family's
 * program half-way.
 */
#ifndef STRAIT_STACKS_BPF_H
#define STRAIT_STACKS_BPF_H

#include "core/maps.bpf.h"

#define STACK_SCRATCH(name)                                                                        \
	struct name##_map {                                                                        \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, struct wire_stack);                                                  \
	};                                                                                         \
	struct name##_map name SEC(".maps")

/* FNV-1a over whole words, with a final mix: one multiplication a frame. */
static __always_inline __u64 stack_hash(const struct wire_stack *stack, __u32 frames, __u64 seed)
{
	__u64 hash = 0xcbf29ce484222325ULL ^ seed;

	for (__u32 i = 0; i < WIRE_FRAMES; i++) {
		if (i >= frames)
			break;
		hash = (hash ^ stack->address[i]) * 0x100000001b3ULL;
		hash ^= hash >> 29;
	}
	return hash ? hash : 1;
}

/* Sends a walked stack unless its id is known; returns its id, 0 when there is none. */
static __always_inline __u64 stack_send(struct wire_stack *stack, long bytes, bool is_user,
					__u32 tid, __u32 tgid, __u64 now)
{
	__u32 frames, slot;
	__u64 id, *seen;

	if (bytes <= 0) {
		if (bytes < 0 && !is_user)
			drop_count(DROP_STACK_READ);
		return 0;
	}
	frames = (__u32)bytes / sizeof(__u64);
	if (frames > WIRE_FRAMES)
		frames = WIRE_FRAMES;
	id = stack_hash(stack, frames, is_user ? tgid : 0);
	slot = (id ^ id >> 32) & (STACKS_SEEN - 1);
	seen = bpf_map_lookup_elem(&stacks_seen, &slot);
	if (!seen || *seen == id)
		return id;
	stack->header.kind = WIRE_STACK;
	stack->header.cpu = bpf_get_smp_processor_id();
	stack->header.time_ns = now;
	stack->header.tid = tid;
	stack->header.tgid = tgid;
	stack->id = id;
	stack->is_user = is_user;
	stack->frames = frames;
	if (bpf_ringbuf_output(&events, stack,
			       __builtin_offsetof(struct wire_stack, address) +
				       frames * sizeof(__u64),
			       BPF_RB_NO_WAKEUP))
		drop_count(DROP_RING_STACK);
	else
		*seen = id;
	return id;
}

/* The current task's kernel stack (from a tracepoint or perf event): its id. */
static __always_inline __u64 stack_kernel(void *ctx, struct wire_stack *scratch, __u32 tid,
					  __u32 tgid, __u64 now)
{
	return stack_send(scratch,
			  bpf_get_stack(ctx, scratch->address, sizeof(scratch->address), 0), false,
			  tid, tgid, now);
}

/* The current task's user stack: its id. */
static __always_inline __u64 stack_user(void *ctx, struct wire_stack *scratch, __u32 tid,
					__u32 tgid, __u64 now)
{
	return stack_send(
		scratch,
		bpf_get_stack(ctx, scratch->address, sizeof(scratch->address), BPF_F_USER_STACK),
		true, tid, tgid, now);
}

#endif
