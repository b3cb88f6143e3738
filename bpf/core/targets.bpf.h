/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One switch decides whether a thread is watched: it is thrown when the thread is first seen (by
 * the iterator, or at its birth) and kept in its ledger, so that an event costs one test of a byte.
 * Where the target is a cgroup it is thrown again at an exec and by the iterator, for threads move.
 * The ledger itself covers the whole host: blame may lead out of the target.
 */
#ifndef STRAIT_TARGETS_BPF_H
#define STRAIT_TARGETS_BPF_H

#include "core/compat.bpf.h"
#include "core/maps.bpf.h"

/* How far up the target is looked for; the kernel's own limit is what memory there is. */
#define CGROUP_DEPTH 64

/* Whether a cgroup is the target or below it. Ids hold their hierarchy: no two are alike. */
static __always_inline bool cgroup_in_target(struct cgroup *cgroup)
{
	for (int i = 0; i <= CGROUP_DEPTH; i++) {
		if (!cgroup)
			return false;
		if (compat_cgroup_id(cgroup) == target_cgroup)
			return true;
		/* `self` is the first member: the parent's css is the parent cgroup. */
		cgroup = (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
	}
	drop_count(DROP_CGROUP_DEPTH);
	return false;
}

static __always_inline bool target_in_cgroup(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);

	return cgroup_in_target(BPF_CORE_READ(set, dfl_cgrp)) ||
	       cgroup_in_target(compat_cgroup_of_memory(set)) ||
	       cgroup_in_target(compat_cgroup_of_cpu(set));
}

/* 1 if these differ; without a branch, of which the verifier would follow both ways. */
static __always_inline __u64 differ(__u32 a, __u32 b)
{
	__u64 bits = a ^ b;

	barrier_var(bits);
	return (bits | -bits) >> 63;
}

/* strait does not watch itself. */
static __always_inline bool is_own(__u32 tgid)
{
	return !(differ(tgid, own_tgid) & differ(tgid, own_waiter) & differ(tgid, own_reader) &
		 differ(tgid, own_namer) & differ(tgid, own_keeper));
}

/* Whoever reads files in the place of another one that has ended: the keeper starts nothing else.
 */
static __always_inline bool is_kept(struct task_struct *task)
{
	return own_keeper != own_tgid && BPF_CORE_READ(task, real_parent, tgid) == own_keeper;
}

/* Whether a thread is watched. `parent` is the ledger of the thread that made it, or NULL. */
static __always_inline bool target_test(struct task_struct *task, const struct wire_ledger *parent)
{
	__u32 tgid = BPF_CORE_READ(task, tgid), id = tgid;

	if (is_own(tgid) || is_kept(task))
		return false;
	if (target_kind == TARGET_TEST_ALL)
		return true;
	if (target_kind == TARGET_TEST_CGROUP)
		return target_in_cgroup(task);
	if (target_kind == TARGET_TEST_TIDS)
		id = BPF_CORE_READ(task, pid);
	if (bpf_map_lookup_elem(&target_pids, &id))
		return true;
	return parent && parent->targeted;
}

static __always_inline bool ledger_targeted(const struct wire_ledger *ledger)
{
	return ledger && ledger->targeted;
}

#endif
