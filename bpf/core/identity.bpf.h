/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who a thread is: filled the same way for births, images, ends and the iterator. */
#ifndef STRAIT_IDENTITY_BPF_H
#define STRAIT_IDENTITY_BPF_H

#include "core/compat.bpf.h"
#include "wire.h"

static __always_inline void identity_fill(struct wire_identity *who, struct task_struct *task)
{
	struct inode *exe = BPF_CORE_READ(task, mm, exe_file, f_inode);

	who->tid = BPF_CORE_READ(task, pid);
	who->tgid = BPF_CORE_READ(task, tgid);
	who->start_ns = BPF_CORE_READ(task, start_boottime);
	who->process_start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	who->parent = BPF_CORE_READ(task, real_parent, tgid);
	who->flags = BPF_CORE_READ(task, flags) & COMPAT_PF_KTHREAD ? WIRE_LIFE_KTHREAD : 0;
	who->cgroup = compat_cgroup_id(compat_task_cgroup(task));
	who->exe_inode = exe ? BPF_CORE_READ(exe, i_ino) : 0;
	who->exe_device = exe ? BPF_CORE_READ(exe, i_sb, s_dev) : 0;
	who->uid = BPF_CORE_READ(task, cred, uid.val);
	who->minor_faults = BPF_CORE_READ(task, min_flt);
	who->major_faults = BPF_CORE_READ(task, maj_flt);
	who->user_ns = BPF_CORE_READ(task, utime);
	who->kernel_ns = BPF_CORE_READ(task, stime);
	bpf_probe_read_kernel_str(who->comm, sizeof(who->comm), task->comm);
}

#endif
