/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * schedule: every switch and wakeup, told one by one, in short excerpts of the window: what phase
 * four replays. The programs are attached for an excerpt only, after those of sched, so that they
 * see the ledgers as sched leaves them.
 *
 * Runs under run-queue locks: look-ups, task storage, per-CPU arrays and the ring buffer only.
 */
#include "core/compat.bpf.h"
#include "core/context.bpf.h"
#include "core/ledger.bpf.h"
#include <bpf/bpf_tracing.h>

/* Set by user space: the excerpt that is under way, and how many records a CPU may send of one. */
__u32 schedule_excerpt;
__u32 schedule_room;
/* The excerpt in which a CPU has sent as many: it ends there. */
__u32 schedule_full;
/* The number of sched_yield(), -1 = unknown. */
const volatile __s32 schedule_yield = -1;

struct schedule_cpus_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_schedule_cpu);
};
struct schedule_cpus_map schedule_cpus SEC(".maps");

struct task_struct___group {
	struct task_group *sched_task_group;
} __attribute__((preserve_access_index));

/* Among whom a thread's share of the CPU is shared out: its cgroup's threads, or its session's. */
static __always_inline __u64 schedule_group(struct task_struct *task)
{
	struct task_struct___group *grouped = (void *)task;

	if (bpf_core_field_exists(grouped->sched_task_group))
		return (__u64)BPF_CORE_READ(grouped, sched_task_group);
	return 0;
}

/* This CPU's part of the excerpt, NULL when it is full, which is noted. */
static __always_inline struct wire_schedule_cpu *schedule_here(__u64 now)
{
	struct wire_schedule_cpu *cpu;
	__u32 zero = 0;

	cpu = bpf_map_lookup_elem(&schedule_cpus, &zero);
	if (!cpu)
		return NULL;
	if (cpu->excerpt != schedule_excerpt) {
		cpu->excerpt = schedule_excerpt;
		cpu->told = 0;
		cpu->cut_ns = 0;
	}
	if (cpu->cut_ns)
		return NULL;
	if (cpu->told >= schedule_room) {
		cpu->cut_ns = now;
		return NULL;
	}
	if (++cpu->told == schedule_room)
		schedule_full = schedule_excerpt;
	return cpu;
}

/* The state of a thread that does not run, and what is known of it. */
static __always_inline void schedule_state(struct wire_schedule *record,
					   const struct wire_ledger *ledger)
{
	record->state = ledger->state;
	if (ledger->state == STATE_WAIT_LOCK_USER && ledger->wait.context &&
	    ledger->wait.what & CONTEXT_LOCK)
		record->flags |= SCHEDULE_LOCK;
}

/*
 * Whether a thread that leaves its CPU and could run gives it away. Where system calls are not
 * observed its registers tell: who yields all the time makes so many calls that they are not.
 */
static __always_inline bool schedule_yields(struct task_struct *task,
					    const struct wire_ledger *ledger)
{
	if (ledger->state != STATE_READY_PREEMPTED || ledger->flags & LEDGER_KTHREAD ||
	    schedule_yield < 0)
		return false;
	if (calls_on && ledger->calls_phase == calls_on)
		return ledger->syscall == schedule_yield;
	return arch_call_read(task, compat_registers_of(task)).number == schedule_yield;
}

/*
 * Sends a record whose own fields are set; what is left of the excerpt is cut where there is no
 * room. Built on the stack and copied: 5.10 does not follow a reserved one through what may return
 * none.
 */
static __always_inline int schedule_tell(struct wire_schedule_cpu *here, __u64 now, __u32 what,
					 struct wire_schedule *record)
{
	/* User space does not wait for its time to take the programs away: they are dear. */
	__u64 wakeup = here->told == schedule_room ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	record->header.kind = WIRE_SCHEDULE;
	record->header.cpu = bpf_get_smp_processor_id();
	record->header.time_ns = now;
	record->excerpt = schedule_excerpt;
	record->what = what;
	if (bpf_ringbuf_output(&events, record, sizeof(*record), wakeup)) {
		drop_count(DROP_RING_SCHEDULE);
		here->cut_ns = now;
	}
	return 0;
}

TRACEPOINT("sched_switch")
int BPF_PROG(schedule__switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	struct wire_schedule_cpu *here = schedule_here(now);
	struct wire_schedule record = {.state = STATE_WAIT_OTHER};
	struct wire_ledger *ledger;

	if (!here)
		return 0;
	record.header.tid = LOAD(prev, pid);
	record.header.tgid = LOAD(prev, tgid);
	record.other = LOAD(next, pid);
	record.other_tgid = LOAD(next, tgid);
	record.group = schedule_group(next);
	ledger = LOAD(prev, pid) ? ledger_of(prev) : NULL;
	if (ledger) {
		schedule_state(&record, ledger);
		if (schedule_yields(prev, ledger))
			record.flags |= SCHEDULE_YIELD;
	}
	return schedule_tell(here, now, SCHEDULE_SWITCH, &record);
}

/*
 * Where the waker runs: sched_wakeup is traced on the CPU that the thread goes to, often in an
 * interrupt that tells nothing of who woke it.
 */
static __always_inline int schedule_woken(struct task_struct *task, bool born)
{
	struct wire_schedule record = {.state = STATE_WAIT_OTHER};
	struct wire_ledger *ledger = ledger_of(task);
	struct wire_schedule_cpu *here;
	struct cpu_state *cpu = cpu_here();
	__u64 id = bpf_get_current_pid_tgid(), now;
	__u32 from = 0;

	if (!ledger || !cpu)
		return 0;
	/* The program of sched that came before has ended the wait in the ledger already. */
	if (!born && (ledger_runs(ledger) || ledger_ready(ledger))) {
		if (cpu->woken == woken_key(task))
			from = cpu->woken_from;
		if (!from)
			return 0;
	}
	now = bpf_ktime_get_ns();
	here = schedule_here(now);
	if (!here)
		return 0;
	record.header.tid = LOAD(task, pid);
	record.header.tgid = LOAD(task, tgid);
	record.group = schedule_group(task);
	/* In an interrupt that the current thread has nothing to do with, nobody is named. */
	if (!cpu->in_hard && !cpu->soft_foreign) {
		record.other = (__u32)id;
		record.other_tgid = id >> 32;
	}
	if (from) {
		record.state = from & ~CONTEXT_LOCK;
		record.flags = from & CONTEXT_LOCK ? SCHEDULE_LOCK : 0;
	} else if (!born) {
		schedule_state(&record, ledger);
	}
	return schedule_tell(here, now, SCHEDULE_WAKE, &record);
}

TRACEPOINT("sched_waking")
int BPF_PROG(schedule__waking, struct task_struct *task)
{
	return schedule_woken(task, false);
}

TRACEPOINT("sched_wakeup_new")
int BPF_PROG(schedule__new, struct task_struct *task)
{
	return schedule_woken(task, true);
}

/*
 * Never attached: user space runs it on each CPU at the begin and at the end of an excerpt, to
 * learn who has the CPU.
 */
SEC("raw_tp/run/mark")
int schedule__mark(void *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	struct wire_schedule_cpu *here = schedule_here(now);
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();
	struct wire_schedule record = {
		.header = {.tid = (__u32)id, .tgid = id >> 32},
		.group = schedule_group(task),
	};

	(void)ctx;
	return here ? schedule_tell(here, now, SCHEDULE_RUNS, &record) : 0;
}
