/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Early wakeups: of threads on their way off their CPU, where their ledgers are being written. The
 * waker notes that it was there; the thread's next switch ends the wait at that moment.
 */
#ifndef STRAIT_EARLY_BPF_H
#define STRAIT_EARLY_BPF_H

#include "core/ledger.bpf.h"
#include "core/waker.bpf.h"

/*
 * A thread is woken that is on its way off its CPU, where its ledger is being written, or that
 * still runs, and will not sleep then. Which of the two it was is seen when it gets a CPU next.
 */
static __always_inline int early_note(struct task_struct *task, const struct cpu_state *cpu)
{
	struct wire_ledger *ledger = ledger_of(task);

	if (!ledger)
		return 0;
	ledger->woken_by = waker_is_current(cpu) ? bpf_get_current_pid_tgid() : 0;
	ledger->woken_early = bpf_ktime_get_ns();
	return 0;
}

/*
 * A thread that gets a CPU is, by its ledger, in `state` since `since`, and was last woken on its
 * way off a CPU at `woken`: when that ended its wait, 0 = it did not. What was noted long before it
 * was about a wait that never began. A global function, as in stacks.bpf.h.
 */
__u64 early_end(__u64 woken, __u64 state, __u64 since, __u64 now);

/*
 * Where a thread was woken on its way off its CPU, its wait ends then, and one for the CPU begins.
 * No more than memory of maps is changed, so that the verifier follows the rest of the switch once.
 */
static __always_inline void early_catch_up(struct wire_ledger *ledger, struct cpu_state *cpu,
					   __u64 now)
{
	__u64 woken = early_end(ledger->woken_early, ledger->state, ledger->since, now);

	ledger->woken_early = woken;
	if (!woken)
		return;
	ledger_cut(ledger, woken);
	cpu->early_waited = ledger_end_off(ledger, woken);
	ledger->state = STATE_READY_WOKEN;
}

/* The rest of it: who ended the wait. */
static __always_inline void early_file(struct wire_ledger *ledger, const struct cpu_state *cpu)
{
	struct wire_parties *parties = parties_now(ledger);
	__u64 by = ledger->woken_by;

	ledger->woken_early = 0;
	ledger->sum.wakeups++;
	if (by)
		parties_add(parties->waker, &parties->waker_other_ns, by >> 32, cpu->early_waited);
	else
		parties->waker_other_ns += cpu->early_waited;
}

#endif
