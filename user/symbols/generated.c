/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/clock.h"
#include "symbols/files.h"
#include "symbols/generated.h"
#include "symbols/opening.h"

#define RETRY_NS 1000000000ull

struct owner {
	uint32_t uid, pid; /* pid: the number that the process has for itself */
};

static bool owner_read(uint32_t pid, struct owner *owner)
{
	char path[32], line[256], *at;
	bool uid = false, inner = false;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		/* "Uid:" has the real number first, then the effective one. */
		if (!strncmp(line, "Uid:", 4)) {
			strtoul(line + 4, &at, 10);
			owner->uid = (uint32_t)strtoul(at, NULL, 10);
			uid = true;
		}
		if (strncmp(line, "NStgid:", 7) != 0)
			continue;
		/* One number for each pid namespace, the innermost last. */
		for (at = line + 7; *at && *at != '\n';) {
			owner->pid = (uint32_t)strtoul(at, &at, 10);
			inner = true;
			at += strspn(at, " \t");
		}
	}
	if (status)
		fclose(status);
	return uid && inner;
}

/* Anyone can write to /tmp: only the process's own user, or root, may say what its code is. */
int perf_map_open(uint32_t pid)
{
	struct owner owner = {};
	struct stat stat;
	char name[64];
	int fd;

	if (!owner_read(pid, &owner))
		return -ESRCH;
	snprintf(name, sizeof(name), "/tmp/perf-%u.map", owner.pid);
	fd = file_open_path_direct(pid, name);
	if (fd < 0)
		return fd;
	if (fstat(fd, &stat) || (stat.st_uid != owner.uid && stat.st_uid)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

uint32_t generated_find(struct generated *generated, struct file_table *files,
			struct text_pool *pool, uint32_t pid)
{
	struct generated_process *process = &generated->processes[hash_u64(pid) % GENERATED_SLOTS];
	uint64_t now = time_now();
	char label[32];
	int fd;

	if (process->pid != pid)
		*process = (struct generated_process){.pid = pid, .file = SYMBOLS_NO_FILE};
	/*
	 * The runtime may write its map later than its first code, and the number may be another
	 * process's by now. What was known of one that has ended still holds.
	 */
	if (now < process->next_ns)
		return process->file;
	process->next_ns = now + RETRY_NS;
	fd = perf_map_open(pid);
	if (fd >= 0) {
		snprintf(label, sizeof(label), "[jit %u]", pid);
		process->file = file_add_map(files, pool, pid, label, fd);
	}
	return process->file;
}
