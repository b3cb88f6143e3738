/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where kernels differ: every such difference is resolved here, each with the change that made it.
 * Fields are tested through CO-RE, never by version number (distributions backport).
 */
#ifndef STRAIT_COMPAT_BPF_H
#define STRAIT_COMPAT_BPF_H

#include "core/arch.bpf.h"
#include "core/maps.bpf.h"

#define COMPAT_PF_KTHREAD      0x00200000
#define COMPAT_TASK_DEAD       0x80
#define COMPAT_UNINTERRUPTIBLE 2

/* 5.14, 2f064a59a11f: task_struct.state became __state. */
struct task_struct___old_state {
	volatile long state;
} __attribute__((preserve_access_index));

/*
 * Here and in compat_task_throttled(): `task` as a tracepoint or an iterator hands it over. Its
 * fields are loaded, without a helper: this runs at every switch.
 */
static __always_inline __u32 compat_task_state(struct task_struct *task)
{
	struct task_struct___old_state *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return LOAD(task, __state);
	return (__u32)LOAD(old, state);
}

/* TASK_STOPPED, TASK_TRACED; 6.1, f5d39b020809: TASK_FROZEN. */
#define COMPAT_TASK_SUSPENDED (0x4 | 0x8 | 0x8000)

/*
 * Whether a task that sleeps was suspended: by SIGSTOP, a debugger, or its cgroup being frozen (as
 * `docker pause` does; 5.2). That happens on its way out of a system call, which it does not wait
 * for. `task` as above.
 */
static __always_inline bool compat_task_suspended(struct task_struct *task, __u32 state)
{
	if (state & COMPAT_TASK_SUSPENDED)
		return true;
	return bpf_core_field_exists(task->frozen) && LOAD_BITS(task, frozen);
}

/*
 * Whether the task has a CPU, or is on its way off it. The field's size differs between kernels.
 * `task` as above.
 */
static __always_inline bool compat_task_on_cpu(struct task_struct *task)
{
	return LOAD_BITS(task, on_cpu);
}

/*
 * 6.18, task-based throttling: a throttled task leaves its queue by itself and says so in
 * task_struct.throttled. Before that, a whole cfs_rq leaves, and its tasks stay on it.
 */
struct task_struct___throttled {
	bool throttled;
} __attribute__((preserve_access_index));

struct cfs_rq___throttle {
	int throttle_count;
} __attribute__((preserve_access_index));

struct sched_entity___group {
	struct cfs_rq___throttle *cfs_rq;
} __attribute__((preserve_access_index));

struct task_struct___se {
	struct sched_entity___group se;
} __attribute__((preserve_access_index));

static __always_inline bool compat_task_throttled(struct task_struct *task)
{
	struct task_struct___throttled *by_task = (void *)task;
	struct task_struct___se *by_queue = (void *)task;

	if (bpf_core_field_exists(by_task->throttled))
		return LOAD(by_task, throttled);
	if (bpf_core_field_exists(by_queue->se.cfs_rq)) {
		struct cfs_rq___throttle *queue = LOAD(by_queue, se.cfs_rq);

		if (bpf_core_field_exists(queue->throttle_count))
			return LOAD(queue, throttle_count) > 0;
	}
	return false;
}

/*
 * The scheduler's clock of a thread leaves out what the hypervisor took and, where the kernel is
 * built with CONFIG_IRQ_TIME_ACCOUNTING, interrupts.
 */
struct rq___irq_time {
	__u64 prev_irq_time;
} __attribute__((preserve_access_index));

static __always_inline bool compat_clock_without_irq(void)
{
	return bpf_core_field_exists(struct rq___irq_time, prev_irq_time);
}

/* 6.2, f1a7941243c1: mm_struct.rss_stat became per-CPU counters; .count is exact to a batch. */
struct mm_rss_stat___old {
	atomic_long_t count[4];
} __attribute__((preserve_access_index));

struct mm_struct___old_rss {
	struct mm_rss_stat___old rss_stat;
} __attribute__((preserve_access_index));

