/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sched: the thread ledger at switches and wakeups, where threads wait and how long, who had the
 * CPU meanwhile, who ended a wait, single long waits, and the life of threads.
 *
 * Runs under run-queue locks: look-ups, task storage, per-CPU arrays and the ring buffer only.
 */
#include "core/blocking.bpf.h"
#include "core/cause.bpf.h"
#include "core/context.bpf.h"
#include "core/holder.bpf.h"
#include "core/crowd.bpf.h"
#include "core/delay.bpf.h"
#include "core/early.bpf.h"
#include "core/identity.bpf.h"
#include "core/ledger.bpf.h"
#include "core/sampling.bpf.h"
#include "core/targets.bpf.h"
#include "core/waker.bpf.h"
#include "histogram.h"
#include <bpf/bpf_tracing.h>

/* Single waits sent by each CPU; the ledger's totals stay exact. */
#define WAITS_PER_SECOND 500
#define POLLS_PER_SECOND 100 /* of them in poll: those that matter shall not drown */

/* ---- single long waits ---- */

/* Whether this CPU may send one more single wait in this second. */
static __always_inline bool wait_allowed(struct cpu_state *cpu, bool poll, __u64 now)
{
	__u64 second = now >> 30;

	if (cpu->waits_second != second) {
		cpu->waits_second = second;
		cpu->waits_sent = 0;
		cpu->polls_sent = 0;
	}
	if (poll && cpu->polls_sent >= POLLS_PER_SECOND) {
		__sync_fetch_and_add(&context_stats.polls, 1);
		return false;
	}
	if (cpu->waits_sent >= WAITS_PER_SECOND) {
		drop_count(DROP_WAIT_RATE);
		return false;
	}
	cpu->waits_sent++;
	cpu->polls_sent += poll;
	return true;
}

/*
 * Whether a single wait that `waker` ended (0: an interrupt) is worth telling. A quiet host does
 * little else than wait for timers and, for nobody in particular, in poll; the time is summed all
 * the same.
 */
static __always_inline bool wait_is_told(enum thread_state state, __u64 waker)
{
	return state == STATE_WAIT_POLL ? waker != 0 : state != STATE_WAIT_TIMER;
}

/*
 * A wait of `waited` ns that ends now; `waker` is the one who ended it, as tgid << 32 | tid; `ctx`
 * NULL where it is not sure to be the current thread.
 */
static __always_inline void wait_send(void *ctx, const struct wire_ledger *ledger,
				      struct task_struct *task, const struct cpu_state *cpu,
				      __u32 state, __u64 waker, __u64 waited, __u64 now)
{
	__u64 waker_stack = 0, user_stack = 0, key = 0;
	__u32 end = WAIT_END_THREAD, number = 0;
	struct wire_wait *wait;

	if (!waker)
		end = waker_interrupt(cpu, &number);
	if (ctx && waker) {
		waker_stack = stack_kernel_above(ctx, SLOT_SCHED, TRACEPOINT_FRAMES);
		waker_find();
		user_stack = cpu->waker_stack;
		key = cpu->waker_key;
	}
	wait = bpf_ringbuf_reserve(&events, sizeof(*wait), 0);
	if (!wait) {
		drop_count(DROP_RING_WAIT);
		return;
	}
	wait->header.kind = WIRE_WAIT;
	wait->header.cpu = bpf_get_smp_processor_id();
	wait->header.time_ns = now;
	wait->header.tid = LOAD(task, pid);
	wait->header.tgid = LOAD(task, tgid);
	wait->begin_ns = now - waited;
	wait->kernel_stack = ledger->wait.kernel_stack;
	wait->user_stack = ledger->wait.user_stack;
	wait->state = state;
	wait->waker = (__u32)waker;
	wait->waker_tgid = waker >> 32;
	wait->syscall = ledger->syscall;
	wait->waker_kernel_stack = waker_stack;
	wait->waker_user_stack = user_stack;
	wait->waker_key = key;
	wait->end_number = number;
	wait->end = end;
	wait->lock = ledger->wait.what & CONTEXT_LOCK ? 1 : 0;
	bpf_ringbuf_submit(wait, BPF_RB_NO_WAKEUP);
}

/* ---- where threads wait ---- */

