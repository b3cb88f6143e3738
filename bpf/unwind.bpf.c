/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * unwind: which files have code that runs, so that their unwind tables are there before they are
 * needed: those mapped when tracing begins (the iterator, 5.12), those that an mmap is about to
 * run. An exec tells of its file itself (task.bpf.c); what is missed is told at the first sample in
 * it.
 */
#include "core/compat.bpf.h"
#include "core/descriptor.bpf.h"
#include "core/ledger.bpf.h"
#include "core/targets.bpf.h"
#include "core/unwind.bpf.h"
#include <bpf/bpf_tracing.h>

const volatile __s32 unwind_mmap = -1;

/* Which files are likely to be met first: of each slot of files_seen, struct unwind_mapped. */
struct files_mapped_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, UNWIND_FILES_SEEN);
	__type(key, __u32);
	__type(value, struct unwind_mapped);
} files_mapped SEC(".maps");

/* The iterator is the only one that writes here. */
static __always_inline void mapping_count(__u64 id, bool runs)
{
	__u32 slot = unwind_seen_slot(id);
	struct unwind_mapped *mapped = bpf_map_lookup_elem(&files_mapped, &slot);

	if (!mapped)
		return;
	mapped->mappings++;
	mapped->running += runs;
}

ITERATOR("task_vma")
int unwind__mappings(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ITERATED(ctx, task);
	struct vm_area_struct *vma = ITERATED(ctx, vma);
	struct file *file;
	__u64 id;

	if (!task || !vma || !(LOAD(vma, vm_flags) & MAPPING_EXEC) || !target_test(task, NULL))
		return 0;
	file = BPF_CORE_READ(vma, vm_file); /* global functions take numbers, no BTF pointers */
	if (!file)
		return 0;
	id = file_tell((__u64)file, LOAD(vma, vm_start), LOAD(vma, vm_end),
		       LOAD(vma, vm_pgoff) << arch_page_shift(), LOAD(task, tgid));
	mapping_count(id, !compat_task_state(task));
	return 0;
}

/* Called where system calls begin: a program of its own there would cost every call 50 ns. */
__attribute__((noinline)) __u64 unwind_mmap_begins(__u64 fd)
{
	struct file *file = descriptor_file(descriptors_current(), (__s32)fd);

	if (file && file_type(file) == MODE_REGULAR)
		file_tell((__u64)file, 0, 0, 0, 0);
	return 0;
}
