/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread that blocks: where, and whether it does so as it did last. */
#ifndef STRAIT_BLOCKING_BPF_H
#define STRAIT_BLOCKING_BPF_H

#include "core/cause.bpf.h"
#include "core/context.bpf.h"

/* Where the current thread, no kernel thread, blocks. */
struct blocking {
	__u64 ip, sp;
};

static __always_inline void blocking_look(struct blocking *at, struct task_struct *task,
					  struct wire_ledger *ledger, struct cpu_state *cpu)
{
	struct pt_regs *regs = compat_registers_of(task);

	at->ip = compat_user_ip(regs);
	at->sp = compat_user_sp(regs);
	calls_recall(ledger, task, regs);
	if (wait_is_plain(task, ledger) && wait_repeats(ledger, at->ip, at->sp))
		cpu->blocks_as = context_next_due(cpu) ? BLOCKS_CHECK : BLOCKS_AGAIN;
}

/* Read back: a value that the verifier knows would be followed by itself. */
static __always_inline __u32 blocks_as(struct cpu_state *cpu)
{
	return *(volatile __u32 *)&cpu->blocks_as;
}

#endif
