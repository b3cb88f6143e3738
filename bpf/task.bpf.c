/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * task: threads that are born, change their image or were there before; and the task iterator
 * through which user space reads all ledgers at the end of a slice.
 */
#include "core/cause.bpf.h"
#include "core/context.bpf.h"
#include "core/identity.bpf.h"
#include "core/ledger.bpf.h"
#include "core/stacks.bpf.h"
#include "core/targets.bpf.h"
#include <bpf/bpf_tracing.h>

struct life_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_ledger);
};
struct life_scratch_map life_scratch SEC(".maps");

struct thread_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_thread);
};
struct thread_scratch_map thread_scratch SEC(".maps");

static __always_inline struct wire_ledger *ledger_make(struct task_struct *task,
						       struct wire_ledger *initial)
{
	struct wire_ledger *ledger;
	__u32 tid;

	if (has_task_storage) {
		ledger = bpf_task_storage_get(&ledger_storage, task, initial,
					      BPF_LOCAL_STORAGE_GET_F_CREATE);
	} else {
		tid = LOAD(task, pid);
		bpf_map_update_elem(&ledger_hash, &tid, initial, BPF_ANY);
		ledger = bpf_map_lookup_elem(&ledger_hash, &tid);
	}
	if (!ledger)
		drop_count(DROP_THREAD_STORAGE);
	return ledger;
}

static __always_inline void ledger_start(struct wire_ledger *ledger, struct task_struct *task,
					 __u64 now)
{
	/* In parts that stay apart: the compiler clears no more than 1 KiB at once. */
	__builtin_memset(ledger, 0, offsetof(struct wire_ledger, parties));
	barrier();
	__builtin_memset(ledger->parties, 0, sizeof(ledger->parties));
	barrier();
	__builtin_memset(&ledger->syscall, 0, sizeof(*ledger) - WIRE_LEDGER_TOLD);
	ledger->since = now;
	if (now >= cut_ns) {
		/* As of the last cut it had done nothing. */
		ledger->cut_ns = cut_ns;
		ledger->at_cut.since = now;
	}
	ledger->run_begin = now;
	ledger->syscall = -1;
	ledger->tid = BPF_CORE_READ(task, pid);
	context_seed(ledger, ledger->tid);
	if (BPF_CORE_READ(task, flags) & COMPAT_PF_KTHREAD)
		ledger->flags |= LEDGER_KTHREAD;
}

static __always_inline void life_header_fill(struct wire_header *header, struct task_struct *task,
					     enum wire_kind kind)
{
	header->kind = kind;
	header->cpu = bpf_get_smp_processor_id();
	header->time_ns = bpf_ktime_get_ns();
	header->tid = BPF_CORE_READ(task, pid);
	header->tgid = BPF_CORE_READ(task, tgid);
}

static __always_inline void life_send(struct task_struct *task, enum wire_kind kind)
{
	struct wire_life *life = bpf_ringbuf_reserve(&events, sizeof(*life), 0);

	if (!life) {
		drop_count(DROP_RING_BIRTH);
		return;
	}
	life_header_fill(&life->header, task, kind);
	identity_fill(&life->who, task);
	bpf_ringbuf_submit(life, events_wakeup());
}

TRACEPOINT("task_newtask")
int BPF_PROG(sched__newtask, struct task_struct *task)
{
	__u32 zero = 0;
	struct wire_ledger *initial = bpf_map_lookup_elem(&life_scratch, &zero);

	if (!initial)
		return 0;
	ledger_start(initial, task, bpf_ktime_get_ns());
	initial->targeted = target_test(task, ledger_current());
	/* It becomes runnable at its sched_wakeup_new; until then its parent holds it back. */
	initial->state = STATE_WAIT_OTHER;
	ledger_make(task, initial);
	life_send(task, WIRE_FORK);
	return 0;
}

TRACEPOINT("sched_process_exec")
int BPF_PROG(sched__exec, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct wire_ledger *ledger = ledger_of(task);
	bool targeted = target_test(task, ledger);
	struct wire_exec *exec;
	__u64 exe = 0;

	if (ledger) {
		context_seed(ledger, LOAD(task, pid));
		ledger->targeted = targeted;
	}
	if (targeted) {
		/* Before the record that names it, and before the first sample in it. */
		if (file)
			exe = file_tell((__u64)file, 0, 0, 0, 0);
	}
	exec = bpf_ringbuf_reserve(&events, sizeof(*exec), 0);
	if (!exec) {
		drop_count(DROP_RING_EXEC);
		return 0;
	}
	life_header_fill(&exec->header, task, WIRE_EXEC);
	identity_fill(&exec->who, task);
	exec->exe = exe;
	bpf_ringbuf_submit(exec, BPF_RB_NO_WAKEUP);
	return 0;
}

