/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Single long waits on their way to user space. The scheduler's programs keep one in the ledger; it
 * is sent where the user stack of its thread can be read: when the thread leaves its system call,
 * or blocks again in it.
 */
#ifndef STRAIT_WAIT_BPF_H
#define STRAIT_WAIT_BPF_H

#include "core/ledger.bpf.h"
#include "core/stacks.bpf.h"

/* Sends the wait kept in the ledger. The thread is current, or its user stack stays unknown. */
static __always_inline void wait_send(struct wire_ledger *ledger, __u32 tid, __u32 tgid,
				      __u64 user_stack)
{
	struct wire_wait *wait;

	ledger->flags &= ~LEDGER_WAIT_READY;
	wait = bpf_ringbuf_reserve(&events, sizeof(*wait), 0);
	if (!wait) {
		drop_count(DROP_RING_WAIT);
		return;
	}
	wait->header.kind = WIRE_WAIT;
	wait->header.cpu = bpf_get_smp_processor_id();
	wait->header.time_ns = ledger->wait_end;
	wait->header.tid = tid;
	wait->header.tgid = tgid;
	wait->begin_ns = ledger->wait_begin;
	wait->kernel_stack = ledger->wait_kernel_stack;
	wait->user_stack = user_stack;
	wait->state = ledger->wait_state;
	wait->waker = ledger->wait_waker;
	wait->waker_tgid = ledger->wait_waker_tgid;
	wait->syscall = ledger->wait_syscall;
	bpf_ringbuf_submit(wait, BPF_RB_NO_WAKEUP);
}

/*
 * The current thread is about to leave the kernel or to block again: its user stack can be read,
 * and the caller has read it.
 */
static __always_inline void wait_finish(struct wire_ledger *ledger, __u64 user_stack)
{
	__u64 id = bpf_get_current_pid_tgid();

	wait_send(ledger, (__u32)id, id >> 32, user_stack);
}

#endif
