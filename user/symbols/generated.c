/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/files.h"
#include "symbols/generated.h"
#include "symbols/jit_dump.h"
#include "symbols/opening.h"
#include "util/clock.h"

#define RETRY_NS  1000000000ull
#define MAX_SHIFT 5 /* maps are read again after 32 s at last: they may have 100,000 lines */
#define MAX_LINE  8192
#define MAX_LINES 262144

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

/*
 * Anyone can write to /tmp: only the process's own user, or root, may say what its code is. Takes
 * the descriptor.
 */
static int owner_check(int fd, const struct owner *owner)
{
	struct stat stat;

	if (fd < 0 || (!fstat(fd, &stat) && (stat.st_uid == owner->uid || !stat.st_uid)))
		return fd;
	close(fd);
	return -EPERM;
}

static int perf_map_open(uint32_t pid, const struct owner *owner)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/perf-%u.map", owner->pid);
	return owner_check(file_open_path_direct(pid, name), owner);
}

/* Does the line of /proc/PID/maps show a file of that name, of whatever directory? */
static bool line_shows(const char *line, const char *name)
{
	const char *path = strchr(line, '/'), *slash = path ? strrchr(path, '/') : NULL;
	size_t length = strlen(name);

	return slash && !strncmp(slash + 1, name, length) &&
	       (slash[1 + length] == '\n' || slash[1 + length] == ' ');
}

/*
 * Its place is the runtime's choice: the working directory, ~/.debug, /tmp. All runtimes map its
 * first page to run it, which nobody does, as a mark for perf: that names it.
 */
static int jit_dump_open(uint32_t pid, const struct owner *owner)
{
	char path[32], name[32], *line, *at;
	uint64_t start, end;
	int fd = -ENOENT;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	snprintf(name, sizeof(name), "jit-%u.dump", owner->pid);
	maps = fopen(path, "re");
	line = maps ? malloc(MAX_LINE) : NULL;
	for (size_t i = 0; line && fd < 0 && i < MAX_LINES && fgets(line, MAX_LINE, maps); i++) {
		if (!line_shows(line, name))
			continue;
		start = strtoull(line, &at, 16);
		end = *at == '-' ? strtoull(at + 1, NULL, 16) : 0;
		fd = owner_check(file_open_mapped(pid, start, end), owner);
		if (fd >= 0 && !jit_dump_is(fd, owner->pid)) {
			close(fd);
			fd = -EINVAL;
		}
	}
	free(line);
	if (maps)
		fclose(maps);
	return fd;
}

int generated_open(uint32_t pid)
{
	struct owner owner = {};
	int fd;

	if (!owner_read(pid, &owner))
		return -ESRCH;
	fd = perf_map_open(pid, &owner);
	return fd < 0 ? jit_dump_open(pid, &owner) : fd;
}

/* -EAGAIN: it is not yet the time to read all maps of the process again. */
static int process_open(struct generated_process *process, uint64_t now)
{
	struct owner owner = {};
	int fd;

	if (!owner_read(process->pid, &owner))
		return -ESRCH;
	fd = perf_map_open(process->pid, &owner);
	if (fd >= 0)
		return fd;
	if (now < process->next_scan_ns)
		return -EAGAIN;
	process->next_scan_ns = now + (RETRY_NS << process->scans);
	process->scans += process->scans < MAX_SHIFT;
	return jit_dump_open(process->pid, &owner);
}

uint32_t generated_find(struct generated *generated, struct file_table *files,
			struct text_pool *pool, uint32_t pid)
{
	struct generated_process *process = &generated->processes[hash_u64(pid) % GENERATED_SLOTS];
	uint64_t now = time_now();
	char label[32];
	int fd;

	if (!pid)
		return SYMBOLS_NO_FILE;
	if (process->pid != pid)
		*process = (struct generated_process){.pid = pid, .file = SYMBOLS_NO_FILE};
	/*
	 * The runtime may write its map later than its first code, and the number may be another
	 * process's by now. What was known of one that has ended still holds.
	 */
	if (now < process->next_ns)
		return process->file;
	process->next_ns = now + RETRY_NS;
	fd = process_open(process, now);
	if (fd >= 0) {
		snprintf(label, sizeof(label), "[jit %u]", pid);
		process->file = file_add_map(files, pool, pid, label, fd);
	}
	return process->file;
}