TRACEPOINT("sched_process_free")
int BPF_PROG(sched__free, struct task_struct *task)
{
	__u32 tid = LOAD(task, pid);

	/* Task storage goes with the task. */
	if (!has_task_storage)
		bpf_map_delete_elem(&ledger_hash, &tid);
	return 0;
}

/* ---- the task iterator ---- */

/* The state of a thread that was there before the programs, as far as it can be told. */
static __always_inline __u32 thread_state_now(struct task_struct *task, struct wire_ledger *ledger)
{
	bool kernel = ledger->flags & LEDGER_KTHREAD;
	__u32 state;

	ledger->syscall = -1;
	ledger->calls_phase = 0;
	if (compat_task_on_cpu(task))
		return kernel ? STATE_RUN_KERNEL : STATE_RUN_USER;
	state = compat_task_state(task);
	if (!kernel)
		calls_recall(ledger, task, compat_registers_of(task));
	return state ? wait_class(task, ledger, state, false) : STATE_READY_PREEMPTED;
}

/* `initial` is the iterator's own scratch: a birth on this CPU may interrupt it. */
static __always_inline struct wire_ledger *ledger_adopt(struct task_struct *task,
							struct wire_ledger *initial, __u64 now)
{
	ledger_start(initial, task, now);
	initial->run_clock = BPF_CORE_READ(task, se.sum_exec_runtime);
	initial->state = thread_state_now(task, initial);
	return ledger_make(task, initial);
}

/*
 * A thread may have left its CPU just when its ledger was made; then it would be taken to run until
 * it does so the next time. `seq` is read behind the look at the CPU: a switch that was seen has
 * been written before the thread is off it.
 */
static __always_inline void ledger_repair(struct wire_ledger *ledger, struct task_struct *task)
{
	bool runs = compat_task_on_cpu(task);

	barrier();
	if (!runs && ledger_runs(ledger) && !*(volatile __u32 *)&ledger->seq)
		ledger->state = thread_state_now(task, ledger);
}

/* A consistent copy: again while the writer is in it. False after a few tries. */
static __always_inline bool ledger_copy(struct wire_ledger *to, struct wire_ledger *from)
{
	for (int i = 0; i < 8; i++) {
		__u32 seq = *(volatile __u32 *)&from->seq;

		barrier();
		bpf_probe_read_kernel(to, sizeof(*to), from);
		barrier();
		if (!(seq & 1) && *(volatile __u32 *)&from->seq == seq)
			return true;
	}
	return false;
}

/* So often in a row a thread is passed over before it is taken as it is. */
#define DUMP_TRIES 1000
__u32 dump_tries;

static __always_inline void thread_describe(struct wire_thread *out, struct task_struct *task)
{
	identity_fill(&out->who, task);
	out->policy = BPF_CORE_READ(task, policy);
	out->nice = BPF_CORE_READ(task, static_prio) - 120;
	out->realtime_priority = BPF_CORE_READ(task, rt_priority);
	out->cpus_allowed = BPF_CORE_READ(task, nr_cpus_allowed);
	bpf_probe_read_kernel(out->cpu_mask, sizeof(out->cpu_mask), BPF_CORE_READ(task, cpus_ptr));
	out->rss_pages = compat_rss_pages(BPF_CORE_READ(task, mm));
}

/* Makes the ledgers that there are none of, and, once there was a cut, tells all of them. */
ITERATOR("task")
int sched__dump(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ITERATED(ctx, task);
	struct wire_ledger *ledger;
	struct wire_thread *out;
	__u32 zero = 0;
	bool adopted;
	__u64 now;

	if (!task)
		return 0;
	out = bpf_map_lookup_elem(&thread_scratch, &zero);
	if (!out)
		return 0;
	now = bpf_ktime_get_ns();
	ledger = ledger_of(task);
	/* Its parent may know that it ended, and we be here, before its last switch. */
	if (BPF_CORE_READ(task, exit_state) && (!ledger || ledger->flags & LEDGER_TOLD))
		return 0;
	adopted = !ledger;
	if (adopted)
		ledger = ledger_adopt(task, &out->ledger, now);
	/* Threads move from cgroup to cgroup. */
	if (ledger && (adopted || target_kind == TARGET_TEST_CGROUP))
		ledger->targeted = target_test(task, NULL);
	if (!ledger || !cut_ns)
		return 0;
	ledger_repair(ledger, task);
	/* The same thread again: a program that is writing it may have been held up. */
	if (!ledger_copy(&out->ledger, ledger) && dump_tries++ < DUMP_TRIES)
		return 1;
	dump_tries = 0;
	/* Of a phase that is over: the open stretch is neither user nor kernel time for sure. */
	if (!ledger_mode_known(&out->ledger))
		out->ledger.run_phase = 0;
	thread_describe(out, task);
	ITERATED_TELL(ctx, out);
	return 0;
}
