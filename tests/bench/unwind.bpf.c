/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The unwinder under a clock, linked with bpf/core and on the tables that a session keeps: what
 * strait itself loads has no clock in it. unwind.c reads the results.
 */
#include "core/compat.bpf.h"
#include "core/unwind.bpf.h"
#include <bpf/bpf_tracing.h>
#include "bench.h"

/* Set by user space. */
__u32 watched; /* the process whose stacks are walked, or whose exec is awaited */
__u32 looker;  /* the thread whose system calls look for the table */

struct bench_walk walks[BENCH_WALKS];
__u32 walk_count;
__u64 exec_file, exec_ns, found_ns;

/* Watched is one thread on one CPU: nothing races. */
SEC("perf_event")
int bench__walk(struct bpf_perf_event_data *ctx)
{
	__u32 slot = SLOT_CPU, at = walk_count;
	struct unwind *u;
	__u64 begin, end;

	if (bpf_get_current_pid_tgid() >> 32 != watched || at >= BENCH_WALKS)
		return 0;
	begin = bpf_ktime_get_ns();
	stack_user(slot);
	end = bpf_ktime_get_ns();
	u = bpf_map_lookup_elem(&unwinds, &slot);
	if (!u)
		return 0;
	walks[at].ns = end - begin;
	walks[at].frames = u->stack.frames;
	walks[at].end = u->stack.end;
	walk_count = at + 1;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(bench__exec, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	if (task->tgid != watched || !file)
		return 0;
	exec_ns = bpf_ktime_get_ns();
	exec_file = file_tell((__u64)file, 0, 0, 0, 0);
	return 0;
}

/* When the programs can use the table of what was exec'ed. */
SEC("tp_btf/sys_enter")
int BPF_PROG(bench__look, struct pt_regs *regs, long nr)
{
	__u64 file_id = exec_file;
	struct unwind_file *file;
	__u32 index;

	if ((__u32)bpf_get_current_pid_tgid() != looker || !file_id || found_ns)
		return 0;
	file = bpf_map_lookup_elem(&unwind_files, &file_id);
	if (!file)
		return 0;
	index = file->table;
	if (bpf_map_lookup_elem(&unwind_tables, &index))
		found_ns = bpf_ktime_get_ns();
	return 0;
}

/* ---- what it costs to be called at all ---- */

SEC("tp_btf/sched_switch")
int BPF_PROG(bench__switch)
{
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(bench__waking)
{
	return 0;
}

/* ---- the least ledger: per thread the time running, ready and waiting, and nothing else ---- */

enum least_state { LEAST_WAITS, LEAST_READY, LEAST_RUNS, LEAST_STATES };

struct least_ledger {
	__u64 since, ns[LEAST_STATES];
	__u32 state;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct least_ledger);
} least_ledgers SEC(".maps");

static __always_inline void least_become(struct task_struct *task, __u64 now, __u32 state)
{
	struct least_ledger *ledger =
		bpf_task_storage_get(&least_ledgers, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!ledger)
		return;
	if (ledger->state < LEAST_STATES)
		ledger->ns[ledger->state] += now - ledger->since;
	ledger->since = now;
	ledger->state = state;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(bench__least_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();

	if (prev->pid)
		least_become(prev, now,
			     preempt || !compat_task_state(prev) ? LEAST_READY : LEAST_WAITS);
	if (next->pid)
		least_become(next, now, LEAST_RUNS);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(bench__least_waking, struct task_struct *task)
{
	least_become(task, bpf_ktime_get_ns(), LEAST_READY);
	return 0;
}
