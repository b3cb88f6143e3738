/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/series.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/series_parts.h"
#include "util/clock.h"

#define FIRST_CAPACITY (64u << 10)
/* /proc/stat of a host with 4,096 CPUs and as many interrupts is below this. */
#define LAST_CAPACITY (8u << 20)
/* New containers are found this long after they began. */
#define SCAN_NS (10 * 1000000000ull)

struct series_file {
	const char *path;
	void (*parse)(struct series *series);
	const char *family; /* that is told when it cannot be read; NULL = not worth a word */
	const char *what;
};

static const struct series_file files[] = {
	{"stat", series_stat, "series", "CPU time"},
	{"meminfo", series_meminfo, "series", "memory"},
	{"vmstat", series_vmstat, "series", "page faults and swap"},
	{"loadavg", series_loadavg, "series", "load"},
	{"diskstats", series_diskstats, "series", "disks"},
	{"net/dev", series_netdev, "series", "network interfaces"},
	{"net/snmp", series_snmp, NULL, NULL},
	{"net/netstat", series_netstat, NULL, NULL},
	{"pressure/cpu", series_pressure_cpu, "psi", "CPU pressure"},
	{"pressure/memory", series_pressure_memory, "psi", "memory pressure"},
	{"pressure/io", series_pressure_io, "psi", "I/O pressure"},
};
#define FILES (sizeof(files) / sizeof(files[0]))
_Static_assert(FILES <= SERIES_FILES, "one descriptor a file");

int series_read(struct series *series, int fd)
{
	size_t used = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t got;

		if (used + 1 >= series->capacity) {
			if (series->capacity >= LAST_CAPACITY)
				return -EFBIG;
			vec_reserve((void **)&series->text, &series->capacity, series->capacity * 2,
				    1);
		}
		got = pread(fd, series->text + used, series->capacity - used - 1, (off_t)used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		used += (size_t)got;
		series->text[used] = 0;
		if (!got)
			return 0;
	}
}

void series_point(struct series *series, const char *metric, const char *label, double value)
{
	if (series->rec)
		recording_point(series->rec, metric, label ? label : "", value);
}

bool series_growth(struct series_counter *counter, uint64_t now, uint64_t *growth)
{
	/* A counter that fell was reset with its device or has wrapped: its growth is unknown. */
	bool known = counter->known && now >= counter->value;

	if (known)
		*growth = now - counter->value;
	*counter = (struct series_counter){now, true};
	return known;
}

void series_rate(struct series *series, const char *metric, const char *label,
		 struct series_counter *counter, uint64_t now, double scale)
{
	uint64_t growth;

	if (series_growth(counter, now, &growth) && series->seconds > 0)
		series_point(series, metric, label, (double)growth * scale / series->seconds);
}

/* Adds "what (why)" for each file of the family that could not be read; returns how many. */
static size_t describe_missing(const struct series *series, const char *family, char *text,
			       size_t size)
{
	size_t missing = 0, used = 0;

	text[0] = 0;
	for (size_t i = 0; i < FILES; i++) {
		int length;

		if (!series->errors[i] || !files[i].family || strcmp(files[i].family, family) != 0)
			continue;
		length = snprintf(text + used, size - used, "%s%s: /proc/%s: %s",
				  missing ? "; " : "", files[i].what, files[i].path,
				  strerror(series->errors[i]));
		if (length > 0)
			used += (size_t)length < size - used ? (size_t)length : size - used - 1;
		missing++;
	}
	return missing;
}

static void tell_families(struct series *series)
{
	char text[512];
	size_t missing = describe_missing(series, "psi", text, sizeof(text));
	size_t length;

	recording_family(series->rec, "psi",
			 !missing      ? FAMILY_OK
			 : missing < 3 ? FAMILY_PARTIAL
				       : FAMILY_SKIPPED,
			 text);
	describe_missing(series, "series", text, sizeof(text));
	length = strlen(text);
	if (series->disks.full || series->interfaces.full)
		length += (size_t)snprintf(text + length, sizeof(text) - length,
					   "%sonly the first %d disks or interfaces are followed",
					   length ? "; " : "", SERIES_FOLLOWED);
	if (series->cgroups_full && length < sizeof(text))
		snprintf(text + length, sizeof(text) - length,
			 "%sonly the first %d cgroups with a limit are followed",
			 length ? "; " : "", SERIES_CGROUPS);
	recording_family(series->rec, "series", text[0] ? FAMILY_PARTIAL : FAMILY_OK, text);
}

