/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <string.h>

#include "capture/census.h"
#include "capture/cgroups.h"
#include "symbols/opening.h"

static bool task_has_tid(const void *context, uint32_t position, const void *key)
{
	const struct census *census = context;

	return census->task.at[position].tid == *(const uint32_t *)key;
}

static bool group_has_tgid(const void *context, uint32_t position, const void *key)
{
	const struct census *census = context;

	return census->group.at[position].tgid == *(const uint32_t *)key;
}

void census_free(struct census *census)
{
	vec_free(&census->task);
	vec_free(&census->group);
	index_free(&census->by_tid);
	index_free(&census->by_tgid);
}

struct group *census_group(struct census *census, const struct task *task)
{
	return &census->group.at[task->process];
}

/* ---- processes ---- */

static struct group *group_find(struct census *census, uint32_t tgid)
{
	uint32_t at = index_find(&census->by_tgid, hash_u64(tgid), group_has_tgid, census, &tgid);

	return at == INDEX_NONE ? NULL : &census->group.at[at];
}

/* The slot of a process id, taken over by the process that began at start_ns. */
static struct group *group_intern(struct census *census, uint32_t tgid, uint64_t start_ns)
{
	struct group *group = group_find(census, tgid);

	if (!group) {
		index_add(&census->by_tgid, hash_u64(tgid), (uint32_t)census->group.len);
		group = vec_push(&census->group, (struct group){.tgid = tgid, .process = NONE});
	}
	if (census->before && group->process != NONE && !group->start_ns) {
		/* Met by a sample before all were told of at the begin. */
		group->start_ns = start_ns;
		process_date(census->rec, group->process, start_ns);
	}
	if (group->process == NONE || group->start_ns != start_ns) {
		*group = (struct group){.tgid = tgid, .start_ns = start_ns};
		group->process = process_intern(census->rec, tgid, start_ns);
	}
	return group;
}

static bool group_runs(const struct group *group, const struct wire_identity *who)
{
	return group->exe_inode == who->exe_inode && group->exe_device == who->exe_device;
}

/* A child that did not exec runs what its parent does, and may be gone by now. */
static uint32_t exe_find(struct census *census, const struct wire_identity *who)
{
	const struct group *parent = group_find(census, who->parent);
	char path[PATH_MAX];
	uint32_t exe = 0;

	if (parent && parent->process != NONE && group_runs(parent, who))
		exe = census->rec->processes.at[parent->process].exe;
	/* While the process lives: afterwards there is none. */
	if (!exe && file_executable_path(who->tgid, path))
		exe = string_intern(census->rec, path);
	return exe;
}

/* `exe`: path of its executable, NULL = to be found out. */
static struct group *group_identify(struct census *census, const struct wire_identity *who,
				    const char *exe)
{
	struct group *group = group_intern(census, who->tgid, who->process_start_ns);
	struct process *process = &census->rec->processes.at[group->process];
	bool leader = who->tid == who->tgid, new_image = !group_runs(group, who);

	if (leader || !process->comm)
		process->comm = string_intern_n(census->rec, who->comm,
						strnlen(who->comm, sizeof(who->comm)));
	process->kernel = who->flags & WIRE_LIFE_KTHREAD;
	process->uid = who->uid;
	if (!process->parent)
		process->parent = who->parent;
	if (who->exe_inode && new_image) {
		group->exe_inode = who->exe_inode;
		group->exe_device = who->exe_device;
		process->exe_id = hash_fixed(who->exe_device, who->exe_inode);
		process->exe = exe ? string_intern(census->rec, exe) : exe_find(census, who);
	}
	process->cgroup = cgroup_resolve(census->rec, who->cgroup, who->tgid);
	return group;
}

uint32_t census_process(struct census *census, uint32_t tgid)
{
	struct group *group;

	if (!tgid)
		return NONE;
	group = group_find(census, tgid);
	/* Seen nowhere else yet: its identity follows with the next dump, or never. */
	return group ? group->process : group_intern(census, tgid, 0)->process;
}

/* ---- threads ---- */

struct task *census_task(struct census *census, uint32_t tid)
{
	uint32_t at = index_find(&census->by_tid, hash_u64(tid), task_has_tid, census, &tid);

	return at == INDEX_NONE ? NULL : &census->task.at[at];
}

static struct task *task_intern(struct census *census, uint32_t tid, uint64_t start_ns,
				struct group *group)
{
	struct task *task = census_task(census, tid);

	if (!task) {
		index_add(&census->by_tid, hash_u64(tid), (uint32_t)census->task.len);
		task = vec_push(&census->task, (struct task){.tid = tid, .thread = NONE});
	}
	if (census->before && task->thread != NONE && !task->start_ns) {
		task->start_ns = start_ns;
		thread_date(census->rec, task->thread, start_ns);
	}
	if (task->thread == NONE || task->start_ns != start_ns) {
		*task = (struct task){.tid = tid, .start_ns = start_ns, .ledger_tid = tid};
		task->thread = thread_intern(census->rec, tid, start_ns, group->process);
		task->process = (uint32_t)(group - census->group.at);
		/* What was before the window is nobody's business. */
		task->minor_faults = task->major_faults = UINT64_MAX;
		task->user_ns = task->kernel_ns = UINT64_MAX;
	}
	return task;
}

struct task *census_identify(struct census *census, const struct wire_identity *who,
			     const char *exe)
{
	struct group *group = group_identify(census, who, exe);
	struct task *task = task_intern(census, who->tid, who->start_ns, group);
	struct thread *thread = &census->rec->threads.at[task->thread];

	thread->comm =
		string_intern_n(census->rec, who->comm, strnlen(who->comm, sizeof(who->comm)));
	return task;
}

uint32_t census_thread(struct census *census, uint32_t tid, uint32_t tgid)
{
	struct task *task = census_task(census, tid);
	struct group *group;

	if (task)
		return task->thread;
	if (!tid)
		return NONE;
	group = group_find(census, tgid);
	if (!group)
		group = group_intern(census, tgid, 0);
	return task_intern(census, tid, 0, group)->thread;
}