/* Resident pages of an address space: file, anonymous, shared memory. */
static __always_inline __u64 compat_rss_pages(struct mm_struct *mm)
{
	struct mm_struct___old_rss *old = (void *)mm;
	__s64 pages = 0, part;

	if (!mm)
		return 0;
	if (bpf_core_type_exists(struct mm_rss_stat___old)) {
		pages += BPF_CORE_READ(old, rss_stat.count[0].counter);
		pages += BPF_CORE_READ(old, rss_stat.count[1].counter);
		pages += BPF_CORE_READ(old, rss_stat.count[3].counter);
	} else {
		/* MM_FILEPAGES 0, MM_ANONPAGES 1, MM_SWAPENTS 2, MM_SHMEMPAGES 3 */
		part = BPF_CORE_READ(mm, rss_stat[0].count);
		pages += part;
		part = BPF_CORE_READ(mm, rss_stat[1].count);
		pages += part;
		part = BPF_CORE_READ(mm, rss_stat[3].count);
		pages += part;
	}
	return pages > 0 ? (__u64)pages : 0;
}

/* A task's cgroup in the hierarchy of a version 1 controller; NULL where that does not exist. */
static __always_inline struct cgroup *compat_cgroup_of_memory(struct css_set *set)
{
	int index;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	return BPF_CORE_READ(set, subsys[index], cgroup);
}

static __always_inline struct cgroup *compat_cgroup_of_cpu(struct css_set *set)
{
	int index;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, cpu_cgrp_id))
		return NULL;
	index = bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id);
	return BPF_CORE_READ(set, subsys[index], cgroup);
}

/* kernfs ids are unique within one hierarchy only: the hierarchy's number goes into the top byte.
 */
static __always_inline __u64 compat_cgroup_id(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, kn, id) |
	       (__u64)(BPF_CORE_READ(cgroup, root, hierarchy_id) & 0xff) << 56;
}

static __always_inline bool compat_cgroup_beside_target(struct cgroup *cgroup)
{
	return cgroup && compat_cgroup_id(cgroup) >> 56 == target_cgroup >> 56;
}

/*
 * A task's cgroup in the hierarchy of the target, where that is a cgroup of version 1; NULL where
 * it is none, or the task's is the root. Hosts with another target pay nothing for the question.
 */
static __always_inline struct cgroup *compat_cgroup_near_target(struct css_set *set)
{
	struct cgroup *cgroup;

	if (!(target_cgroup >> 56))
		return NULL;
	cgroup = compat_cgroup_of_memory(set);
	if (!compat_cgroup_beside_target(cgroup))
		cgroup = compat_cgroup_of_cpu(set);
	if (!compat_cgroup_beside_target(cgroup) || BPF_CORE_READ(cgroup, level) == 0)
		return NULL;
	return cgroup;
}

/*
 * The cgroup that says most about a task: that near the target; else its v2 cgroup, unless that is
 * the root (hybrid hosts keep their controllers in v1): then that of the memory, else of the CPU
 * controller.
 */
static __always_inline struct cgroup *compat_task_cgroup(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *cgroup = BPF_CORE_READ(set, dfl_cgrp);
	struct cgroup *v1 = compat_cgroup_near_target(set);

	if (v1)
		return v1;
	if (BPF_CORE_READ(cgroup, level) > 0)
		return cgroup;
	v1 = compat_cgroup_of_memory(set);
	if (v1 && BPF_CORE_READ(v1, level) > 0)
		return v1;
	v1 = compat_cgroup_of_cpu(set);
	if (v1 && BPF_CORE_READ(v1, level) > 0)
		return v1;
	return cgroup;
}

/*
 * Whether the current thread is in a system call of a 32-bit program. This runs at every system
 * call: where the kernel allows it, without a helper's copy.
 */
static __always_inline bool compat_task_32bit(void)
{
	if (!ARCH_KNOWS_32BIT)
		return false;
	if (has_task_storage)
		return arch_typed_task_is_32bit(bpf_get_current_task_btf());
	return arch_task_is_32bit((struct task_struct *)bpf_get_current_task());
}

