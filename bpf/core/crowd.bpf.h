/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Crowds: several threads woken by one act of one waker, and those of them that wake for nothing:
 * they run next to nothing and sleep in the same place again, as all but one do when a connection
 * arrives at a socket that many watch, or one item at a condition variable that is broadcast.
 *
 * The first two threads of a crowd are not counted: one would have been woken in any case, and by
 * the second it is seen what its waker is about, so that other wakeups cost two compares.
 */
#ifndef STRAIT_CROWD_BPF_H
#define STRAIT_CROWD_BPF_H

#include "core/context.bpf.h"
#include "core/ledger.bpf.h"
#include <bpf/bpf_tracing.h>

/* Wakeups of one crowd follow each other faster: each costs a few microseconds, with an IPI. */
#define CROWD_GAP_NS 20000
/*
 * Who runs less than this between its wakeup and its sleep had nothing to do: the return from a
 * system call, the look that finds nothing, and the call again.
 */
#define FUTILE_RUN_NS 20000

/*
 * What the waker is about, as a number; 0 = a new act, as far as can be told. It stays the same
 * within one interrupt, and within one system call: calls in a loop differ by their first argument
 * (the descriptor, the address of a futex), or have been seen to begin.
 */
static __always_inline __u64 crowd_act(const struct cpu_state *cpu, __u64 id)
{
	const struct wire_ledger *waker;
	struct pt_regs *regs;
	__u64 act;

	if (!id)
		return cpu->in_hard || cpu->soft_foreign ? cpu->irq_begin : 0;
	waker = ledger_current();
	if (!waker || waker->flags & LEDGER_KTHREAD || waker->syscall_enter > cpu->wake_time)
		return 0;
	regs = compat_user_registers();
	act = compat_user_ip(regs) * CONTEXT_MIX;
	act = (act ^ compat_user_sp(regs)) * CONTEXT_MIX;
	return act ^ compat_user_argument1(regs);
}

/* The thread `tid` is woken by `id` (0: in an interrupt), at the end of a wait. */
static __always_inline void crowd_join(struct wire_ledger *ledger, struct cpu_state *cpu, __u32 tid,
				       __u64 id, __u64 now)
{
	__u64 act = 0;

	if (cpu->wake_by == id && cpu->wake_whom != tid && now - cpu->wake_time < CROWD_GAP_NS)
		act = crowd_act(cpu, id);
	if (act && act == cpu->wake_act) {
		ledger->sum.crowd++;
		ledger->crowd_place = ledger->wait.context;
		ledger->crowd_ran = 0;
	}
	cpu->wake_by = id;
	cpu->wake_whom = tid;
	cpu->wake_time = now;
	cpu->wake_act = act;
}

/* A thread that was woken in a crowd leaves its CPU; where it sleeps now is in its ledger. */
static __always_inline void crowd_return(struct wire_ledger *ledger, __u64 now)
{
	__u64 ran = ledger->crowd_ran + (now - ledger->run_begin);

	if (ran < FUTILE_RUN_NS && ledger->wait.context != ledger->crowd_place) {
		/* Preempted, or asleep for a lock on its way. */
		ledger->crowd_ran = ran;
		return;
	}
	if (ran < FUTILE_RUN_NS) {
		ledger->sum.futile++;
		ledger->sum.futile_ns += ran;
	}
	ledger->crowd_place = 0;
}

#endif
