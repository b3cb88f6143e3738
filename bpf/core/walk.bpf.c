/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads, files and mappings, found one by one. */
#include "core/descriptor.bpf.h"
#include "core/vma.bpf.h"
#include "wire_walk.h"

/* In both objects, so that user space knows one. */
struct wire_walk walk;

#if defined(KERNEL_UNTYPED)

#define WALK_STEPS 16        /* in one run: each is 500 instructions to the verifier */
#define IDS_MAX    (1 << 22) /* PID_MAX_LIMIT of include/linux/threads.h */
#define TREE_DEPTH 6         /* ids of threads have 22 bits */
#define TREE_NODE  2         /* in the low two bits of an entry: it leads to another node */

/* What one look into the tree of ids found. */
struct looked {
	__u64 entry; /* struct pid *, 0 = none */
	__u32 shift; /* of the slot that ended the look: so many bits of the id do not matter */
	bool beyond; /* no id is as high */
};

/*
 * Ids are in an IDR, which is a radix tree (include/linux/xarray.h): since 4.15 (95846ecf9dac).
 */
static __always_inline struct looked tree_look(struct xarray *tree, __u32 id)
{
	struct looked looked = {.entry = (__u64)BPF_CORE_READ(tree, xa_head)};

	for (int depth = 0; depth < TREE_DEPTH; depth++) {
		struct xa_node *node = (void *)(looked.entry & ~3ULL);
		__u32 slots = bpf_core_field_size(node->slots) / sizeof(__u64), slot;

		if ((looked.entry & 3) != TREE_NODE)
			break;
		looked.shift = BPF_CORE_READ(node, shift);
		slot = id >> looked.shift;
		if (!depth && slot >= slots)
			looked.beyond = true;
		if (bpf_core_read(&looked.entry, sizeof(looked.entry),
				  &node->slots[slot & (slots - 1)]))
			looked.entry = 0;
	}
	return looked;
}

/* The thread of an id. What is a thread group's or a session's only is none. */
static __always_inline struct task_struct *task_of(__u64 entry)
{
	struct pid *pid = (struct pid *)entry;
	__u64 link = (__u64)BPF_CORE_READ(pid, tasks[PIDTYPE_PID].first);

	if (!link)
		return NULL;
	return (void *)(link - bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_PID]));
}

__attribute__((noinline)) __u64 walk_find_task(void)
{
	struct task_struct *self = (struct task_struct *)bpf_get_current_task(), *task;
	/* Of the first level: that of all threads of the host. */
	struct pid_namespace *space = BPF_CORE_READ(self, thread_pid, numbers[0].ns);
	struct xarray *tree = (void *)space + bpf_core_field_offset(space->idr.idr_rt);
	__u32 id = walk.tid;

	walk.more = 0;
	walk.task = 0;
	for (int i = 0; i < WALK_STEPS; i++) {
		struct looked looked = tree_look(tree, id);

		if (looked.beyond || id >= IDS_MAX) {
			walk.tid = 0;
			return 0;
		}
		task = looked.entry ? task_of(looked.entry) : NULL;
		if (task) {
			/* A place in one that has ended since. */
			if (walk.tid != id)
				walk.place = 0;
			walk.tid = id;
			walk.task = (__u64)task;
			return walk.task;
		}
		id = ((id >> looked.shift) + 1) << looked.shift;
	}
	/* From here on in the next run. */
	walk.tid = id;
	walk.more = 1;
	return 0;
}

/* The first descriptor from `fd` on that may be open: some, or those of a whole word, are closed.
 */
static __always_inline __u32 descriptor_next(struct files_struct *open, __u32 fd)
{
	unsigned long *words = BPF_CORE_READ(open, fdt, open_fds);
	__u64 word = 0;

	/* Unreadable: each is looked at. */
	if (bpf_probe_read_kernel(&word, sizeof(word), &words[fd / 64]))
		return fd;
	word >>= fd & 63;
	if (!word)
		return (fd | 63) + 1;
	/* clang 14 cannot count zeroes here. */
	return word & 0xff ? fd : fd + 8;
}

__attribute__((noinline)) __u64 walk_find_file(void)
{
	struct task_struct *task = (struct task_struct *)walk.task;
	struct files_struct *open;
	struct file *file = NULL;

	if (!task)
		return 0;
	open = BPF_CORE_READ(task, files);
	/* Those of a process are told of its first thread. */
	if (!open || (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) &&
		      open == BPF_CORE_READ(task, group_leader, files)))
		return 0;
	for (int i = 0; i < WALK_STEPS; i++) {
		if (walk.place >= BPF_CORE_READ(open, fdt, max_fds))
			return 0;
		walk.place = descriptor_next(open, (__u32)walk.place);
		file = descriptor_file(open, (__s32)walk.place++);
		if (file)
			break;
	}
	walk.more = 1;
	return (__u64)file;
}

__attribute__((noinline)) __u64 walk_find_vma(void)
{
	struct task_struct *task = (struct task_struct *)walk.task;
	struct vm_area_struct *vma;
	struct mm_struct *mm;

	mm = task ? BPF_CORE_READ(task, mm) : NULL;
	vma = mm ? vma_find(mm, walk.place) : NULL;
	if (!vma || walk.place < BPF_CORE_READ(vma, vm_start) ||
	    walk.place >= BPF_CORE_READ(vma, vm_end))
		return 0;
	return (__u64)vma;
}

#endif