/* The current thread blocks: its place is looked up, and a sample that waited for it is sent. */
static __always_inline void wait_enter(void *ctx, struct wire_ledger *ledger, __u32 state,
				       const struct blocking *at, struct cpu_state *cpu)
{
	if (state == STATE_WAIT_LOCK_USER) {
		struct pt_regs *regs = compat_user_registers();

		if (futex_is_held(regs)) {
			state |= CONTEXT_LOCK;
			ledger->wait.owner = futex_owner(regs);
		}
	}
	if (blocks_as(cpu) == BLOCKS_AGAIN)
		ledger->wait.context = ledger->wait.last_context;
	else
		context_enter(ctx, ledger, state, at->ip, at->sp, cpu);
	if (ledger->sample_kind)
		sample_finish(ledger, ledger->sample_ip == at->ip ? ledger->wait.user_stack : 0);
}

/* ---- the two ends of a switch ---- */

static __always_inline void life_send_exit(struct task_struct *task,
					   const struct wire_ledger *ledger, __u64 now)
{
	struct wire_exit *exit = bpf_ringbuf_reserve(&events, WIRE_EXIT_BYTES, 0);

	if (!exit) {
		drop_count(DROP_RING_EXIT);
		return;
	}
	exit->header.kind = WIRE_EXIT;
	exit->header.cpu = bpf_get_smp_processor_id();
	exit->header.time_ns = now;
	exit->header.tid = LOAD(task, pid);
	exit->header.tgid = LOAD(task, tgid);
	identity_fill(&exit->who, task);
	/* Too large for the compiler to copy. */
	bpf_probe_read_kernel(&exit->ledger, WIRE_LEDGER_TOLD, ledger);
	bpf_ringbuf_submit(exit, events_wakeup());
}

/* A thread had this CPU. */
static __always_inline void run_note(struct cpu_state *cpu, struct task_struct *task, __u64 begin,
				     __u64 end)
{
	__u32 slot = cpu->run_at & (WIRE_RUNS - 1);

	cpu->run[slot].tid = LOAD(task, pid);
	cpu->run[slot].tgid = LOAD(task, tgid);
	cpu->run[slot].begin = begin;
	cpu->run[slot].end = end;
	cpu->run_at = slot + 1;
}

static __always_inline void switch_out(void *ctx, struct task_struct *prev, bool preempt,
				       struct cpu_state *cpu, __u64 now)
{
	struct wire_ledger *ledger = ledger_of(prev);
	struct blocking at = {};
	__u32 state, next_state;

	if (!ledger)
		return;
	state = preempt ? 0 : compat_task_state(prev);
	cpu->blocks_as = BLOCKS_NEW;
	ledger_write_begin(ledger);
	ledger_cut(ledger, now);
	if (ledger_runs(ledger)) {
		ledger_find_stolen(ledger, cpu, LOAD(prev, se.sum_exec_runtime), now);
		ledger_end_run(ledger, cpu, now);
	} else {
		ledger_end_unseen(ledger, LOAD(prev, se.sum_exec_runtime), now);
	}
	ledger->run_clock = LOAD(prev, se.sum_exec_runtime);
	run_note(cpu, prev, ledger->run_begin, now);
	ledger->sum.switches++;
	if (state == 0) {
		next_state =
			compat_task_throttled(prev) ? STATE_READY_THROTTLED : STATE_READY_PREEMPTED;
		ledger->sum.preemptions++;
	} else {
		if (!(ledger->flags & LEDGER_KTHREAD))
			blocking_look(&at, prev, ledger, cpu);
		next_state = blocks_as(cpu) == BLOCKS_AGAIN ? ledger->wait.what
							    : wait_class(prev, ledger, state, true);
	}
	ledger->state = next_state;
	ledger_write_end(ledger);
	waker_finish(ledger, SLOT_SCHED);
	if (state & COMPAT_TASK_DEAD) {
		if (ledger->sample_kind)
			sample_finish(ledger, 0);
		life_send_exit(prev, ledger, now);
		ledger->flags |= LEDGER_TOLD;
		return;
	}
	/* The state is read back: one that the verifier knows would be followed value by value. */
	if (state && ledger->targeted && !(ledger->flags & LEDGER_KTHREAD))
		wait_enter(ctx, ledger, *(volatile __u32 *)&ledger->state, &at, cpu);
	if (ledger->crowd_place)
		crowd_return(ledger, now);
}

