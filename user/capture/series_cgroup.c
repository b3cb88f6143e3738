/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups with a CPU quota or a memory limit: how near they are to it, and how often they met it.
 * Interfaces: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel.
 */
#include "capture/series_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Directories looked at in one scan, and how deep: more than any orchestrator makes. */
#define SCAN_DIRECTORIES 10000
#define SCAN_DEPTH       32
/* Files kept open: the default limit of a process is 1,024 descriptors. */
#define OPEN_FILES 256
/* Without a limit v1 says 2^63 - 1 rounded down to pages. */
#define LIMIT_NONE (1ull << 62)

static const char *const file_names[2][CGROUP_FILES] = {
	{"cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat", "memory.limit_in_bytes",
	 "memory.usage_in_bytes", "memory.failcnt", "memory.oom_control"},
	{"cpu.max", NULL, "cpu.stat", "memory.max", "memory.current", "memory.events",
	 "memory.events"},
};

static const struct series_controller *controller_of(const struct series *series,
						     enum cgroup_file file)
{
	return file < MEMORY_LIMIT ? &series->cpu : &series->memory;
}

static int open_file(const struct series *series, const char *cgroup, enum cgroup_file file)
{
	const struct series_controller *controller = controller_of(series, file);
	const char *name = file_names[controller->v2][file];
	char path[PATH_MAX];

	if (!controller->root || !name)
		return -ENOENT;
	if ((size_t)snprintf(path, sizeof(path), "%s%s/%s", controller->root, cgroup, name) >=
	    sizeof(path))
		return -ENAMETOOLONG;
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads one file of a cgroup into series->text. 0 or a negative errno. */
static int read_file(struct series *series, struct series_cgroup *cgroup, enum cgroup_file file)
{
	int fd = cgroup->fds[file], status;

	if (fd >= 0)
		return series_read(series, fd);
	fd = open_file(series, cgroup->path, file);
	if (fd < 0)
		return fd == -1 ? -errno : fd;
	status = series_read(series, fd);
	if (!status && series->cgroup_fds < OPEN_FILES) {
		cgroup->fds[file] = fd;
		series->cgroup_fds++;
	} else {
		close(fd);
	}
	return status;
}

static void close_cgroup(struct series *series, struct series_cgroup *cgroup)
{
	for (int i = 0; i < CGROUP_FILES; i++) {
		if (cgroup->fds[i] < 0)
			continue;
		close(cgroup->fds[i]);
		series->cgroup_fds--;
	}
	free(cgroup->path);
}

/* CPUs that the quota allows; 0 = there is none, < 0 = the cgroup is gone. */
static double read_quota(struct series *series, struct series_cgroup *cgroup)
{
	long long quota;
	char *end;

	if (read_file(series, cgroup, CPU_QUOTA))
		return -1;
	/* "max 100000" without a quota in v2, "-1" in v1. */
	quota = strtoll(series->text, &end, 10);
	if (end == series->text || quota <= 0)
		return 0;
	if (!series->cpu.v2) {
		if (read_file(series, cgroup, CPU_PERIOD))
			return -1;
		end = series->text;
	}
	return (double)quota / fmax(strtod(end, NULL), 1);
}

/* The memory limit in bytes; 0 = there is none, < 0 = the cgroup is gone. */
static double read_limit(struct series *series, struct series_cgroup *cgroup)
{
	unsigned long long limit;
	char *end;

	if (read_file(series, cgroup, MEMORY_LIMIT))
		return -1;
	limit = strtoull(series->text, &end, 10);
	return end == series->text || limit >= LIMIT_NONE ? 0 : (double)limit;
}

static void sample_quota(struct series *series, struct series_cgroup *cgroup)
{
	double quota = read_quota(series, cgroup);
	uint64_t periods, throttled, time, growth, throttled_growth;
	bool grown;

	if (quota > 0)
		series_point(series, "cgroup_quota_cpus", cgroup->path, quota);
	if (read_file(series, cgroup, CPU_STAT) ||
	    !series_find(series->text, "nr_periods", &periods) ||
	    !series_find(series->text, "nr_throttled", &throttled))
		return;
	grown = series_growth(&cgroup->periods, periods, &growth);
	if (series_growth(&cgroup->throttled_periods, throttled, &throttled_growth) && grown &&
	    growth)
		series_point(series, "cgroup_throttled_percent", cgroup->path,
			     fmin(100, 100 * (double)throttled_growth / (double)growth));
	if (series_find(series->text, "throttled_usec", &time))
		time *= 1000;
	else if (!series_find(series->text, "throttled_time", &time))
		return;
	if (series_growth(&cgroup->throttled, time, &growth))
		series_point(series, "cgroup_throttled_ms", cgroup->path, (double)growth / 1e6);
}

static void sample_limit(struct series *series, struct series_cgroup *cgroup)
{
	double limit = read_limit(series, cgroup);
	uint64_t value, growth;

	if (limit > 0) {
		series_point(series, "cgroup_memory_limit_bytes", cgroup->path, limit);
		if (!read_file(series, cgroup, MEMORY_USAGE))
			series_point(series, "cgroup_memory_used_percent", cgroup->path,
				     100 * strtod(series->text, NULL) / limit);
	}
	if (!read_file(series, cgroup, MEMORY_HITS)) {
		/* v1: the number alone; v2: the line "max N" of memory.events. */
		value = strtoull(series->text, NULL, 10);
		if ((!series->memory.v2 || series_find(series->text, "max", &value)) &&
		    series_growth(&cgroup->hits, value, &growth))
			series_point(series, "cgroup_memory_failcnt", cgroup->path, (double)growth);
	}
	if (!read_file(series, cgroup, MEMORY_KILLS) &&
	    series_find(series->text, "oom_kill", &value) &&
	    series_growth(&cgroup->kills, value, &growth))
		series_point(series, "cgroup_oom_kills", cgroup->path, (double)growth);
}

/* The cgroup of this path is looked at; it is followed when the hierarchy limits it. */
static void consider_cgroup(struct series *series, const char *path, bool cpu)
{
	struct series_cgroup *cgroup = NULL, fresh = {};
	bool limited;

	vec_each(&series->cgroups, known)
		if (!strcmp(known->path, path))
			cgroup = known;
	if (cgroup && (cpu ? cgroup->has_quota : cgroup->has_limit))
		return;
	if (!cgroup && series->cgroups.len >= SERIES_CGROUPS) {
		series->cgroups_full = true;
		return;
	}
	if (!cgroup) {
		fresh.path = strdup(path);
		if (!fresh.path)
			return;
		memset(fresh.fds, 0xff, sizeof(fresh.fds));
		cgroup = &fresh;
	}
	limited = cpu ? read_quota(series, cgroup) > 0 : read_limit(series, cgroup) > 0;
	if (!limited) {
		if (cgroup == &fresh)
			close_cgroup(series, &fresh);
		return;
	}
	if (cpu)
		cgroup->has_quota = true;
	else
		cgroup->has_limit = true;
	if (cgroup == &fresh)
		vec_push(&series->cgroups, fresh);
}

struct scan {
	struct series *series;
	bool cpu;
	size_t left; /* directories that may still be looked at */
	char path[PATH_MAX];
};

static void scan_directory(struct scan *scan, int parent, const char *name, size_t length,
			   int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return;
	}
	consider_cgroup(scan->series, length ? scan->path : "/", scan->cpu);
	while (depth < SCAN_DEPTH && (entry = readdir(directory))) {
		size_t more = strlen(entry->d_name);

		if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") ||
		    !strcmp(entry->d_name, "..") || length + more + 2 > sizeof(scan->path))
			continue;
		if (!scan->left) {
			scan->series->cgroups_full = true;
			break;
		}
		scan->left--;
		scan->path[length] = '/';
		memcpy(scan->path + length + 1, entry->d_name, more + 1);
		scan_directory(scan, fd, entry->d_name, length + 1 + more, depth + 1);
		scan->path[length] = 0;
	}
	closedir(directory);
}

void series_cgroups_scan(struct series *series)
{
	const struct series_controller *controllers[] = {&series->cpu, &series->memory};

	for (int i = 0; i < 2; i++) {
		struct scan scan = {series, i == 0, SCAN_DIRECTORIES, ""};

		if (controllers[i]->root)
			scan_directory(&scan, AT_FDCWD, controllers[i]->root, 0, 0);
	}
}

void series_cgroups_sample(struct series *series)
{
	for (size_t i = 0; i < series->cgroups.len;) {
		struct series_cgroup *cgroup = &series->cgroups.at[i];
		enum cgroup_file probe = cgroup->has_quota ? CPU_QUOTA : MEMORY_LIMIT;

		if (read_file(series, cgroup, probe)) {
			/* It was removed. The order is of no meaning. */
			close_cgroup(series, cgroup);
			*cgroup = series->cgroups.at[--series->cgroups.len];
			continue;
		}
		if (cgroup->has_quota)
			sample_quota(series, cgroup);
		if (cgroup->has_limit)
			sample_limit(series, cgroup);
		i++;
	}
}

void series_cgroups_close(struct series *series)
{
	vec_each(&series->cgroups, cgroup)
		close_cgroup(series, cgroup);
	vec_free(&series->cgroups);
}