/* A fault with page faults disabled is a failed attempt to read, not a fault of the program. */
static __always_inline bool compat_faults_disabled(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, pagefault_disabled) > 0;
}

/*
 * The registers with which the current thread entered the kernel: at the top of its kernel stack.
 * bpf_task_pt_regs() came with 5.15; before that the size of the stack is taken as it is mostly.
 */
static __always_inline struct pt_regs *compat_registers_on_stack(struct task_struct *task)
{
	__u64 stack = (__u64)BPF_CORE_READ(task, stack);

	return stack ? (struct pt_regs *)(stack + arch_registers_offset()) : NULL;
}

static __always_inline struct pt_regs *compat_user_registers(void)
{
	if (ARCH_REGISTERS_TYPED)
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	return compat_registers_on_stack((struct task_struct *)bpf_get_current_task());
}

/* The same of another thread; `task` as a tracepoint hands it over. */
static __always_inline struct pt_regs *compat_registers_of(struct task_struct *task)
{
	if (ARCH_REGISTERS_TYPED)
		return (struct pt_regs *)bpf_task_pt_regs(task);
	return compat_registers_on_stack(task);
}

/* The user instruction and stack pointer in them. Of bpf_task_pt_regs() they are read directly. */
static __always_inline __u64 compat_user_ip(struct pt_regs *regs)
{
	if (ARCH_REGISTERS_TYPED)
		return PT_REGS_IP(regs);
	return regs ? PT_REGS_IP_CORE(regs) : 0;
}

static __always_inline __u64 compat_user_sp(struct pt_regs *regs)
{
	if (ARCH_REGISTERS_TYPED)
		return PT_REGS_SP(regs);
	return regs ? PT_REGS_SP_CORE(regs) : 0;
}

/* The first three arguments of the system call that the thread is in. */
static __always_inline __u64 compat_user_argument1(struct pt_regs *regs)
{
	if (ARCH_REGISTERS_TYPED)
		return PT_REGS_PARM1_SYSCALL(regs);
	return regs ? PT_REGS_PARM1_CORE_SYSCALL(regs) : 0;
}

static __always_inline __u64 compat_user_argument2(struct pt_regs *regs)
{
	if (ARCH_REGISTERS_TYPED)
		return PT_REGS_PARM2_SYSCALL(regs);
	return regs ? PT_REGS_PARM2_CORE_SYSCALL(regs) : 0;
}

static __always_inline __u64 compat_user_argument3(struct pt_regs *regs)
{
	if (ARCH_REGISTERS_TYPED)
		return PT_REGS_PARM3_SYSCALL(regs);
	return regs ? PT_REGS_PARM3_CORE_SYSCALL(regs) : 0;
}

/* Where the vDSO is mapped, 0 = unknown. */
static __always_inline __u64 compat_vdso_start(struct mm_struct *mm)
{
	return bpf_core_field_exists(mm->context.vdso) ? (__u64)BPF_CORE_READ(mm, context.vdso) : 0;
}

/* 5.17, f3fa33acca9f: request.rq_disk went, request_queue.disk is (since 5.15) the same disk. */
struct request___disk {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

/* The whole disk that a request goes to: major << 20 | minor, 0 = none (passed through). */
static __always_inline __u32 compat_request_device(struct request *rq)
{
	struct request___disk *old = (void *)rq;
	struct gendisk *disk;

	if (bpf_core_field_exists(old->rq_disk))
		disk = BPF_CORE_READ(old, rq_disk);
	else
		disk = BPF_CORE_READ(rq, q, disk);
	if (!disk)
		return 0;
	return (__u32)BPF_CORE_READ(disk, major) << 20 |
	       (BPF_CORE_READ(disk, first_minor) & 0xfffff);
}

/* 6.10: mark_victim() passes the task instead of its id, and traces more than the id. */
struct trace_event_raw_mark_victim___task {
	uid_t uid;
} __attribute__((preserve_access_index));

static __always_inline bool compat_victim_is_task(void)
{
	return bpf_core_field_exists(struct trace_event_raw_mark_victim___task, uid);
}

#endif
