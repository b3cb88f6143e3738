/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/census.h"
#include "capture/tasks.h"

#define PAGE_BYTES ((uint64_t)sysconf(_SC_PAGESIZE))

/* A thread that ended behind the cut: what it did there belongs to the slice to come. */
struct behind {
	struct task task;
	struct wire_identity who;
	struct reading last;
};

struct tasks {
	struct recording *rec;
	struct census census;
	uint64_t cut_ns; /* the last cut, 0 = none yet */
	bool cutting;    /* the slice that it ended is still open */
	VEC(struct behind) behind;
	struct modes modes; /* of all */
};

struct tasks *tasks_new(struct recording *rec)
{
	struct tasks *tasks = calloc(1, sizeof(*tasks));

	if (tasks) {
		tasks->rec = rec;
		tasks->census = (struct census){.rec = rec, .before = true};
	}
	return tasks;
}

void tasks_free(struct tasks *tasks)
{
	if (!tasks)
		return;
	census_free(&tasks->census);
	vec_free(&tasks->behind);
	free(tasks);
}

uint32_t tasks_process(struct tasks *tasks, uint32_t tgid)
{
	return census_process(&tasks->census, tgid);
}

uint32_t tasks_thread(struct tasks *tasks, uint32_t tid, uint32_t tgid)
{
	return census_thread(&tasks->census, tid, tgid);
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
		struct group *group = census_group(&tasks->census, task);
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
	struct modes *known[] = {&task->modes, &census_group(&tasks->census, task)->modes,
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
	struct group *group = census_group(&tasks->census, task);
	uint32_t slice = recording_slice(tasks->rec);
	uint64_t delta[DELTAS];

	if (sum->switches < seen->switches) {
		/* Another one's: as a lost record of a birth or an end may have it. */
		task->seen = *now;
		return;
	}
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

	if (tasks->census.before) {
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
	} else if (!tasks->census.before) {
		reading_account(tasks, task, who, &last);
	}
}

static void faults_account(struct tasks *tasks, struct task *task, const struct wire_identity *who)
{
	struct group *group = census_group(&tasks->census, task);

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
	struct task *task = census_identify(&tasks->census, who, NULL);
	struct process *process =
		&tasks->rec->processes.at[census_group(&tasks->census, task)->process];

	task->minor_faults = task->major_faults = 0;
	task->user_ns = task->kernel_ns = 0;
	if (who->tid == who->tgid)
		process->born = true;
}

/*
 * exec() by a thread that is not its process' first one ends that and gives the caller its id and
 * begin, maybe before its last switch (de_thread() in the kernel's fs/exec.c). Ledgers know which
 * id they were made for: what was accounted of the caller goes on under the first one's.
 */
static void ledger_follow(struct tasks *tasks, struct task *task, const struct wire_ledger *ledger)
{
	struct task heir = {.minor_faults = UINT64_MAX,
			    .major_faults = UINT64_MAX,
			    .user_ns = UINT64_MAX,
			    .kernel_ns = UINT64_MAX};
	struct task *caller;

	if (ledger->tid == task->ledger_tid)
		return;
	caller = census_task(&tasks->census, ledger->tid);
	if (caller && caller->process == task->process && !caller->dead) {
		heir = *caller;
		caller->dead = true;
	}
	heir.tid = task->tid;
	heir.thread = task->thread;
	heir.process = task->process;
	heir.start_ns = task->start_ns;
	heir.ledger_tid = ledger->tid;
	*task = heir;
}

/* Where ledgers are found by id the caller goes on in that of the first one, whose end was told. */
void tasks_exec(struct tasks *tasks, const struct wire_identity *who, const char *exe)
{
	struct task *task = census_identify(&tasks->census, who, exe);

	task->dead = false;
	tasks->rec->processes.at[census_group(&tasks->census, task)->process].exited = false;
}

/* The thread of a last ledger, NULL if it is accounted for: it may have the id of who took its own.
 */
static struct task *task_of_exit(struct tasks *tasks, const struct wire_exit *exit)
{
	bool replaced = exit->who.tid != exit->who.tgid && exit->ledger.tid == exit->who.tgid;
	struct wire_identity who = exit->who;
	struct task *task;

	if (replaced)
		who.tid = who.tgid;
	task = census_identify(&tasks->census, &who, NULL);
	if (replaced && task->ledger_tid != exit->ledger.tid)
		return NULL;
	ledger_follow(tasks, task, &exit->ledger);
	return task->dead ? NULL : task;
}

uint32_t tasks_exit(struct tasks *tasks, const struct wire_exit *exit)
{
	struct task *task = task_of_exit(tasks, exit);
	struct process *process;

	if (!task)
		return 0;
	process = &tasks->rec->processes.at[census_group(&tasks->census, task)->process];
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
	struct task *task = census_identify(&tasks->census, &in->who, NULL);
	struct group *group = census_group(&tasks->census, task);
	struct process *process = &tasks->rec->processes.at[group->process];
	struct thread *thread = &tasks->rec->threads.at[task->thread];

	ledger_follow(tasks, task, &in->ledger);
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
	return tasks->census.before ? 0 : edges_account(tasks, task, &in->ledger, generation);
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
	vec_each(&tasks->census.group, group)
		if (group->process != NONE)
			group_end_slice(tasks->rec, group, tasks->census.before);
	tasks->cutting = tasks->census.before = false;
}
