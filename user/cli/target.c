/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cgroups.h"

void target_rows(struct option_table *table, struct target_options *target)
{
	const struct option rows[] = {
		{"pid", 'p', "PID[,PID]", option_pids, &target->pids,
		 "these processes and the children they start"},
		{"tid", 't', "TID[,TID]", option_pids, &target->tids,
		 "these threads and what they start"},
		{"cgroup", 'c', "CGROUP", option_text, &target->cgroup,
		 "a cgroup and all below it: a path below /sys/fs/cgroup, or as in "
		 "/proc/PID/cgroup, or its id"},
		{"container", 0, "NAME|ID", option_text, &target->container,
		 "a container by its name or the beginning of its id, a pod (namespace/pod) or a "
		 "unit of systemd (nginx.service)"},
		{}};

	options_add(table, rows);
}

/* The process that a thread belongs to, from /proc/ID/status; 0 = there is no such thread. */
static pid_t thread_process(pid_t id)
{
	static const char field[] = "Tgid:";
	char path[32], line[128];
	long process = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", id);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!process && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, sizeof(field) - 1))
			process = strtol(line + sizeof(field) - 1, NULL, 10);
	fclose(file);
	return (pid_t)process;
}

static int pid_check(pid_t pid, struct error *error)
{
	pid_t process = thread_process(pid);

	if (!process)
		return error_set(error, -ESRCH,
				 "no process %d: it has ended, or the number is wrong (ps -e lists "
				 "them)",
				 pid);
	if (process != pid)
		return error_set(
			error, -ESRCH,
			"%d is a thread of process %d: watch it with -t %d, or the process "
			"with -p %d",
			pid, process, pid, process);
	return 0;
}

static int tid_check(pid_t tid, struct error *error)
{
	if (!thread_process(tid))
		return error_set(error, -ESRCH,
				 "no thread %d: it has ended, or the number is wrong (ps -eL lists "
				 "them)",
				 tid);
	return 0;
}

/* Names them all, "12,34", once each has passed `check`. */
static int numbers_find(const struct option_pids *numbers,
			int (*check)(pid_t number, struct error *error), struct target_found *found,
			struct error *error)
{
	size_t used = 0;

	for (size_t i = 0; i < numbers->count; i++) {
		int err = check(numbers->at[i], error);

		if (err)
			return err;
		if (used < sizeof(found->name))
			used += (size_t)snprintf(found->name + used, sizeof(found->name) - used,
						 "%s%d", i ? "," : "", numbers->at[i]);
	}
	return 0;
}

static void command_name(char **command, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; command[i] && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "", command[i]);
}

int target_find(const struct target_options *options, struct target_found *out, struct error *error)
{
	struct target_found found = {.kind = TARGET_HOST};
	int err = 0;

	if (options->pids.count) {
		found.kind = TARGET_PID;
		err = numbers_find(&options->pids, pid_check, &found, error);
	} else if (options->tids.count) {
		found.kind = TARGET_TID;
		err = numbers_find(&options->tids, tid_check, &found, error);
	} else if (options->cgroup) {
		found.kind = TARGET_CGROUP;
		err = cgroup_find(options->cgroup, &found.cgroup, found.name, sizeof(found.name),
				  error);
	} else if (options->container) {
		found.kind = TARGET_CONTAINER;
		err = container_find(options->container, &found.cgroup, found.name,
				     sizeof(found.name), error);
	} else if (options->command) {
		found.kind = TARGET_COMMAND;
		command_name(options->command, found.name, sizeof(found.name));
	}
	if (!err)
		*out = found;
	return err;
}
