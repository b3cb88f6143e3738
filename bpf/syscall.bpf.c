/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * syscall: where user time ends and kernel time begins, for the ledger; and count, errors and time
 * of every system call by process and number; one in `call_period` with the stack that made it.
 *
 * A call is counted when it returns, with its whole time. What never returns (exit) is counted when
 * it begins, without a time. A call whose begin was not seen is not counted.
 *
 * The programs are attached for a part of the time only where calls are many (calls_on): what they
 * count stands for the rest, and a call that is not there from begin to end is left out.
 */
#include "core/compat.bpf.h"
#include "core/context.bpf.h"
#include "core/holder.bpf.h"
#include "core/sampling.bpf.h"
#include "core/targets.bpf.h"
#include "core/unwind.bpf.h"
#include "core/waker.bpf.h"
#include <bpf/bpf_tracing.h>

#define ERROR_AGAIN   11
#define ERROR_EXPIRED 110 /* ETIMEDOUT */
/* A call that takes less did not sleep: a timer's slack alone is 50 us. */
#define AT_ONCE_NS 20000
/*
 * Results below -511 (ERESTARTSYS and its kin, up to 530) are the kernel's own: the call begins
 * anew or turns into EINTR after the tracepoint. It is not counted as an error.
 */
#define ERROR_LAST 511

/* One call in so many is sampled with its stack, on average. */
const volatile __u32 call_period = 256;

GENERATION_MAPS(syscalls, struct syscall_key, struct syscall_value, 16384);

static __always_inline __u8 class_of(__u32 nr)
{
	/* In one register for the check and the read: 5.10 forgets what was checked when it is
	 * spilled. */
	barrier_var(nr);
	return nr < WIRE_SYSCALLS ? syscall_class[nr] : CLASS_OTHER;
}

/*
 * A call of the current thread. A global function, as in stacks.bpf.h. Returns nothing of use.
 */
__attribute__((noinline)) __u64 call_count(__u32 nr, long result, __u64 ns)
{
	struct syscall_key key = {.tgid = bpf_get_current_pid_tgid() >> 32, .nr = nr};
	struct syscall_value zero = {}, *value;
	__u64 weight = calls_weight;

	value = generation_add(syscalls, &key, &zero, DROP_MAP_SYSCALL);
	if (!value)
		return 0;
	/* Threads of one process add on several CPUs. */
	__sync_fetch_and_add(&value->count, weight);
	/* An atomic addition of 0 compiles to an `or`, which kernels before 5.12 lack. */
	if (ns)
		__sync_fetch_and_add(&value->ns, ns * weight);
	if (result == 0 && class_of(nr) == CLASS_POLL) {
		if (ns < AT_ONCE_NS)
			__sync_fetch_and_add(&value->empty, weight);
		else
			__sync_fetch_and_add(&value->expired, weight);
	}
	if (result >= 0 || result < -ERROR_LAST || class_of(nr) == CLASS_RETURN)
		return 0;
	__sync_fetch_and_add(&value->errors, weight);
	if (result == -ERROR_AGAIN)
		__sync_fetch_and_add(&value->again, weight);
	else if (result == -ERROR_EXPIRED)
		__sync_fetch_and_add(&value->expired, weight);
	return 0;
}

/* The stretch of time is over, and user space late. */
static __always_inline int calls_end(void)
{
	calls_on = 0;
	if (messages_weight > WIRE_CALL_WEIGHT)
		messages_weight = 0;
	return 0;
}

/*
 * The budget is looked at every 50 ms, and whenever a CPU has made so many calls: where a load
 * begins that makes a million a second, that is after milliseconds. A power of two.
 */
#define CALLS_TOLD    4096
#define CALLS_TOLD_NS 5000000 /* but not more often than that */

TRACEPOINT("sys_enter")
int BPF_PROG(syscall__enter, struct pt_regs *regs, long nr)
{
	struct wire_ledger *ledger;
	__u32 phase = calls_on;
	struct cpu_state *cpu;
	__u64 now;

	ledger = phase ? ledger_current() : NULL;
	cpu = cpu_here();
	if (!ledger || !cpu)
		return 0;
	now = bpf_ktime_get_ns();
	if (calls_until && now > calls_until)
		return calls_end();
	if (!(++cpu->told.calls & (CALLS_TOLD - 1)) && now - cpu->calls_told >= CALLS_TOLD_NS) {
		cpu->calls_told = now;
		events_call();
	}
	if (compat_task_32bit())
		nr |= WIRE_SYSCALL_COMPAT;
	ledger->calls_phase = phase;
	/* Of a call whose end was not seen. */
	ledger->holding.released = 0;
	ledger->holding.released_ns = 0;
	ledger->syscall = (__s32)nr;
	ledger->syscall_fd = (__s32)LOAD_REGISTER(regs, PARM1);
	ledger->syscall_enter = now;
	context_leave_unseen(ledger, now);
	ledger_switch_mode(ledger, cpu, STATE_RUN_KERNEL, now);
	if (class_of(nr) == CLASS_EXIT && ledger_targeted(ledger))
		call_count(nr, 0, 0);
	if (nr == unwind_mmap && ledger_targeted(ledger) &&
	    PT_REGS_PARM3_CORE_SYSCALL(regs) & MAPPING_EXEC)
		unwind_mmap_begins(PT_REGS_PARM5_CORE_SYSCALL(regs));
	return 0;
}

/* A sample that waited for its user stack, and the call itself if it is due. */
static __always_inline void stacks_finish(struct wire_ledger *ledger, bool counted)
{
	bool due = counted && sample_due(SAMPLED_CALL, call_period);
	__u64 user_stack;

	if (!due && !ledger->sample_kind)
		return;
	user_stack = stack_user(SLOT_SYSCALL);
	if (ledger->sample_kind)
		sample_finish(ledger, ledger->sample_ip == compat_user_ip(compat_user_registers())
					      ? user_stack
					      : 0);
	if (due)
		sample_send(WIRE_CALL_SAMPLE, 0, user_stack,
			    (__u64)call_period * calls_weight / WIRE_CALL_WEIGHT);
}

TRACEPOINT("sys_exit")
int BPF_PROG(syscall__exit, struct pt_regs *regs, long result)
{
	struct wire_ledger *ledger;
	__u32 phase = calls_on;
	struct cpu_state *cpu;
	bool counted;
	__u64 now;
	__s32 nr;

	ledger = phase ? ledger_current() : NULL;
	cpu = cpu_here();
	if (!ledger || !cpu)
		return 0;
	now = bpf_ktime_get_ns();
	nr = ledger->syscall;
	/* A thread that was in a call when it was first seen has its number, but no begin. */
	counted = ledger->calls_phase == phase && nr >= 0 && ledger->syscall_enter &&
		  ledger_targeted(ledger);
	if (ledger->calls_phase == phase && class_of(nr) == CLASS_SYNC)
		pause_note_sync(ledger, now);
	ledger->calls_phase = phase;
	if (ledger->holding.released)
		context_release(ledger, cpu);
	waker_finish(ledger, SLOT_SYSCALL);
	stacks_finish(ledger, counted);
	ledger->syscall = -1;
	context_leave_unseen(ledger, now);
	ledger_switch_mode(ledger, cpu, STATE_RUN_USER, now);
	if (counted)
		call_count(nr, result, now - ledger->syscall_enter);
	return 0;
}
