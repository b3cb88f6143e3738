/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whence long waits are ended: the stack of the waker.
 *
 * It costs nothing where a wait was short. Where it was long, the waker's user stack is that of the
 * system call it is in, and the context cache knows it from the last time. If not, it is walked
 * when the thread leaves the call, or its CPU, whichever is seen first: programs that unwind are
 * there already, and one more at each wakeup would make tracing begin 12 ms later. A thread that
 * was somewhere else meanwhile keeps its secret.
 */
#ifndef STRAIT_WAKER_BPF_H
#define STRAIT_WAKER_BPF_H

#include "core/context.bpf.h"

/*
 * The current thread has ended a long wait: its user stack goes to the CPU's waker_stack if it is
 * known, else a key to waker_key. A global function, as in stacks.bpf.h. Returns nothing of use.
 */
__u64 waker_find(void);

/*
 * Whether the current thread is still where waker_find() was called. If it is not, that is
 * forgotten. Likewise; these two are called one after the other, and the walk between them by the
 * program itself: all frames of calls within calls have 512 bytes together.
 */
__u64 waker_is_there(void);
/* Its user stack was walked in the slot `place`: tells it, and remembers it. Likewise. */
__u64 waker_tell(__u64 user_stack, __u64 place);

/* The current thread leaves a system call, or its CPU. `place` is the caller's slot for stacks. */
static __always_inline void waker_finish(struct wire_ledger *ledger, enum stack_slot place)
{
	if (ledger->waking.key && waker_is_there())
		waker_tell(stack_user(place), place);
}

/*
 * Who ends the wait. In a hard interrupt, and in a softirq on its way out, `current` is whoever was
 * interrupted: nobody is named. A softirq that the current task started itself (a send over
 * loopback) is the current task's doing.
 */
static __always_inline bool waker_is_current(const struct cpu_state *cpu)
{
	return !cpu->in_hard && !cpu->soft_foreign;
}

/* What ends a wait here, where that is not the current thread: enum wait_end. */
static __always_inline __u32 waker_interrupt(const struct cpu_state *cpu, __u32 *number)
{
	if (cpu->in_hard) {
		*number = cpu->hard_number;
		return cpu->hard_end_as;
	}
	*number = cpu->soft_vector;
	return cpu->soft_foreign ? WAIT_END_SOFTIRQ : WAIT_END_UNKNOWN;
}

#endif
