/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is behind a file descriptor. */
#ifndef STRAIT_DESCRIPTOR_BPF_H
#define STRAIT_DESCRIPTOR_BPF_H

#include "core/compat.bpf.h"

#define MODE_TYPE    0170000
#define MODE_SOCKET  0140000
#define MODE_PIPE    0010000
#define MODE_REGULAR 0100000
#define MODE_BLOCK   0060000

/*
 * The open file of a task's descriptor, NULL if there is none. `task` as a tracepoint or an
 * iterator hands it over: loads do without a helper, which counts at every switch.
 */
static __always_inline struct file *descriptor_file(struct task_struct *task, __s32 fd)
{
	struct files_struct *open = task->files;
	struct file *file = NULL;
	struct fdtable *table;

	if (!open || fd < 0)
		return NULL;
	table = open->fdt;
	if (!table || (__u32)fd >= table->max_fds ||
	    bpf_probe_read_kernel(&file, sizeof(file),
				  (void *)table->fd + (__u64)fd * sizeof(file)))
		return NULL;
	return file;
}

/* The same of the current task, on kernels too that have no typed pointer to it (before 5.11). */
static __always_inline struct file *descriptor_file_current(__s32 fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), &files[fd]))
		return NULL;
	return file;
}

static __always_inline __u16 file_type(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE;
}

#endif
