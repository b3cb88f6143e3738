/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The thread ledger: at every moment each thread is in one state; at every transition the time
 * since the last one is added to the state that ends. So the parts sum to the wall time.
 *
 * A ledger is written by the CPU that holds the thread's run-queue lock, or by the thread itself.
 * Readers (the task iterator) see `seq` odd or changed and read again.
 */
#ifndef STRAIT_LEDGER_BPF_H
#define STRAIT_LEDGER_BPF_H

#include "core/compat.bpf.h"
#include "core/maps.bpf.h"

static __always_inline struct wire_ledger *ledger_of(struct task_struct *task)
{
	__u32 tid;

	if (has_task_storage)
		return bpf_task_storage_get(&ledger_storage, task, 0, 0);
	tid = LOAD(task, pid);
	return bpf_map_lookup_elem(&ledger_hash, &tid);
}

static __always_inline struct wire_ledger *ledger_current(void)
{
	__u32 tid;

	if (has_task_storage)
		return bpf_task_storage_get(&ledger_storage, bpf_get_current_task_btf(), 0, 0);
	tid = (__u32)bpf_get_current_pid_tgid();
	return bpf_map_lookup_elem(&ledger_hash, &tid);
}

/* A thread and its sleep: the next time that it is woken is not the same. */
static __always_inline __u64 woken_key(struct task_struct *task)
{
	return (__u64)LOAD(task, pid) << 32 | (__u32)LOAD(task, nvcsw);
}

static __always_inline void ledger_write_begin(struct wire_ledger *ledger)
{
	ledger->seq |= 1;
	barrier();
}

static __always_inline void ledger_write_end(struct wire_ledger *ledger)
{
	barrier();
	/* Even, whoever else wrote at the same time. */
	ledger->seq = (ledger->seq | 1) + 1;
}

/*
 * Before a stretch is ended: if that is the first behind a cut, what the ledger had at the cut is
 * kept. The stretch that was open then is ended as if there were no cuts: user space knows how much
 * of it was before.
 */
static __always_inline void ledger_cut(struct wire_ledger *ledger, __u64 now)
{
	__u64 cut = cut_ns;

	/* The difference, or the verifier would follow what it learns of `now`. */
	if (ledger->cut_ns == cut || (__s64)(now - cut) < 0)
		return;
	ledger->at_cut.state = ledger->state;
	ledger->at_cut.since = ledger->since;
	ledger->at_cut.run_phase = ledger->run_phase;
	ledger->at_cut.calls_on = calls_on;
	bpf_probe_read_kernel(&ledger->at_cut.sum, sizeof(ledger->at_cut.sum), &ledger->sum);
	ledger->cut_ns = cut;
}

/* Interrupt time of this CPU up to now, the running interrupt included. */
static __always_inline __u64 cpu_irq_time(const struct cpu_state *cpu, __u64 now)
{
	if ((cpu->in_hard || cpu->soft_foreign) && now > cpu->irq_begin)
		return cpu->irq_total + (now - cpu->irq_begin);
	return cpu->irq_total;
}

/*
 * Files stolen time out of a stretch of running that has `room` ns; returns how much. A virtual
 * disk's requests are served by the hypervisor on the CPUs that it takes from this host: with a
 * request of its own just issued, the thread waits for the disk.
 */
static __always_inline __u64 ledger_take_stolen(struct wire_ledger *ledger, __u64 room)
{
	__u64 stolen = ledger->stolen_owed < room ? ledger->stolen_owed : room;

	if (ledger->issued == STATE_WAIT_DISK_READ)
		ledger->sum.ns[STATE_WAIT_DISK_READ] += stolen;
	else if (ledger->issued == STATE_WAIT_DISK_WRITE)
		ledger->sum.ns[STATE_WAIT_DISK_WRITE] += stolen;
	else
		ledger->sum.ns[STATE_RUN_STOLEN] += stolen;
	ledger->stolen_owed -= stolen;
	return stolen;
}

/* Whether all system calls since `since` were seen: then the state is user or kernel, rightly. */
static __always_inline bool ledger_mode_known(const struct wire_ledger *ledger)
{
	return (calls_on && ledger->run_phase == calls_on) || ledger->flags & LEDGER_KTHREAD;
}

/*
 * Ends a stretch of running (user or kernel) of a thread on this CPU; its interrupts and what the
 * hypervisor took go to their own states. The caller sets the next state.
 */
static __always_inline void ledger_end_run(struct wire_ledger *ledger, const struct cpu_state *cpu,
					   __u64 now)
{
	__u64 total = now > ledger->since ? now - ledger->since : 0;
	__u64 irq_now = cpu_irq_time(cpu, now);
	__u64 irq = irq_now > ledger->irq_mark ? irq_now - ledger->irq_mark : 0;

	if (irq > total)
		irq = total;
	ledger->sum.ns[STATE_RUN_IRQ] += irq;
	ledger->run_irq += irq;
	total -= irq;
	if (ledger->stolen_owed)
		total -= ledger_take_stolen(ledger, total);
	if (!ledger_mode_known(ledger))
		ledger->sum.ns[LEDGER_UNSPLIT] += total;
	else if (ledger->state == STATE_RUN_KERNEL)
		ledger->sum.ns[STATE_RUN_KERNEL] += total;
	else
		ledger->sum.ns[STATE_RUN_USER] += total;
	ledger->run_phase = calls_on;
	ledger->issued = 0;
	ledger->irq_mark = irq_now;
	ledger->since = now;
}

