/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/cgroups.h"
#include "capture/deltas.h"
#include "capture/modes.h"
#include "capture/tasks.h"
#include "symbols/opening.h"

#define PAGE_BYTES ((uint64_t)sysconf(_SC_PAGESIZE))

/* What is known of the thread that has a tid now. */
struct task {
	uint32_t tid, thread; /* thread: position in the recording */
	uint32_t process;     /* slot in tasks->group */
	uint64_t start_ns;
	bool dead;
	struct reading seen;   /* what is accounted of its ledger so far */
	uint32_t parties_done; /* parties[].slice up to which edges were recorded */
	struct modes modes;
	/* As last told, UINT64_MAX = never. */
	uint64_t minor_faults, major_faults, user_ns, kernel_ns;
};

/* What is known of the process that has a tgid now. */
struct group {
	uint32_t tgid, process; /* process: position in the recording */
	uint64_t start_ns, exe_inode;
	uint32_t exe_device;
	/* Of the open slice. */
	uint64_t switches, preemptions, wakeups, migrations, minor_faults, major_faults;
	uint64_t lock_waits, lock_owners;
	uint64_t crowd, futile, futile_ns;
	uint64_t rss_pages, rss_told;
	struct modes modes;
};

/* A thread that ended behind the cut: what it did there belongs to the slice to come. */
struct behind {
	struct task task;
	struct wire_identity who;
	struct reading last;
};

struct tasks {
	struct recording *rec;
	uint64_t cut_ns; /* the last cut, 0 = none yet */
	bool cutting;    /* the slice that it ended is still open */
	bool before;     /* which is none: the window begins at the first cut */
	VEC(struct behind) behind;
	VEC(struct task) task;
	VEC(struct group) group;
	struct index by_tid, by_tgid;
	struct modes modes; /* of all */
};

static bool task_has_tid(const void *context, uint32_t position, const void *key)
{
	const struct tasks *tasks = context;

	return tasks->task.at[position].tid == *(const uint32_t *)key;
}

static bool group_has_tgid(const void *context, uint32_t position, const void *key)
{
	const struct tasks *tasks = context;

	return tasks->group.at[position].tgid == *(const uint32_t *)key;
}

struct tasks *tasks_new(struct recording *rec)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));

	if (tasks) {
		tasks->rec = rec;
		tasks->before = true;
	}
	return tasks;
}

void tasks_free(struct tasks *tasks)
{
	if (!tasks)
		return;
	vec_free(&tasks->task);
	vec_free(&tasks->group);
	vec_free(&tasks->behind);
	index_free(&tasks->by_tid);
	index_free(&tasks->by_tgid);
	free(tasks);
}

/* ---- processes ---- */

static struct group *group_find(struct tasks *tasks, uint32_t tgid)
{
	uint32_t at = index_find(&tasks->by_tgid, hash_u64(tgid), group_has_tgid, tasks, &tgid);

	return at == INDEX_NONE ? NULL : &tasks->group.at[at];
}

/* The slot of a process id, taken over by the process that began at start_ns. */
static struct group *group_intern(struct tasks *tasks, uint32_t tgid, uint64_t start_ns)
{
	struct group *group = group_find(tasks, tgid);

	if (!group) {
		index_add(&tasks->by_tgid, hash_u64(tgid), (uint32_t)tasks->group.len);
		group = vec_push(&tasks->group, (struct group){.tgid = tgid, .process = NONE});
	}
	if (tasks->before && group->process != NONE && !group->start_ns) {
		/* Met by a sample before all were told of at the begin. */
		group->start_ns = start_ns;
		process_date(tasks->rec, group->process, start_ns);
	}
	if (group->process == NONE || group->start_ns != start_ns) {
		*group = (struct group){.tgid = tgid, .start_ns = start_ns};
		group->process = process_intern(tasks->rec, tgid, start_ns);
	}
	return group;
}

static bool group_runs(const struct group *group, const struct wire_identity *who)
{
	return group->exe_inode == who->exe_inode && group->exe_device == who->exe_device;
}

/* A child that did not exec runs what its parent does, and may be gone by now. */
static uint32_t exe_find(struct tasks *tasks, const struct wire_identity *who)
{
	const struct group *parent = group_find(tasks, who->parent);
	char path[PATH_MAX];
	uint32_t exe = 0;

	if (parent && parent->process != NONE && group_runs(parent, who))
		exe = tasks->rec->processes.at[parent->process].exe;
	/* While the process lives: afterwards there is none. */
	if (!exe && file_executable_path(who->tgid, path))
		exe = string_intern(tasks->rec, path);
	return exe;
}

