/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the series share. Nobody else includes this. */
#ifndef STRAIT_SERIES_PARTS_H
#define STRAIT_SERIES_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/recording.h"
#include "util/vec.h"

#define SERIES_FILES    12
#define SERIES_COUNTERS 24
#define SERIES_NAME     64   /* of a device or interface: the kernel's limits are 32 and 16 */
#define SERIES_DEVICES  1024 /* disks and interfaces known, each */
#define SERIES_FOLLOWED 64   /* and of these recorded, each */
#define SERIES_CPUS     4096
#define SERIES_CGROUPS  2000

/* A counter that only grows; unknown until it was read once. */
struct series_counter {
	uint64_t value;
	bool known;
};

struct series_cpu {
	uint64_t busy, total;
};

enum device_counter {
	DISK_READS,
	DISK_READ_BYTES,
	DISK_WRITES,
	DISK_WRITE_BYTES,
	DISK_BUSY_MS,
	DISK_WEIGHTED_MS,
	DISK_FLUSHES,
	NET_RECEIVE_BYTES = 0,
	NET_RECEIVE_PACKETS,
	NET_SEND_BYTES,
	NET_SEND_PACKETS,
	NET_ERRORS,
	NET_DROPS,
	DEVICE_COUNTERS = 8,
};

struct series_device {
	char name[SERIES_NAME];
	bool followed; /* a real disk, or one in use */
	bool ignored;  /* a partition */
	struct series_counter counters[DEVICE_COUNTERS];
};

struct series_devices {
	VEC(struct series_device) at;
	size_t followed;
	bool full; /* there were more than could be followed */
};

/* The hierarchy that has a controller. */
struct series_controller {
	char *root; /* mount point, NULL = none has it */
	bool v2;
};

enum cgroup_file {
	CPU_QUOTA,
	CPU_PERIOD, /* v1 only: v2 has both in one file */
	CPU_STAT,
	MEMORY_LIMIT,
	MEMORY_USAGE,
	MEMORY_HITS,
	MEMORY_KILLS,
	CGROUP_FILES,
};

/* A cgroup with a CPU quota or a memory limit. */
struct series_cgroup {
	char *path; /* below the mount point, "/" = the root */
	bool has_quota, has_limit;
	int fds[CGROUP_FILES]; /* -1 = not kept open */
	struct series_counter periods, throttled_periods, throttled, hits, kills;
};

struct series {
	int proc, block; /* directories */
	struct series_controller cpu, memory;
	int fds[SERIES_FILES];    /* or the negative errno of opening it */
	int errors[SERIES_FILES]; /* errno of the last reading, 0 = read */
	char *text;               /* of the file being read */
	size_t capacity;

	struct recording *rec; /* NULL while only the counters are taken */
	double seconds;        /* since the last sample */
	uint64_t last_ns, scan_ns;

	uint64_t ticks[8]; /* of all CPUs, by column of /proc/stat */
	bool ticks_known;
	VEC(struct series_cpu) cpus;
	struct series_counter counters[SERIES_COUNTERS];
	struct series_devices disks, interfaces;
	VEC(struct series_cgroup) cgroups;
	size_t cgroup_fds; /* kept open */
	bool cgroups_full;
};

/*
 * Reads a whole file from its beginning into series->text (ended by 0). Returns 0 or a negative
 * errno; a negative descriptor is returned as it is.
 */
int series_read(struct series *series, int fd);
void series_point(struct series *series, const char *metric, const char *label, double value);
/* Takes a counter; records its growth × scale, as a rate or as it is. False = no growth known. */
void series_rate(struct series *series, const char *metric, const char *label,
		 struct series_counter *counter, uint64_t now, double scale);
bool series_growth(struct series_counter *counter, uint64_t now, uint64_t *growth);
/* The value of the line that begins with this name; false when there is none. */
bool series_find(const char *text, const char *name, uint64_t *value);

/* One for each file of /proc; each reads series->text. */
void series_stat(struct series *series);
void series_meminfo(struct series *series);
void series_vmstat(struct series *series);
void series_loadavg(struct series *series);
void series_snmp(struct series *series);
void series_netstat(struct series *series);
void series_pressure_cpu(struct series *series);
void series_pressure_memory(struct series *series);
void series_pressure_io(struct series *series);
void series_diskstats(struct series *series);
void series_netdev(struct series *series);

/* Looks for cgroups with a quota or a limit that are not followed yet. */
void series_cgroups_scan(struct series *series);
void series_cgroups_sample(struct series *series);
void series_cgroups_close(struct series *series);

#endif
