/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stacks: walked into a scratch record, named by a hash of their frames, and sent to user space
 * once.
 *
 * Each program that takes stacks has a scratch slot of its own: a perf sample can interrupt another
 * program half-way.
 *
 *   u64 stack_kernel(ctx, slot)       the current task's kernel stack: its id, 0 = none
 *   u64 stack_kernel_above(ctx, slot, skip)    the same without the innermost frames
 *   u64 stack_user(slot)              the current task's user stack (unwind.bpf.c)
 */
#ifndef STRAIT_STACKS_BPF_H
#define STRAIT_STACKS_BPF_H

#include "core/maps.bpf.h"

enum stack_slot {
	SLOT_CPU,
	SLOT_SCHED,
	SLOT_SYSCALL,
	SLOT_MEMORY,
	SLOT_BLOCK,
	SLOT_ALLOC,
	STACK_SLOTS
};

struct stack_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STACK_SLOTS);
	__type(key, __u32);
	__type(value, struct wire_stack);
};
extern struct stack_scratch_map stack_scratch SEC(".maps");

/* Ids that were sent already; direct-mapped, a collision only sends frames again. */
#define STACKS_SEEN 32768
struct stacks_seen_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STACKS_SEEN);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct stacks_seen_map stacks_seen SEC(".maps");

/*
 * FNV-1a over whole words, with a shift that lets high bits reach low ones: one step for a word.
 */
#define STACK_HASH_BEGIN 0xcbf29ce484222325ULL
static __always_inline __u64 stack_hash_step(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x100000001b3ULL;
	return hash ^ hash >> 29;
}

/* Where the id is remembered once it was sent; NULL never. */
static __always_inline __u64 *stack_seen(__u64 id)
{
	__u32 slot = (id ^ id >> 32) & (STACKS_SEEN - 1);

	return bpf_map_lookup_elem(&stacks_seen, &slot);
}

static __always_inline void header_fill(struct wire_header *header, enum wire_kind kind)
{
	__u64 owner = bpf_get_current_pid_tgid();

	header->kind = kind;
	header->cpu = bpf_get_smp_processor_id();
	header->time_ns = bpf_ktime_get_ns();
	header->tid = (__u32)owner;
	header->tgid = owner >> 32;
}

/*
 * Global functions: the verifier looks at their loops once, not once for every path that leads
 * there (191,000 instructions for sched__switch otherwise). Kernels before 5.12 let them take
 * numbers only.
 */

/* Sends `bytes` of addresses in the slot's scratch unless they are known; returns their id. */
__u64 stack_kernel_send(__u64 slot, __u64 bytes);
/* Unwinds the current task's user stack, sends it unless it is known; returns its id, 0 = none. */
__u64 stack_user(__u64 slot);
/*
 * Tells user space of a file that is mapped to run, unless it knows: `file` is a struct file *;
 * start, end (addresses) and offset (bytes) are its mapping, 0 = about to be made; tgid is who maps
 * it, 0 = the current process. Returns the id of the file.
 */
__u64 file_tell(__u64 file, __u64 start, __u64 end, __u64 offset, __u64 tgid);

static __always_inline struct wire_stack *stack_scratch_of(enum stack_slot slot)
{
	__u32 key = slot;

	return bpf_map_lookup_elem(&stack_scratch, &key);
}

/* `skip` frames at the leaf are left out. */
static __always_inline __u64 stack_kernel_above(void *ctx, enum stack_slot slot, __u64 skip)
{
	struct wire_stack *stack = stack_scratch_of(slot);

	return stack ? stack_kernel_send(slot, bpf_get_stack(ctx, stack->address,
							     sizeof(stack->address), skip))
		     : 0;
}

static __always_inline __u64 stack_kernel(void *ctx, enum stack_slot slot)
{
	return stack_kernel_above(ctx, slot, 0);
}

/* Sends one sample of the current thread, its stacks taken by the caller; `full`: why it may be
 * lost. */
static __always_inline void sample_put(enum wire_kind kind, __u64 kernel_stack, __u64 user_stack,
				       __u64 weight, enum drop_reason full)
{
	struct wire_sample *sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);

	if (!sample) {
		drop_count(full);
		return;
	}
	header_fill(&sample->header, kind);
	sample->kernel_stack = kernel_stack;
	sample->user_stack = user_stack;
	sample->weight = weight;
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}

/* The same of the kinds from WIRE_CPU_SAMPLE to WIRE_CALL_SAMPLE. */
static __always_inline void sample_send(enum wire_kind kind, __u64 kernel_stack, __u64 user_stack,
					__u64 weight)
{
	sample_put(kind, kernel_stack, user_stack, weight,
		   DROP_RING_CPU + (kind - WIRE_CPU_SAMPLE));
}

#endif
