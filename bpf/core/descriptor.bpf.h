/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is behind a file descriptor. */
#ifndef STRAIT_DESCRIPTOR_BPF_H
#define STRAIT_DESCRIPTOR_BPF_H

#include "core/compat.bpf.h"
#include "core/maps.bpf.h"

#define MODE_TYPE    0170000
#define MODE_SOCKET  0140000
#define MODE_PIPE    0010000
#define MODE_REGULAR 0100000
#define MODE_BLOCK   0060000

/* The open file of a descriptor, NULL if there is none. */
static __always_inline struct file *descriptor_file(struct files_struct *open, __s32 fd)
{
	struct fdtable *table = BPF_CORE_READ(open, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), &files[fd]))
		return NULL;
	return file;
}

/* The open files of the current task. */
static __always_inline struct files_struct *descriptors_current(void)
{
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), files);
}

/*
 * The open file of the current task's descriptor. Typed pointers (5.11) are read without a helper,
 * which counts at every switch. But each such read of a pointer takes the verifier 1 ms: it goes
 * through all of the kernel's types. So this is for a global function, which it looks at once.
 */
static __always_inline struct file *descriptor_file_current(__s32 fd)
{
	struct file *file = NULL;
	struct files_struct *open;
	struct fdtable *table;

	if (!has_task_storage)
		return descriptor_file(descriptors_current(), fd);
	open = bpf_get_current_task_btf()->files;
	if (!open || fd < 0)
		return NULL;
	table = open->fdt;
	if (!table || (__u32)fd >= table->max_fds ||
	    bpf_probe_read_kernel(&file, sizeof(file),
				  (void *)table->fd + (__u64)fd * sizeof(file)))
		return NULL;
	return file;
}

static __always_inline __u16 file_type(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE;
}

#endif
