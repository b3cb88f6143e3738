/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mapping that holds an address of the current process, found without its lock: the tree is
 * read with bpf_probe_read_kernel(), so what changes meanwhile gives a wrong answer at worst, and
 * the caller checks the answer (its bounds hold the address). bpf_find_vma() takes the lock, and
 * with interrupts off only once.
 *
 * 6.1, d4af56c5c7c6: the mappings of a process are in a maple tree; before that, a red-black tree.
 */
#ifndef STRAIT_VMA_BPF_H
#define STRAIT_VMA_BPF_H

#include "core/compat.bpf.h"

/* include/linux/maple_tree.h: a node's address has its type in bits 3 to 6, its flags below 3. */
#define MAPLE_DEPTH      8 /* 10 children at least: 10^8 mappings */
#define MAPLE_NODE_MASK  0xffULL
#define MAPLE_TYPE(node) ((node) >> 3 & 15)
#define MAPLE_LEAF_64    1
#define MAPLE_RANGE_64   2
#define MAPLE_ARANGE_64  3
#define RB_DEPTH         40

/*
 * The child of a node that holds `address`, 0 = none. A global function, as in stacks.bpf.h.
 */
__u64 maple_child(__u64 entry, __u64 address);

static __always_inline struct vm_area_struct *vma_in_maple(struct mm_struct *mm, __u64 address)
{
	__u64 entry = (__u64)BPF_CORE_READ(mm, mm_mt.ma_root);

	for (int depth = 0; depth < MAPLE_DEPTH; depth++) {
		__u64 type = MAPLE_TYPE(entry);

		if (!(entry & ~MAPLE_NODE_MASK) || type < MAPLE_LEAF_64 || type > MAPLE_ARANGE_64)
			return NULL;
		entry = maple_child(entry, address);
		if (type == MAPLE_LEAF_64)
			return (struct vm_area_struct *)entry;
	}
	return NULL;
}

struct mm_struct___rb {
	struct rb_root mm_rb;
} __attribute__((preserve_access_index));

struct vm_area_struct___rb {
	struct rb_node vm_rb;
	unsigned long vm_start, vm_end;
} __attribute__((preserve_access_index));

static __always_inline struct vm_area_struct *vma_in_rb(struct mm_struct *mm, __u64 address)
{
	struct mm_struct___rb *old = (void *)mm;
	struct rb_node *node = BPF_CORE_READ(old, mm_rb.rb_node);
	__u32 offset = bpf_core_field_offset(struct vm_area_struct___rb, vm_rb);

	for (int depth = 0; depth < RB_DEPTH && node; depth++) {
		struct vm_area_struct___rb *vma = (void *)node - offset;

		if (address >= BPF_CORE_READ(vma, vm_end))
			node = BPF_CORE_READ(node, rb_right);
		else if (address < BPF_CORE_READ(vma, vm_start))
			node = BPF_CORE_READ(node, rb_left);
		else
			return (struct vm_area_struct *)vma;
	}
	return NULL;
}

/*
 * The kernel counts what changes the mappings of a process, for caches of its own:
 * before 6.1 (7964cf8caa4d) what takes one away, from 6.4 (5e31275cc997) each time that the lock of
 * the mappings was held for writing; from 6.13 (eb449bd96954) as a seqcount_t.
 */
struct mm_struct___vmacache {
	__u64 vmacache_seqnum;
} __attribute__((preserve_access_index));

struct mm_struct___lock_int {
	int mm_lock_seq;
} __attribute__((preserve_access_index));

struct vma_seqcount {
	__u32 sequence;
} __attribute__((preserve_access_index));

struct mm_struct___lock_seqcount {
	struct vma_seqcount mm_lock_seq;
} __attribute__((preserve_access_index));

/* While it stays the same, and is not 0, what vma_find() found is there. 0 = not known here. */
static __always_inline __u64 vma_stamp(struct mm_struct *mm)
{
	struct mm_struct___lock_seqcount *new = (void *)mm;
	struct mm_struct___vmacache *old = (void *)mm;
	struct mm_struct___lock_int *lock = (void *)mm;
	__u32 count = 0;

	if (bpf_core_field_exists(new->mm_lock_seq))
		bpf_core_read(&count, sizeof(count), &new->mm_lock_seq);
	else if (bpf_core_field_exists(lock->mm_lock_seq))
		bpf_core_read(&count, sizeof(count), &lock->mm_lock_seq);
	else if (bpf_core_field_exists(old->vmacache_seqnum))
		bpf_core_read(&count, sizeof(count), &old->vmacache_seqnum);
	else
		return 0;
	return count | 1ULL << 32;
}

static __always_inline struct vm_area_struct *vma_find(struct mm_struct *mm, __u64 address)
{
	struct mm_struct___rb *old = (void *)mm;

	if (bpf_core_field_exists(old->mm_rb))
		return vma_in_rb(mm, address);
	return vma_in_maple(mm, address);
}

#endif
