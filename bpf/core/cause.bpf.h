/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a sleeping thread waits for: from its system call and the kind of file behind its
 * descriptor, from iowait, and from what it is inside of (reclaim, a contended kernel lock).
 */
#ifndef STRAIT_CAUSE_BPF_H
#define STRAIT_CAUSE_BPF_H

#include "core/descriptor.bpf.h"
#include "core/ledger.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#define FAMILY_INET  2
#define FAMILY_INET6 10

static __always_inline bool address_is_local(const struct sock *sk, __u16 family)
{
	__u32 peer, own;

	if (family == FAMILY_INET) {
		peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		own = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		return (peer & 0xff) == 127 || (peer && peer == own);
	}
	if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		struct in6_addr to, from;

		BPF_CORE_READ_INTO(&to, sk, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO(&from, sk, __sk_common.skc_v6_rcv_saddr);
		return (to.in6_u.u6_addr32[0] == from.in6_u.u6_addr32[0] &&
			to.in6_u.u6_addr32[1] == from.in6_u.u6_addr32[1] &&
			to.in6_u.u6_addr32[2] == from.in6_u.u6_addr32[2] &&
			to.in6_u.u6_addr32[3] == from.in6_u.u6_addr32[3]) ||
		       (to.in6_u.u6_addr32[0] == 0 && to.in6_u.u6_addr32[1] == 0 &&
			to.in6_u.u6_addr32[2] == bpf_htonl(0xffff) &&
			(to.in6_u.u6_addr32[3] & 0xff) == 127);
	}
	return false;
}

/* The task blocks in a read or write of descriptor `fd`. */
static __always_inline enum thread_state wait_on_descriptor(struct task_struct *task, __s32 fd,
							    bool is_write)
{
	struct file *file = descriptor_file(task, fd);
	struct socket *socket;
	struct sock *sk;
	__u16 mode, family;

	if (!file)
		return STATE_WAIT_OTHER;
	mode = file_type(file);
	if (mode == MODE_REGULAR || mode == MODE_BLOCK)
		return is_write ? STATE_WAIT_DISK_WRITE : STATE_WAIT_DISK_READ;
	if (mode == MODE_PIPE)
		return STATE_WAIT_LOCAL;
	if (mode != MODE_SOCKET)
		return STATE_WAIT_POLL;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != FAMILY_INET && family != FAMILY_INET6)
		return STATE_WAIT_LOCAL;
	return address_is_local(sk, family) ? STATE_WAIT_LOCAL : STATE_WAIT_REMOTE;
}

/* Whether the thread, the current one, is in a system call. */
static __always_inline bool calls_inside(const struct wire_ledger *ledger)
{
	if (calls_on && ledger->calls_phase == calls_on)
		return ledger->syscall >= 0;
	return compat_call_read((struct task_struct *)bpf_get_current_task(),
				compat_user_registers())
		       .number >= 0;
}

/* Makes ledger->syscall true for a thread, no kernel thread, whose calls were not all seen. */
static __always_inline void calls_recall(struct wire_ledger *ledger, struct task_struct *task)
{
	struct compat_call call;

	if (calls_on && ledger->calls_phase == calls_on)
		return;
	call = compat_call_read(task, compat_registers_of(task));
	ledger->syscall = call.number;
	ledger->syscall_fd = call.argument;
	ledger->syscall_enter = 0;
	ledger->calls_phase = calls_on;
}

static __always_inline enum thread_state wait_class(struct task_struct *task,
						    const struct wire_ledger *ledger, __u32 state)
{
	bool iowait = BPF_CORE_READ_BITFIELD(task, in_iowait);
	__u32 nr = ledger->syscall;
	__u8 class = CLASS_OTHER;

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
		return wait_on_descriptor(task, ledger->syscall_fd, class == CLASS_WRITE);
	return STATE_WAIT_OTHER;
}

#endif
