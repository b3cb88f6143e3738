/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The user stacks of those who end long waits. */
#include "core/waker.bpf.h"

/* Without the system call, whose number is not known where calls are not observed. */
static __always_inline __u64 waker_key(const struct wire_ledger *ledger, __u64 ip, __u64 sp)
{
	__u64 hash = stack_hash_step(ledger->context_seed ^ CONTEXT_WAKER, ip);

	return context_finish(stack_hash_step(hash, sp));
}

__attribute__((noinline)) __u64 waker_find(void)
{
	struct wire_ledger *ledger = ledger_current();
	struct cpu_state *cpu = cpu_here();
	struct pt_regs *regs = compat_user_registers();
	struct context_had had;
	__u64 ip, sp;

	if (!cpu)
		return 0;
	cpu->waker_stack = cpu->waker_key = 0;
	if (!ledger || ledger->flags & LEDGER_KTHREAD)
		return 0;
	ip = compat_user_ip(regs);
	sp = compat_user_sp(regs);
	context_look(&had, waker_key(ledger, ip, sp), sp);
	if (had.held && !context_due(cpu, had.sure)) {
		cpu->waker_stack = had.stacks.user;
		return 0;
	}
	ledger->waking.key = cpu->waker_key = had.key;
	ledger->waking.ip = ip;
	ledger->waking.sp = sp;
	return 0;
}

__attribute__((noinline)) __u64 waker_is_there(void)
{
	struct wire_ledger *ledger = ledger_current();
	struct pt_regs *regs = compat_user_registers();

	if (!ledger)
		return 0;
	if (compat_user_ip(regs) == ledger->waking.ip && compat_user_sp(regs) == ledger->waking.sp)
		return 1;
	ledger->waking.key = 0;
	return 0;
}

static __always_inline void waker_send(__u64 key, __u64 user_stack)
{
	struct wire_waker *waker = bpf_ringbuf_reserve(&events, sizeof(*waker), 0);

	if (!waker) {
		drop_count(DROP_RING_WAKER);
		return;
	}
	header_fill(&waker->header, WIRE_WAKER);
	waker->key = key;
	waker->user_stack = user_stack;
	bpf_ringbuf_submit(waker, BPF_RB_NO_WAKEUP);
}

__attribute__((noinline)) __u64 waker_tell(__u64 user_stack, __u64 place)
{
	struct wire_ledger *ledger = ledger_current();
	struct context_stacks stacks = {.user = user_stack};
	struct context_had had;
	__u64 sp;

	if (!ledger)
		return 0;
	waker_send(ledger->waking.key, user_stack);
	ledger->waking.key = 0;
	sp = ledger->waking.sp;
	context_look(&had, waker_key(ledger, ledger->waking.ip, sp), sp);
	if (had.slot)
		context_settle(&had, CONTEXT_WAKER, sp, place, &stacks);
	return 0;
}