/*
 * A thread waited for this CPU from `begin` to `now`: those who had it meanwhile are added to the
 * CPU's charged[]. A global function, as in stacks.bpf.h: the verifier looks at its loop once.
 * Returns the ns that belong to nobody there.
 */
__attribute__((noinline)) __u64 culprits_charge(__u64 begin, __u64 now)
{
	struct cpu_state *cpu = cpu_here();
	__u64 charged = 0, other = 0;

	if (!cpu)
		return now - begin;
	for (__u32 i = 1; i <= WIRE_RUNS; i++) {
		__u32 slot = (cpu->run_at - i) & (WIRE_RUNS - 1);
		__u64 ns;

		/* Also one that was never filled. */
		if (cpu->run[slot].end <= begin)
			break;
		ns = run_between(cpu, slot, begin, now);
		if (!ns)
			continue;
		parties_add(cpu->charged, &other, cpu->run[slot].tgid, ns);
		charged += ns;
	}
	return other + (charged < now - begin ? now - begin - charged : 0);
}

static __always_inline void culprits_note(struct wire_ledger *ledger, struct cpu_state *cpu,
					  __u64 waited, __u64 now)
{
	struct wire_parties *parties = parties_now(ledger);

	__builtin_memcpy(cpu->charged, parties->culprit, sizeof(cpu->charged));
	parties->culprit_other_ns += culprits_charge(now - waited, now);
	__builtin_memcpy(parties->culprit, cpu->charged, sizeof(cpu->charged));
}

/* Run-queue latency: histograms in shared memory, sharded by CPU to keep the adds apart. */
__u32 runqueue_histogram[WIRE_SHARDS][HIST_BUCKETS];
__u64 runqueue_sum[WIRE_SHARDS];

/* A global function, as in stacks.bpf.h: looked at once by the verifier. Returns nothing of use. */
__attribute__((noinline)) __u64 runqueue_file(__u64 waited)
{
	__u32 shard = bpf_get_smp_processor_id() & (WIRE_SHARDS - 1);
	__u32 bucket = histogram_bucket(waited);

	barrier_var(bucket); /* or clang drops the check, which the verifier wants to see */
	if (bucket >= HIST_BUCKETS)
		return 0;
	__sync_fetch_and_add(&runqueue_histogram[shard][bucket], 1);
	__sync_fetch_and_add(&runqueue_sum[shard], waited);
	return 0;
}

#define CULPRIT_MIN_NS 20000 /* shorter waits for a CPU are its switching, nobody's fault */

static __always_inline void switch_in(struct task_struct *next, struct cpu_state *cpu, __u64 now)
{
	struct wire_ledger *ledger = ledger_of(next);
	enum thread_state was;
	__u64 waited;

	if (!ledger)
		return;
	ledger_write_begin(ledger);
	if (ledger->woken_early)
		early_catch_up(ledger, cpu, now);
	barrier();
	ledger_cut(ledger, now);
	was = ledger->state;
	waited = ledger_end_off(ledger, now);
	if (was == STATE_READY_WOKEN || was == STATE_READY_PREEMPTED) {
		runqueue_file(waited);
		if (waited >= CULPRIT_MIN_NS)
			culprits_note(ledger, cpu, waited, now);
	}
	if (waited >= wait_threshold_ns && state_is_ready(was) && ledger->targeted &&
	    !(ledger->flags & LEDGER_KTHREAD))
		delay_tell((__u64)LOAD(next, tgid) << 32 | LOAD(next, pid), was, now - waited, now);
	if (calls_on && !(ledger->flags & LEDGER_KTHREAD))
		calls_recall(ledger, next, compat_registers_of(next));
	ledger->state = ledger->syscall >= 0 || (ledger->flags & LEDGER_KTHREAD) ? STATE_RUN_KERNEL
										 : STATE_RUN_USER;
	ledger_begin_run(ledger, cpu, LOAD(next, se.sum_exec_runtime), now);
	pause_note(ledger, was, waited, now);
	/* Its wakeup was not seen, or was early. */
	if (ledger->wait.context)
		context_leave(ledger, parties_now(ledger),
			      (__u64)LOAD(next, tgid) << 32 | LOAD(next, pid),
			      ledger->woken_early ? cpu->early_waited : waited);
	if (ledger->woken_early)
		early_file(ledger, cpu);
	ledger_write_end(ledger);
}

