/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * alloc: calls of the allocators of user space, counted by process and function, and sampled by
 * bytes with their stacks. The programs are at uprobes that user space chooses (allocators.h); what
 * is asked for is counted, whether or not it is had.
 *
 * A call of so many bytes is sampled with the probability bytes / alloc_mean, at most 1, and stands
 * for the larger of both: what all samples stand for is, in the mean, what was asked for, at any
 * alloc_mean. (Threshold sampling: Duffield, Lund, Thorup, "Learn more, sample less", 2005: of all
 * ways to take as many samples it has the least variance.)
 */
#include "core/compat.bpf.h"
#include "core/ledger.bpf.h"
#include "core/stacks.bpf.h"
#include "core/targets.bpf.h"
#include <bpf/bpf_tracing.h>

/*
 * No program gets as much: the call would outweigh all that succeed. With any weight (1 << 20 at
 * most) it stays a number.
 */
#define BYTES_MOST (1ULL << 43)
#define LASTS      4096 /* a power of two */

/* Set by user space while probes are observed; see calls_on and its kin in maps.bpf.h. */
__u32 alloc_on = 0;
__u64 alloc_until = 0;
__u32 alloc_weight = 0;
__u64 alloc_mean = 0; /* bytes, below 1 << 32 */

GENERATION_MAPS(alloc_counts, struct alloc_key, struct alloc_value, 4096);

struct alloc_points_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ALLOC_POINTS);
	__type(key, __u32);
	__type(value, struct alloc_point);
} alloc_points SEC(".maps");

/* A function of an allocator that was called: its code, and where it was called from. */
struct alloc_function {
	__u64 begin, end;
};

/*
 * The last calls of a thread, to know those that an allocator makes of itself: realloc() of nothing
 * is malloc(), calloc() of some libraries calls it. `owner` tells who has the slot.
 */
struct alloc_last {
	__u64 owner;
	struct alloc_function outer, inner;
	__u64 sp, from; /* of the last one: at its begin, and its return address */
};

struct alloc_lasts_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LASTS);
	__type(key, __u32);
	__type(value, struct alloc_last);
} alloc_lasts SEC(".maps");

/* Programs at uprobes can be preempted by others on their CPU (6.0): walks that are under way. */
struct alloc_walks_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} alloc_walks SEC(".maps");

static __always_inline bool alloc_within(const struct alloc_function *function, __u64 address)
{
	return address >= function->begin && address < function->end;
}

/*
 * Whether the call is part of the last one: it came out of that function's code, or that function
 * ended by jumping to this one, with the same return address in the same place.
 */
static __always_inline bool alloc_is_inner(struct pt_regs *regs, const struct alloc_point *point)
{
	__u64 owner = bpf_get_current_pid_tgid(), begin = PT_REGS_IP(regs) - point->ahead;
	__u64 sp = PT_REGS_SP(regs) + point->depth, from = 0;
	__u32 slot = owner & (LASTS - 1);
	struct alloc_last *last = bpf_map_lookup_elem(&alloc_lasts, &slot);
	bool inner;

	if (!last || bpf_probe_read_user(&from, sizeof(from), (void *)sp))
		return false;
	inner = last->owner == owner &&
		(alloc_within(&last->outer, from) || alloc_within(&last->inner, from) ||
		 (last->from == from && last->sp == sp && last->inner.begin != begin));
	last->owner = owner;
	last->inner.begin = begin;
	last->inner.end = begin + point->length;
	last->sp = sp;
	last->from = from;
	if (!inner)
		last->outer = last->inner;
	return inner;
}

static __always_inline void alloc_count(enum alloc_call call, __u64 bytes)
{
	struct alloc_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .call = call};
	struct alloc_value zero = {}, *value;
	__u64 weight = alloc_weight;

	value = generation_add(alloc_counts, &key, &zero, DROP_MAP_ALLOC);
	if (!value)
		return;
	/* Threads of one process add on several CPUs. */
	__sync_fetch_and_add(&value->count, weight);
	__sync_fetch_and_add(&value->bytes, bytes * weight / WIRE_CALL_WEIGHT);
}

static __always_inline void alloc_sample(__u64 bytes)
{
	__u64 mean = alloc_mean, weight = bytes > mean ? bytes : mean, stack;
	__u32 zero = 0;
	volatile __u32 *walks;

	if (bytes < mean && bpf_get_prandom_u32() * mean >= bytes << 32)
		return;
	walks = bpf_map_lookup_elem(&alloc_walks, &zero);
	if (!walks)
		return;
	__sync_fetch_and_add(walks, 1);
	if (*walks != 1) {
		drop_count(DROP_ALLOC_BUSY);
		__sync_fetch_and_add(walks, -1);
		return;
	}
	stack = stack_user(SLOT_ALLOC);
	__sync_fetch_and_add(walks, -1);
	sample_put(WIRE_ALLOC_SAMPLE, 0, stack, weight * alloc_weight / WIRE_CALL_WEIGHT,
		   DROP_RING_ALLOC);
}

/* Whether a call is observed; `*point` is where the probe is. */
static __always_inline bool alloc_due(struct pt_regs *regs, enum alloc_call call,
				      struct alloc_point **point)
{
	__u32 at = call * ALLOC_PAGE + (PT_REGS_IP(regs) & (ALLOC_PAGE - 1));
	struct cpu_state *cpu = cpu_here();

	*point = bpf_map_lookup_elem(&alloc_points, &at);
	if (!cpu || !*point)
		return false;
	/* By themselves, for the thread may be preempted by another that counts here, too. */
	__sync_fetch_and_add(&cpu->told.probes, 1);
	__sync_fetch_and_add(&cpu->told.probe_ns, (__u64)(*point)->trap_ns);
	if (!alloc_on || !ledger_targeted(ledger_current()))
		return false;
	/* The stretch of time is over, and user space late. */
	if (alloc_until && bpf_ktime_get_ns() > alloc_until) {
		alloc_on = 0;
		return false;
	}
	return !alloc_is_inner(regs, *point);
}

static __always_inline int alloc_called(struct pt_regs *regs, enum alloc_call call, __u64 bytes)
{
	struct alloc_point *point;

	if (!alloc_due(regs, call, &point))
		return 0;
	if (bytes > BYTES_MOST)
		bytes = 0;
	alloc_count(call, bytes);
	alloc_sample(bytes);
	return 0;
}

SEC("uprobe")
int alloc__malloc(struct pt_regs *regs)
{
	return alloc_called(regs, ALLOC_MALLOC, PT_REGS_PARM1(regs));
}

SEC("uprobe")
int alloc__calloc(struct pt_regs *regs)
{
	__u64 count = PT_REGS_PARM1(regs), size = PT_REGS_PARM2(regs);

	/* Or the product might not fit. */
	if (size && count > BYTES_MOST / size)
		count = 0;
	return alloc_called(regs, ALLOC_CALLOC, count * size);
}

SEC("uprobe")
int alloc__realloc(struct pt_regs *regs)
{
	return alloc_called(regs, ALLOC_REALLOC, PT_REGS_PARM2(regs));
}

SEC("uprobe")
int alloc__aligned(struct pt_regs *regs)
{
	return alloc_called(regs, ALLOC_ALIGNED, PT_REGS_PARM2(regs));
}

SEC("uprobe")
int alloc__posix(struct pt_regs *regs)
{
	return alloc_called(regs, ALLOC_POSIX, PT_REGS_PARM3(regs));
}