int series_sample_at(struct series *series, struct recording *rec, uint64_t now_ns)
{
	if (rec && !rec->slices.len)
		return -EINVAL;
	series->rec = rec;
	series->seconds = (double)(now_ns - series->last_ns) / 1e9;
	series->last_ns = now_ns;
	for (size_t i = 0; i < FILES; i++) {
		series->errors[i] = -series_read(series, series->fds[i]);
		if (!series->errors[i])
			files[i].parse(series);
	}
	if (now_ns - series->scan_ns >= SCAN_NS) {
		series->scan_ns = now_ns;
		series_cgroups_scan(series);
	}
	series_cgroups_sample(series);
	if (rec)
		tell_families(series);
	series->rec = NULL;
	return 0;
}

int series_sample(struct series *series, struct recording *rec)
{
	return series_sample_at(series, rec, time_now());
}

/* Where a controller has a hierarchy of its own, it is not in the unified one. */
static struct series_controller find_controller(const char *v1, const char *unified)
{
	struct series_controller controller = {.v2 = !v1};

	if (v1 || unified)
		controller.root = strdup(v1 ? v1 : unified);
	return controller;
}

struct series *series_open_at(const struct series_roots *roots)
{
	struct series *series = calloc(1, sizeof(*series));

	if (!series) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	*series = (struct series){
		.proc = open(roots->proc, O_PATH | O_DIRECTORY | O_CLOEXEC),
		.block = roots->block ? open(roots->block, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1,
		.cpu = find_controller(roots->cpu_v1, roots->unified),
		.memory = find_controller(roots->memory_v1, roots->unified),
	};
	vec_reserve((void **)&series->text, &series->capacity, FIRST_CAPACITY, 1);
	for (size_t i = 0; i < FILES; i++) {
		series->fds[i] = openat(series->proc, files[i].path, O_RDONLY | O_CLOEXEC);
		if (series->fds[i] < 0)
			series->fds[i] = -errno;
	}
	series_cgroups_scan(series);
	return series;
}

/* The hierarchies' mount points, from this process' own mount table. */
static void find_hierarchies(struct series_roots *roots)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;

	while (mounts && (entry = getmntent(mounts))) {
		if (!strcmp(entry->mnt_type, "cgroup2") && !roots->unified)
			roots->unified = strdup(entry->mnt_dir);
		if (strcmp(entry->mnt_type, "cgroup") != 0)
			continue;
		if (hasmntopt(entry, "cpu") && !roots->cpu_v1)
			roots->cpu_v1 = strdup(entry->mnt_dir);
		if (hasmntopt(entry, "memory") && !roots->memory_v1)
			roots->memory_v1 = strdup(entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
}

struct series *series_open(void)
{
	struct series_roots roots = {.proc = "/proc", .block = "/sys/class/block"};
	struct series *series;

	find_hierarchies(&roots);
	series = series_open_at(&roots);
	free((char *)roots.cpu_v1);
	free((char *)roots.memory_v1);
	free((char *)roots.unified);
	series->scan_ns = time_now();
	series_sample_at(series, NULL, series->scan_ns);
	return series;
}

void series_close(struct series *series)
{
	if (!series)
		return;
	series_cgroups_close(series);
	for (size_t i = 0; i < FILES; i++)
		if (series->fds[i] >= 0)
			close(series->fds[i]);
	if (series->proc >= 0)
		close(series->proc);
	if (series->block >= 0)
		close(series->block);
	vec_free(&series->cpus);
	vec_free(&series->disks.at);
	vec_free(&series->interfaces.at);
	free(series->cpu.root);
	free(series->memory.root);
	free(series->text);
	free(series);
}
