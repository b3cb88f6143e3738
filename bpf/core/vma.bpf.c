/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One step down the tree of mappings. */
#include "core/vma.bpf.h"

#define MAPLE_PIVOTS        15 /* of a range node */
#define MAPLE_ARANGE_PIVOTS 9

#define PIVOTS_OF(node, kind)                                                                      \
	((void *)__builtin_preserve_access_index(&((struct maple_node *)(node))->kind.pivot))
#define SLOTS_OF(node, kind)                                                                       \
	((void *)__builtin_preserve_access_index(&((struct maple_node *)(node))->kind.slot))

/* pivot[i] is the last address of slot i; a pivot of 0 says that slot i is the last. */
__attribute__((noinline)) __u64 maple_child(__u64 entry, __u64 address)
{
	void *node = (void *)(entry & ~MAPLE_NODE_MASK);
	__u64 type = MAPLE_TYPE(entry), arange = type & type >> 1 & 1; /* of 1 to 3: 3 */
	__u64 pivot[MAPLE_PIVOTS], child = 0, slot = 0, beyond = -1;
	__s64 pivots;
	void *at;

	/* Where there is no such tree, nothing below may reach the verifier. */
	if (!bpf_core_type_exists(struct maple_node))
		return 0;
	/*
	 * No branch in it: fifteen ways out would be followed one by one by the verifier, and all
	 * of it twice for the two kinds of nodes. Pivots are the last bytes of pages, so that half
	 * of them compares as they do.
	 */
	barrier_var(arange); /* or clang makes branches of the products, and of the shifts below */
	pivots = MAPLE_PIVOTS - arange * (MAPLE_PIVOTS - MAPLE_ARANGE_PIVOTS);
	at = PIVOTS_OF(node, mr64) + arange * (PIVOTS_OF(node, ma64) - PIVOTS_OF(node, mr64));
	if (bpf_probe_read_kernel(pivot, sizeof(pivot), at))
		return 0;
	for (__s64 i = 0; i < MAPLE_PIVOTS; i++) {
		__s64 below = (__s64)(pivot[i] >> 1) - (__s64)(address >> 1);
		__s64 set = -pivot[i], kept = i - pivots;

		barrier_var(below);
		barrier_var(set);
		barrier_var(kept);
		beyond &= below >> 63 & (set | (__s64)pivot[i]) >> 63 & kept >> 63;
		slot += beyond & 1;
	}
	at = SLOTS_OF(node, mr64) + arange * (SLOTS_OF(node, ma64) - SLOTS_OF(node, mr64));
	if (bpf_probe_read_kernel(&child, sizeof(child), at + slot * sizeof(__u64)))
		return 0;
	return child;
}