/* `exe`: path of its executable, NULL = to be found out. */
static struct group *group_identify(struct tasks *tasks, const struct wire_identity *who,
				    const char *exe)
{
	struct group *group = group_intern(tasks, who->tgid, who->process_start_ns);
	struct process *process = &tasks->rec->processes.at[group->process];
	bool leader = who->tid == who->tgid, new_image = !group_runs(group, who);

	if (leader || !process->comm)
		process->comm = string_intern_n(tasks->rec, who->comm,
						strnlen(who->comm, sizeof(who->comm)));
	process->kernel = who->flags & WIRE_LIFE_KTHREAD;
	process->uid = who->uid;
	if (!process->parent)
		process->parent = who->parent;
	if (who->exe_inode && new_image) {
		group->exe_inode = who->exe_inode;
		group->exe_device = who->exe_device;
		process->exe_id = hash_fixed(who->exe_device, who->exe_inode);
		process->exe = exe ? string_intern(tasks->rec, exe) : exe_find(tasks, who);
	}
	process->cgroup = cgroup_resolve(tasks->rec, who->cgroup, who->tgid);
	return group;
}

uint32_t tasks_process(struct tasks *tasks, uint32_t tgid)
{
	struct group *group;

	if (!tgid)
		return NONE;
	group = group_find(tasks, tgid);
	/* Seen nowhere else yet: its identity follows with the next dump, or never. */
	return group ? group->process : group_intern(tasks, tgid, 0)->process;
}

/* ---- threads ---- */

static struct task *task_find(struct tasks *tasks, uint32_t tid)
{
	uint32_t at = index_find(&tasks->by_tid, hash_u64(tid), task_has_tid, tasks, &tid);

	return at == INDEX_NONE ? NULL : &tasks->task.at[at];
}

static struct task *task_intern(struct tasks *tasks, uint32_t tid, uint64_t start_ns,
				struct group *group)
{
	struct task *task = task_find(tasks, tid);

	if (!task) {
		index_add(&tasks->by_tid, hash_u64(tid), (uint32_t)tasks->task.len);
		task = vec_push(&tasks->task, (struct task){.tid = tid, .thread = NONE});
	}
	if (tasks->before && task->thread != NONE && !task->start_ns) {
		task->start_ns = start_ns;
		thread_date(tasks->rec, task->thread, start_ns);
	}
	if (task->thread == NONE || task->start_ns != start_ns) {
		*task = (struct task){.tid = tid, .start_ns = start_ns};
		task->thread = thread_intern(tasks->rec, tid, start_ns, group->process);
		task->process = (uint32_t)(group - tasks->group.at);
		/* What was before the window is nobody's business. */
		task->minor_faults = task->major_faults = UINT64_MAX;
		task->user_ns = task->kernel_ns = UINT64_MAX;
	}
	return task;
}

static struct task *task_identify(struct tasks *tasks, const struct wire_identity *who,
				  const char *exe)
{
	struct group *group = group_identify(tasks, who, exe);
	struct task *task = task_intern(tasks, who->tid, who->start_ns, group);
	struct thread *thread = &tasks->rec->threads.at[task->thread];

	thread->comm =
		string_intern_n(tasks->rec, who->comm, strnlen(who->comm, sizeof(who->comm)));
	return task;
}

uint32_t tasks_thread(struct tasks *tasks, uint32_t tid, uint32_t tgid)
{
	struct task *task = task_find(tasks, tid);
	struct group *group;

	if (task)
		return task->thread;
	if (!tid)
		return NONE;
	group = group_find(tasks, tgid);
	if (!group)
		group = group_intern(tasks, tgid, 0);
	return task_intern(tasks, tid, 0, group)->thread;
}

/* ---- ledgers ---- */

/* What the kernel filed for one slice → edges. */
static void parties_account(struct tasks *tasks, const struct task *task, enum edge_kind kind,
			    const struct wire_party *party, uint64_t other_ns)
{
	for (int i = 0; i < WIRE_PARTIES; i++)
		if (party[i].tgid && party[i].ns)
			recording_edge(tasks->rec, kind, task->thread,
				       tasks_process(tasks, party[i].tgid), party[i].count,
				       party[i].ns);
	if (other_ns)
		recording_edge(tasks->rec, kind, task->thread, NONE, 0, other_ns);
}

