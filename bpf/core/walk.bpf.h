/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * In the place of the kernel's iterators, which it has only where it was built with BTF: user space
 * runs the program once for every thing (user/capture/iterate.c), and struct wire_walk says which
 * is next. Within a run nothing that is found is freed: it is one RCU read-side section.
 */
#ifndef STRAIT_WALK_BPF_H
#define STRAIT_WALK_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "wire_walk.h"

extern struct wire_walk walk;

/* Global functions, as in stacks.bpf.h. */
__u64 walk_find_task(void);
__u64 walk_find_file(void);
__u64 walk_find_vma(void);

/* The thread of the least id from walk.tid on, which becomes its id; NULL and 0: there is none. */
static __always_inline struct task_struct *walk_task(void)
{
	return (struct task_struct *)walk_find_task();
}

/* Of that thread the open file of the least descriptor from walk.place on; NULL: there is none. */
static __always_inline struct file *walk_file(void)
{
	return (struct file *)walk_find_file();
}

/* Of that thread the mapping at the address walk.place. */
static __always_inline struct vm_area_struct *walk_vma(void)
{
	return (struct vm_area_struct *)walk_find_vma();
}

static __always_inline void walk_tell(const void *record, __u32 bytes)
{
	if (!bpf_probe_read_kernel(walk.record, bytes, record))
		walk.bytes = bytes;
}

#endif