/* A thread gets this CPU; `clock` is what the scheduler says that it ran so far, 0 = unknown. */
static __always_inline void ledger_begin_run(struct wire_ledger *ledger,
					     const struct cpu_state *cpu, __u64 clock, __u64 now)
{
	ledger->run_begin = now;
	ledger->run_phase = calls_on;
	ledger->run_irq = 0;
	ledger->run_clock = clock;
	ledger->irq_mark = cpu_irq_time(cpu, now);
}

#define STOLEN_MIN_NS 20000 /* less is the difference of two clocks */

/*
 * A thread leaves its CPU: what its wall time there has and the scheduler's clock has not, was
 * stolen. It is taken out of the stretch that ends now, and out of later ones if it is longer: the
 * clock is right at switches only.
 */
static __always_inline void ledger_find_stolen(struct wire_ledger *ledger,
					       const struct cpu_state *cpu, __u64 clock, __u64 now)
{
	__u64 wall = now - ledger->run_begin, ran = clock - ledger->run_clock;

	if (!stolen_time || !ledger->run_clock || now < ledger->run_begin ||
	    clock < ledger->run_clock)
		return;
	if (compat_clock_without_irq()) {
		ran += ledger->run_irq;
		if (cpu_irq_time(cpu, now) > ledger->irq_mark)
			ran += cpu_irq_time(cpu, now) - ledger->irq_mark;
	}
	if (wall > ran + STOLEN_MIN_NS)
		ledger->stolen_owed += wall - ran;
}

/* Ends any stretch that was not running; returns its length in ns. */
static __always_inline __u64 ledger_end_off(struct wire_ledger *ledger, __u64 now)
{
	__u64 total = now > ledger->since ? now - ledger->since : 0;
	__u32 state = ledger->state;

	if (state < STATE_COUNT)
		ledger->sum.ns[state] += total;
	ledger->since = now;
	return total;
}

/*
 * Ends a stretch in which the thread was put on a CPU unseen: some kernels run no programs while
 * certain threads are current, and so not at the switch from such a thread to this one. `clock`,
 * what the scheduler says that the thread ran so far, tells how much of the stretch it ran; that
 * was the last part of it.
 */
static __always_inline void ledger_end_unseen(struct wire_ledger *ledger, __u64 clock, __u64 now)
{
	__u64 ran = clock - ledger->run_clock, end = now;

	if (clock > ledger->run_clock && ran < now - ledger->since)
		end = now - ran;
	ledger_end_off(ledger, end);
	ledger->run_begin = end;
	ledger->sum.ns[LEDGER_UNSPLIT] += now - end;
	ledger->since = now;
}

static __always_inline bool ledger_runs(const struct wire_ledger *ledger)
{
	return ledger->state <= STATE_RUN_STOLEN;
}

static __always_inline bool ledger_ready(const struct wire_ledger *ledger)
{
	return state_is_ready(ledger->state);
}

/*
 * The current thread enters or leaves a system call. A thread that makes one runs, whatever its
 * ledger says: then its switch to the CPU was not seen, and what it ran since stays with the state
 * it had.
 */
static __always_inline void ledger_switch_mode(struct wire_ledger *ledger, struct cpu_state *cpu,
					       enum thread_state mode, __u64 now)
{
	if (!cpu)
		return;
	ledger_write_begin(ledger);
	ledger_cut(ledger, now);
	if (ledger_runs(ledger)) {
		ledger_end_run(ledger, cpu, now);
	} else {
		ledger_end_off(ledger, now);
		ledger_begin_run(ledger, cpu, 0, now);
	}
	ledger->state = mode;
	ledger_write_end(ledger);
}

/*
 * Adds to a party table: two places are tried for a process, in neither of them the smaller one
 * gives way if it has less, and what is not told apart goes to *other. No loop: a search would make
 * the verifier's work on every program that calls this many times longer.
 */
static __always_inline void parties_add(struct wire_party *parties, __u64 *other, __u32 tgid,
					__u64 ns)
{
	__u32 first = (tgid ^ tgid >> 4) & (WIRE_PARTIES - 1), second = first ^ 1;
	struct wire_party *place = &parties[first], *next = &parties[second];

	if (place->tgid != tgid && (next->tgid == tgid || next->ns < place->ns))
		place = next;
	if (place->tgid != tgid) {
		if (place->ns > ns) {
			*other += ns;
			return;
		}
		*other += place->ns;
		place->tgid = tgid;
		place->count = 0;
		place->ns = 0;
	}
	place->count++;
	place->ns += ns;
}

/* The parties of the current slice, emptied at its first event. */
static __always_inline struct wire_parties *parties_now(struct wire_ledger *ledger)
{
	__u32 now = generation;
	struct wire_parties *parties = &ledger->parties[now & 1];

	if (parties->slice != now + 1) {
		__builtin_memset(parties, 0, sizeof(*parties));
		parties->slice = now + 1;
	}
	return parties;
}

#endif