static void holders_account(struct tasks *tasks, const struct task *task,
			    const struct wire_holder *holders)
{
	for (int i = 0; i < WIRE_HOLDERS; i++) {
		const struct wire_holder *holder = &holders[i];
		struct group *group = &tasks->group.at[task->process];
		uint32_t process;

		if (!holder->tgid)
			continue;
		group->lock_waits += holder->waits;
		group->lock_owners += holder->owners;
		process = tasks_process(tasks, holder->tgid);
		for (int state = 0; state < STATE_COUNT; state++)
			recording_hold(tasks->rec, task->thread, process, state,
				       holder->us[state] * 1000ULL);
	}
}

/* The tables of all generations up to `generation` that were not accounted yet; returns which. */
static uint32_t edges_account(struct tasks *tasks, struct task *task, const struct wire_ledger *now,
			      uint32_t generation)
{
	uint32_t accounted = 0;

	for (int i = 0; i < 2; i++) {
		const struct wire_parties *parties = &now->parties[i];

		if (parties->slice <= task->parties_done || parties->slice > generation + 1)
			continue;
		parties_account(tasks, task, EDGE_CULPRIT, parties->culprit,
				parties->culprit_other_ns);
		parties_account(tasks, task, EDGE_WAKER, parties->waker, parties->waker_other_ns);
		holders_account(tasks, task, parties->holder);
		accounted |= 1U << i;
	}
	task->parties_done = generation + 1;
	return accounted;
}

static double since_told(uint64_t now, uint64_t *told)
{
	uint64_t since = now > *told ? now - *told : 0;

	*told = now;
	return (double)since;
}

/*
 * Running while no system calls were observed: as much of it was kernel code as in the rest, and as
 * the kernel's ticks saw, of the thread, else of its process, else of all. Ticks are few, but fall
 * all over the slice; what was observed is exact, but short, and slowed down by observing it.
 */
static void delta_split(struct tasks *tasks, struct task *task, const struct wire_identity *who,
			uint64_t delta[DELTAS])
{
	struct modes *known[] = {&task->modes, &tasks->group.at[task->process].modes,
				 &tasks->modes};
	const size_t count = sizeof(known) / sizeof(known[0]);
	struct modes slice = {
		.user = (double)delta[STATE_RUN_USER] + since_told(who->user_ns, &task->user_ns),
		.kernel = (double)delta[STATE_RUN_KERNEL] +
			  since_told(who->kernel_ns, &task->kernel_ns),
	};
	uint64_t kernel;

	for (size_t i = 0; i < count; i++)
		modes_add(known[i], slice);
	kernel = share_of(delta[LEDGER_UNSPLIT],
			  modes_kernel_part((const struct modes *const *)known, count));
	delta[STATE_RUN_KERNEL] += kernel;
	delta[STATE_RUN_USER] += delta[LEDGER_UNSPLIT] - kernel;
}

/* What the thread did since it was last read → rows of the open slice. */
static void reading_account(struct tasks *tasks, struct task *task, const struct wire_identity *who,
			    const struct reading *now)
{
	const struct wire_sums *seen = &task->seen.sum, *sum = &now->sum;
	struct group *group = &tasks->group.at[task->process];
	uint32_t slice = recording_slice(tasks->rec);
	uint64_t delta[DELTAS];

	reading_delta(&task->seen, now, delta);
	delta_split(tasks, task, who, delta);
	for (int state = 0; state < STATE_COUNT; state++)
		if (delta[state])
			recording_ledger(tasks->rec, slice, task->thread, state, delta[state]);
	group->switches += sum->switches - seen->switches;
	group->preemptions += sum->preemptions - seen->preemptions;
	group->wakeups += sum->wakeups - seen->wakeups;
	group->migrations += sum->migrations - seen->migrations;
	group->crowd += sum->crowd - seen->crowd;
	group->futile += sum->futile - seen->futile;
	group->futile_ns += sum->futile_ns - seen->futile_ns;
	task->seen = *now;
}

/* The ledger as of the cut, in the slice that it ends; before the window nothing counts. */
static void cut_account(struct tasks *tasks, struct task *task, const struct wire_identity *who,
			const struct wire_ledger *ledger)
{
	struct reading now = reading_at(ledger, tasks->cut_ns);

	if (tasks->before) {
		task->seen = now;
		task->user_ns = who->user_ns;
		task->kernel_ns = who->kernel_ns;
		return;
	}
	reading_account(tasks, task, who, &now);
}

/* A thread's last ledger. */
static void last_account(struct tasks *tasks, struct task *task, const struct wire_identity *who,
			 const struct wire_ledger *ledger)
{
	struct reading last = reading_last(ledger);

	if (tasks->cutting && ledger->cut_ns == tasks->cut_ns) {
		cut_account(tasks, task, who, ledger);
		/* The task's place is another thread's when its id is. */
		vec_push(&tasks->behind, (struct behind){*task, *who, last});
	} else if (!tasks->before) {
		reading_account(tasks, task, who, &last);
	}
}

