/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks: walked into a scratch record, named by a hash of their frames, and sent to user space
 * once.
 *
 * Each program that takes stacks has a scratch record of its own: a perf sample can interrupt
 * another program half-way. STACK_SCRATCH(name) defines it and
 *
 *   u64 name_kernel(ctx)           the current task's kernel stack: its id, 0 = none
 *   u64 name_user(ctx)             the current task's user stack
 *   u64 name_kernel_of(task)       the kernel stack of a task that does not run
 */
#ifndef STRAIT_STACKS_BPF_H
#define STRAIT_STACKS_BPF_H

#include "core/maps.bpf.h"

/*
 * FNV-1a over whole words, with a shift that lets high bits reach low ones. Every entry is looked
 * at and those behind the last frame are masked: without a branch in it, the loop costs the
 * verifier a thousand instructions instead of twenty thousand, for 0.2 µs a stack.
 */
static __always_inline __u64 stack_hash(const struct wire_stack *stack, __u32 frames, __u64 seed)
{
	__u64 hash = 0xcbf29ce484222325ULL ^ seed;

	for (__u32 i = 0; i < WIRE_FRAMES; i++) {
		__s64 used = (__s64)i - (__s64)frames;

		barrier_var(used); /* or clang makes a branch of the shift */
		used >>= 63;
		hash = (hash ^ (stack->address[i] & (__u64)used)) * 0x100000001b3ULL;
		hash ^= hash >> 29;
	}
	return hash ? hash : 1;
}

/* Sends a walked stack unless its id is known; returns its id, 0 when there is none. */
static __always_inline __u64 stack_send(struct wire_stack *stack, long bytes, bool is_user)
{
	__u64 owner = bpf_get_current_pid_tgid(), id, *seen;
	__u32 frames, slot;

	if (bytes <= 0) {
		if (bytes < 0 && !is_user)
			drop_count(DROP_STACK_READ);
		return 0;
	}
	frames = (__u32)bytes / sizeof(__u64);
	if (frames > WIRE_FRAMES)
		frames = WIRE_FRAMES;
	id = stack_hash(stack, frames, is_user ? owner >> 32 : 0);
	slot = (id ^ id >> 32) & (STACKS_SEEN - 1);
	seen = bpf_map_lookup_elem(&stacks_seen, &slot);
	if (!seen || *seen == id)
		return id;
	stack->header.kind = WIRE_STACK;
	stack->header.cpu = bpf_get_smp_processor_id();
	stack->header.time_ns = bpf_ktime_get_ns();
	stack->header.tid = (__u32)owner;
	stack->header.tgid = owner >> 32;
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

/*
 * name_send() is a global function: the verifier looks at its loops once, not once for every path
 * that leads there (191,000 instructions for sched__switch otherwise).
 */
#define STACK_SCRATCH(name)                                                                        \
	struct name##_map {                                                                        \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, struct wire_stack);                                                  \
	};                                                                                         \
	struct name##_map name SEC(".maps");                                                       \
                                                                                                   \
	static __always_inline struct wire_stack *name##_here(void)                                \
	{                                                                                          \
		__u32 zero = 0;                                                                    \
                                                                                                   \
		return bpf_map_lookup_elem(&name, &zero);                                          \
	}                                                                                          \
                                                                                                   \
	__attribute__((noinline)) __u64 name##_send(__u64 bytes, __u64 is_user)                    \
	{                                                                                          \
		struct wire_stack *stack = name##_here();                                          \
                                                                                                   \
		return stack ? stack_send(stack, (long)bytes, is_user) : 0;                        \
	}                                                                                          \
                                                                                                   \
	static __always_inline __u64 __attribute__((unused)) name##_kernel(void *ctx)              \
	{                                                                                          \
		struct wire_stack *stack = name##_here();                                          \
                                                                                                   \
		return stack ? name##_send(bpf_get_stack(ctx, stack->address,                      \
							 sizeof(stack->address), 0),               \
					   false)                                                  \
			     : 0;                                                                  \
	}                                                                                          \
                                                                                                   \
	static __always_inline __u64 __attribute__((unused)) name##_user(void *ctx)                \
	{                                                                                          \
		struct wire_stack *stack = name##_here();                                          \
                                                                                                   \
		return stack ? name##_send(bpf_get_stack(ctx, stack->address,                      \
							 sizeof(stack->address),                   \
							 BPF_F_USER_STACK),                        \
					   true)                                                   \
			     : 0;                                                                  \
	}                                                                                          \
                                                                                                   \
	static __always_inline __u64 __attribute__((unused))                                       \
	name##_kernel_of(struct task_struct *task)                                                 \
	{                                                                                          \
		struct wire_stack *stack = name##_here();                                          \
                                                                                                   \
		return stack ? name##_send(bpf_get_task_stack(task, stack->address,                \
							      sizeof(stack->address), 0),          \
					   false)                                                  \
			     : 0;                                                                  \
	}

/* Sends one sample of the current thread, its stacks taken by the caller. */
static __always_inline void sample_send(enum wire_kind kind, __u64 kernel_stack, __u64 user_stack,
					__u64 weight)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct wire_sample *sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);

	if (!sample) {
		drop_count(DROP_RING_SAMPLE);
		return;
	}
	sample->header.kind = kind;
	sample->header.cpu = bpf_get_smp_processor_id();
	sample->header.time_ns = bpf_ktime_get_ns();
	sample->header.tid = (__u32)id;
	sample->header.tgid = id >> 32;
	sample->kernel_stack = kernel_stack;
	sample->user_stack = user_stack;
	sample->weight = weight;
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}

#endif