TRACEPOINT("sched_switch")
int BPF_PROG(sched__switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	struct cpu_state *cpu = cpu_here();

	if (!cpu)
		return 0;
	cpu->told.switches++;
	if (LOAD(prev, pid)) {
		switch_out(ctx, prev, preempt, cpu, now);
	} else if (cpu->told.idle_since) {
		cpu->told.idle_ns += now - cpu->told.idle_since;
		cpu->told.idle_since = 0;
	}
	if (LOAD(next, pid))
		switch_in(next, cpu, now);
	else
		cpu->told.idle_since = now;
	return 0;
}

/* ---- wakeups ---- */

/*
 * `ctx`: of the one place where the current thread is sure to be who wakes, else NULL. What a
 * mutex's holder did, and where the waker is, is looked up there alone: each program that may do
 * so takes 6 ms longer to load.
 */
static __always_inline int wakeup(void *ctx, struct task_struct *task, struct cpu_state *cpu)
{
	struct wire_ledger *ledger = ledger_of(task);
	__u64 now, waited, id = 0;
	struct wire_parties *parties;
	enum thread_state was;

	if (!ledger || !cpu || ledger_runs(ledger) || ledger_ready(ledger))
		return 0;
	now = bpf_ktime_get_ns();
	if (waker_is_current(cpu))
		id = bpf_get_current_pid_tgid();
	was = ledger->state;
	if (ctx)
		cpu->woken_from =
			was | (ledger->wait.context ? ledger->wait.what & CONTEXT_LOCK : 0);
	ledger_write_begin(ledger);
	ledger_cut(ledger, now);
	waited = ledger_end_off(ledger, now);
	ledger->state = STATE_READY_WOKEN;
	ledger->sum.wakeups++;
	parties = parties_now(ledger);
	if (id)
		parties_add(parties->waker, &parties->waker_other_ns, id >> 32, waited);
	else
		parties->waker_other_ns += waited;
	if (ctx && id && ledger->wait.context && ledger->wait.what & CONTEXT_LOCK)
		holder_note(ledger, parties, cpu, id >> 32, waited, now);
	ledger_write_end(ledger);
	pause_note(ledger, ledger->wait.context ? ledger->wait.what : was, waited, now);
	crowd_join(ledger, cpu, LOAD(task, pid), id, now);
	if (!ledger->wait.context)
		return 0;
	context_leave(ledger, parties, (__u64)LOAD(task, tgid) << 32 | LOAD(task, pid), waited);
	if (waited >= wait_threshold_ns && wait_is_told(was, id) &&
	    wait_allowed(cpu, was == STATE_WAIT_POLL, now))
		wait_send(ctx, ledger, task, cpu, was, id, waited, now);
	return 0;
}

/*
 * The one who wakes is current here. At sched_wakeup it often is not: a thread that goes to an idle
 * CPU is put into its queue by that CPU itself. Nor would a second program be cheap.
 */
TRACEPOINT("sched_waking")
int BPF_PROG(sched__waking, struct task_struct *task)
{
	struct cpu_state *cpu = cpu_here();

	if (!cpu)
		return 0;
	cpu->woken = woken_key(task);
	cpu->woken_from = 0;
	if (compat_task_on_cpu(task))
		return early_note(task, cpu);
	return wakeup(ctx, task, cpu);
}

TRACEPOINT("sched_wakeup_new")
int BPF_PROG(sched__wakeup_new, struct task_struct *task)
{
	return wakeup(NULL, task, cpu_here());
}

TRACEPOINT("sched_migrate_task")
int BPF_PROG(sched__migrate, struct task_struct *task)
{
	struct wire_ledger *ledger = ledger_of(task);

	if (ledger)
		ledger->sum.migrations++;
	return 0;
}

/* ---- contended kernel locks (5.19) ---- */

TRACEPOINT("contention_begin")
int BPF_PROG(sched__lock_begin)
{
	struct wire_ledger *ledger = ledger_current();

	if (ledger)
		ledger->flags |= LEDGER_IN_LOCK;
	return 0;
}

TRACEPOINT("contention_end")
int BPF_PROG(sched__lock_end)
{
	struct wire_ledger *ledger = ledger_current();

	if (ledger)
		ledger->flags &= ~LEDGER_IN_LOCK;
	return 0;
}
