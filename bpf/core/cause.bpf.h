/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a sleeping thread waits for: from its system call and the kind of file behind its
 * descriptor, from iowait, and from what it is inside of (reclaim, a contended kernel lock).
 */
#ifndef STRAIT_CAUSE_BPF_H
#define STRAIT_CAUSE_BPF_H

#include "core/ledger.bpf.h"
#include <bpf/bpf_tracing.h>

/*
 * What a thread waits for that blocks in a read or write of descriptor `fd`, as thread_state.
 * `open`: its struct files_struct, 0 = that of the current thread. A global function, as in
 * stacks.bpf.h.
 */
__u64 wait_on_descriptor(__u64 open, __u64 fd, __u64 is_write);

/* Whether the thread, the current one, is in a system call. */
static __always_inline bool calls_inside(const struct wire_ledger *ledger)
{
	if (calls_on && ledger->calls_phase == calls_on)
		return ledger->syscall >= 0;
	return arch_call_read((struct task_struct *)bpf_get_current_task(), compat_user_registers())
		       .number >= 0;
}

/*
 * Makes ledger->syscall true for a thread, no kernel thread, whose calls were not all seen; `regs`
 * are its own.
 */
static __always_inline void calls_recall(struct wire_ledger *ledger, struct task_struct *task,
					 struct pt_regs *regs)
{
	struct arch_call call;

	if (calls_on && ledger->calls_phase == calls_on)
		return;
	call = arch_call_read(task, regs);
	ledger->syscall = call.number;
	ledger->syscall_fd = call.argument;
	ledger->syscall_enter = 0;
	ledger->calls_phase = calls_on;
}

/* Whether nothing but its system call tells why a thread does not run. */
static __always_inline bool wait_is_plain(struct task_struct *task,
					  const struct wire_ledger *ledger)
{
	return !(ledger->flags & (LEDGER_IN_RECLAIM | LEDGER_IN_LOCK)) &&
	       !LOAD_BITS(task, in_iowait);
}

/* Why a thread, the current one or not, does not run; `state` as compat_task_state(). */
static __always_inline enum thread_state
wait_class(struct task_struct *task, const struct wire_ledger *ledger, __u32 state, bool current)
{
	bool iowait = LOAD_BITS(task, in_iowait);
	__u32 nr = ledger->syscall;
	__u8 class = CLASS_OTHER;

	if (compat_task_suspended(task, state))
		return STATE_WAIT_OTHER;
	if (ledger->flags & LEDGER_IN_RECLAIM)
		return STATE_WAIT_RECLAIM;
	if (ledger->flags & LEDGER_IN_LOCK)
		return STATE_WAIT_LOCK_KERNEL;
	if (ledger->syscall < 0)
		return iowait ? STATE_WAIT_FAULT : STATE_WAIT_OTHER;
	if (nr < WIRE_SYSCALLS)
		class = syscall_class[nr];
	if (class == CLASS_SYNC)
		return STATE_WAIT_DISK_WRITE;
	if (iowait)
		return class == CLASS_WRITE ? STATE_WAIT_DISK_WRITE : STATE_WAIT_DISK_READ;
	if (class == CLASS_LOCK)
		return STATE_WAIT_LOCK_USER;
	if (class == CLASS_TIMER)
		return STATE_WAIT_TIMER;
	if (class == CLASS_POLL)
		return STATE_WAIT_POLL;
	if (class == CLASS_READ || class == CLASS_WRITE)
		return wait_on_descriptor(current ? 0 : (__u64)BPF_CORE_READ(task, files),
					  ledger->syscall_fd, class == CLASS_WRITE);
	return STATE_WAIT_OTHER;
}

#endif
