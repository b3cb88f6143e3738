/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread that blocks: where, and whether it does so as it did last. */
#ifndef STRAIT_BLOCKING_BPF_H
#define STRAIT_BLOCKING_BPF_H

#include "core/cause.bpf.h"
#include "core/context.bpf.h"

enum blocks_as {
	BLOCKS_NEW,   /* or as a kernel thread */
	BLOCKS_AGAIN, /* as last time: nothing is looked up */
	BLOCKS_CHECK, /* likewise, but it is looked up, to see whether that is true */
};

/*
 * Whether the current thread, that blocks, does so where it did last, at the same descriptor, if
 * that was at a pipe, a socket, in poll or for a timer: then it waits for the same, and nothing is
 * looked up. That is what the context cache takes for granted, with the descriptor in the key.
 */
static __always_inline bool wait_repeats(const struct wire_ledger *ledger, __u64 ip, __u64 sp)
{
	const struct wire_waiting *wait = &ledger->wait;

	return wait->last_ip == ip && wait->last_sp == sp && ip &&
	       wait->last_call == ledger->syscall && wait->last_fd == ledger->syscall_fd;
}

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

static __always_inline void wait_remember(struct wire_ledger *ledger, __u32 what, __u64 ip,
					  __u64 sp, bool sure)
{
	bool kind = what >= STATE_WAIT_LOCAL && what <= STATE_WAIT_POLL;

	ledger->wait.last_ip = sure && kind ? ip : 0;
	ledger->wait.last_sp = sp;
	ledger->wait.last_context = ledger->wait.context;
	ledger->wait.last_call = ledger->syscall;
	ledger->wait.last_fd = ledger->syscall_fd;
}

/* The current thread blocks. */
static __always_inline void context_enter(void *ctx, struct wire_ledger *ledger, __u32 what,
					  __u64 ip, __u64 sp, struct cpu_state *cpu)
{
	struct context_stacks stacks = {};

	ledger->wait.context = context_find(ctx, context_key(ledger, ip, sp, what), what, sp, cpu,
					    SLOT_SCHED, &stacks);
	if (cpu->blocks_as == BLOCKS_CHECK && ledger->wait.context != ledger->wait.last_context) {
		/* Another stack is counted there already. */
		__sync_fetch_and_add(&context_stats.checks, 1);
		__sync_fetch_and_add(&context_stats.wrong, 1);
	}
	wait_remember(ledger, what, ip, sp, stacks.sure);
	ledger->wait.what = what;
	ledger->wait.kernel_stack = stacks.kernel;
	ledger->wait.user_stack = stacks.user;
}

#endif