static void faults_account(struct tasks *tasks, struct task *task, const struct wire_identity *who)
{
	struct group *group = &tasks->group.at[task->process];

	if (who->minor_faults > task->minor_faults)
		group->minor_faults += who->minor_faults - task->minor_faults;
	if (who->major_faults > task->major_faults)
		group->major_faults += who->major_faults - task->major_faults;
	task->minor_faults = who->minor_faults;
	task->major_faults = who->major_faults;
}

/* ---- what the kernel tells ---- */

void tasks_born(struct tasks *tasks, const struct wire_identity *who)
{
	struct task *task = task_identify(tasks, who, NULL);
	struct process *process = &tasks->rec->processes.at[tasks->group.at[task->process].process];

	task->minor_faults = task->major_faults = 0;
	task->user_ns = task->kernel_ns = 0;
	if (who->tid == who->tgid)
		process->born = true;
}

void tasks_exec(struct tasks *tasks, const struct wire_identity *who, const char *exe)
{
	task_identify(tasks, who, exe);
}

uint32_t tasks_exit(struct tasks *tasks, const struct wire_exit *exit)
{
	struct task *task = task_identify(tasks, &exit->who, NULL);
	struct process *process = &tasks->rec->processes.at[tasks->group.at[task->process].process];

	if (task->dead)
		return 0;
	task->dead = true;
	process->targeted |= exit->ledger.targeted;
	if (exit->who.tid == exit->who.tgid)
		process->exited = true;
	faults_account(tasks, task, &exit->who);
	last_account(tasks, task, &exit->who, &exit->ledger);
	/* The parties may be new: no pointer to a process is good behind this. */
	return edges_account(tasks, task, &exit->ledger, UINT32_MAX - 1);
}

uint32_t tasks_dump(struct tasks *tasks, const struct wire_thread *in, uint32_t generation)
{
	struct task *task = task_identify(tasks, &in->who, NULL);
	struct group *group = &tasks->group.at[task->process];
	struct process *process = &tasks->rec->processes.at[group->process];
	struct thread *thread = &tasks->rec->threads.at[task->thread];

	if (task->dead)
		return 0;
	thread->policy = in->policy;
	thread->nice = in->nice;
	thread->realtime_priority = in->realtime_priority;
	thread->cpus_allowed = in->cpus_allowed;
	memcpy(thread->cpu_mask, in->cpu_mask, sizeof(thread->cpu_mask));
	process->targeted |= in->ledger.targeted;
	group->rss_pages = in->rss_pages;
	faults_account(tasks, task, &in->who);
	cut_account(tasks, task, &in->who, &in->ledger);
	return tasks->before ? 0 : edges_account(tasks, task, &in->ledger, generation);
}

void tasks_cut(struct tasks *tasks, uint64_t cut_ns)
{
	vec_each(&tasks->behind, behind)
		reading_account(tasks, &behind->task, &behind->who, &behind->last);
	tasks->behind.len = 0;
	tasks->cutting = true;
	tasks->cut_ns = cut_ns;
}

static void group_end_slice(struct recording *rec, struct group *group, bool before)
{
	const struct {
		const char *metric;
		uint64_t *value;
	} counts[] = {
		{"sched.switches", &group->switches},
		{"sched.preemptions", &group->preemptions},
		{"sched.wakeups", &group->wakeups},
		{"sched.migrations", &group->migrations},
		{"lock.waits", &group->lock_waits},
		{"lock.waits_by_owner", &group->lock_owners},
		{"sched.crowd_wakeups", &group->crowd},
		{"sched.futile_wakeups", &group->futile},
		{"sched.futile_ns", &group->futile_ns},
		{"memory.minor_faults", &group->minor_faults},
		{"memory.major_faults", &group->major_faults},
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (*counts[i].value && !before)
			recording_count(rec, counts[i].metric, group->process, "",
					*counts[i].value);
		*counts[i].value = 0;
	}
	if (before)
		return;
	if (group->rss_pages != group->rss_told)
		recording_count(rec, "memory.rss_bytes", group->process, "",
				group->rss_pages * PAGE_BYTES);
	group->rss_told = group->rss_pages;
}

void tasks_end_slice(struct tasks *tasks)
{
	vec_each(&tasks->group, group)
		if (group->process != NONE)
			group_end_slice(tasks->rec, group, tasks->before);
	tasks->cutting = tasks->before = false;
}
