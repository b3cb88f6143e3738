/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the holder of a mutex did while another thread waited for it. */
#include "core/cause.bpf.h"
#include "core/holder.bpf.h"

/* The current thread as it is called in its own pid namespace: what user space writes down. */
static __always_inline __u32 tid_inside(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);

	return BPF_CORE_READ(pid, numbers[level].nr);
}

/*
 * Since when the releasing thread can have had the mutex, if another had it at `begin`: since it
 * stood in the queue itself. Else it took the mutex without waiting, nobody knows when: now. Where
 * the first owner is not known either, the releasing thread had it all the time, but for what came
 * before it let another mutex go or slept in a condition variable.
 */
static __always_inline __u64 holding_since(const struct wire_holding *holding, __u64 begin,
					   __u64 now, __u64 owner)
{
	__u64 queued = now, slept = begin;

	/* 5.10 does not take the order in which the compiler lays out the loop. */
#pragma clang loop unroll(full)
	for (int i = 0; i < WIRE_PAUSES; i++) {
		__u64 end = holding->pause[i].end, start = end - holding->pause[i].ns;
		__u32 what = holding->pause[i].what;

		if (end <= begin || (what & CONTEXT_STATE) != STATE_WAIT_LOCK_USER)
			continue;
		if (!(what & CONTEXT_LOCK)) {
			if (end > slept)
				slept = end;
		} else if (start < queued) {
			queued = start > begin ? start : begin;
		}
	}
	if (queued < now || owner)
		return queued;
	return holding->last_release > slept ? holding->last_release : slept;
}

/* When the oldest pause that is still known began. */
static __always_inline __u64 holding_known(const struct wire_holding *holding)
{
	const struct wire_pause *oldest = &holding->pause[holding->pause_at & (WIRE_PAUSES - 1)];

	return oldest->end - oldest->ns;
}

/* As thread_state, what the thread did in a pause. Only waiting for a mutex is waiting for a lock.
 */
static __always_inline __u32 pause_state(__u32 what)
{
	__u32 state = what & CONTEXT_STATE;

	return state == STATE_WAIT_LOCK_USER && !(what & CONTEXT_LOCK) ? STATE_WAIT_OTHER : state;
}

/*
 * What the thread did from `from` to now. All of a call that syncs counts as waiting for the disk,
 * but for what it waited for otherwise in it: the mutex is held for it, also while it computes.
 */
static __always_inline void holding_sum(const struct wire_holding *holding, __u64 from, __u64 now,
					struct cpu_state *cpu)
{
	__u64 ran = now - from, in_call = 0, call_begin = now;
	__u32 at = holding->pause_at;

	/* From the last one back: a call comes before the pauses in it. */
	for (__u32 i = 1; i <= WIRE_PAUSES; i++) {
		const struct wire_pause *pause = &holding->pause[(at - i) & (WIRE_PAUSES - 1)];
		__u64 end = pause->end, start = end - pause->ns, ns;
		__u32 state = pause_state(pause->what);

		if (start < from)
			start = from;
		if (end <= start)
			continue;
		ns = end - start;
		if (end > call_begin)
			in_call -= ns < in_call ? ns : in_call;
		else
			ran -= ns < ran ? ns : ran;
		if (pause->what & PAUSE_CALL) {
			in_call += ns;
			call_begin = start;
			continue;
		}
		/* In one register for the check and the write: see class_of(). */
		barrier_var(state);
		if (state < STATE_COUNT)
			cpu->held_us[state] += (__u32)(ns / 1000);
	}
	cpu->held_us[STATE_WAIT_DISK_WRITE] += (__u32)(in_call / 1000);
	cpu->held_us[STATE_RUN_USER] = (__u32)(ran / 1000);
}

__attribute__((noinline)) __u64 holder_sum(__u64 begin, __u64 now, __u64 owner)
{
	struct wire_ledger *ledger = ledger_current();
	struct cpu_state *cpu = cpu_here();
	__u64 from;

	if (!ledger || !cpu || !calls_inside(ledger))
		return 0;
	/* Whence it lets go is found at the end of the call. */
	if (calls_on) {
		ledger->holding.released++;
		ledger->holding.released_ns += now - begin;
	}
	__builtin_memset(cpu->held_us, 0, sizeof(cpu->held_us));
	cpu->held_by_owner = owner && owner == tid_inside();
	from = begin;
	if (!cpu->held_by_owner)
		from = holding_since(&ledger->holding, begin, now, owner);
	if (from < holding_known(&ledger->holding))
		from = holding_known(&ledger->holding);
	if (from < now)
		holding_sum(&ledger->holding, from, now, cpu);
	ledger->holding.last_release = now;
	return 1;
}
