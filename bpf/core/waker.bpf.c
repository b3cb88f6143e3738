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
	struct wire_context *slot;
	__u64 ip, sp, key;
	bool held;

	if (!cpu)
		return 0;
	cpu->waker_stack = cpu->waker_key = 0;
	if (!ledger || ledger->flags & LEDGER_KTHREAD)
		return 0;
	ip = compat_user_ip(regs);
	sp = compat_user_sp(regs);
	key = waker_key(ledger, ip, sp);
	slot = context_slot(key);
	held = slot && context_held(slot, key);
	if (held && slot->doubtful) {
		key = context_extend(key, sp);
		slot = context_slot(key);
		held = slot && context_held(slot, key);
	}
	if (held && !context_due(cpu, !slot->provisional)) {
		cpu->waker_stack = slot->user_stack;
		return 0;
	}
	ledger->waking.key = cpu->waker_key = key;
	ledger->waking.ip = ip;
	ledger->waking.sp = sp;
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

__attribute__((noinline)) __u64 waker_walk(__u64 place)
{
	struct wire_ledger *ledger = ledger_current();
	struct cpu_state *cpu = cpu_here();
	struct pt_regs *regs = compat_user_registers();
	struct context_stacks stacks = {};
	__u64 ip = compat_user_ip(regs), sp = compat_user_sp(regs), key;

	if (!ledger || !cpu)
		return 0;
	key = ledger->waking.key;
	ledger->waking.key = 0;
	if (ip != ledger->waking.ip || sp != ledger->waking.sp)
		return 0;
	context_find(NULL, waker_key(ledger, ip, sp), CONTEXT_WAKER, sp, cpu, place, true, &stacks);
	waker_send(key, stacks.user);
	return 0;
}
