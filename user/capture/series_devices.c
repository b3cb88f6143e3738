/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks and network interfaces: the files of /proc with one line a device. Formats: proc(5). */
#include "capture/series_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512 /* of /proc/diskstats, whatever the device's own is */

/*
 * The device of this name, new when it is not known yet; NULL when there are too many. `hint` is
 * where it stood last time: lines keep their order.
 */
static struct series_device *find_device(struct series_devices *devices, const char *name,
					 size_t hint)
{
	struct series_device *device;

	if (hint < devices->at.len && !strcmp(devices->at.at[hint].name, name))
		return &devices->at.at[hint];
	vec_each(&devices->at, known)
		if (!strcmp(known->name, name))
			return known;
	if (devices->at.len >= SERIES_DEVICES) {
		devices->full = true;
		return NULL;
	}
	device = vec_extend(&devices->at, 1);
	snprintf(device->name, sizeof(device->name), "%s", name);
	return device;
}

/* Takes the device among those that are recorded, if there is room. */
static bool follow_device(struct series_devices *devices, struct series_device *device)
{
	if (device->followed)
		return true;
	if (devices->followed >= SERIES_FOLLOWED) {
		devices->full = true;
		return false;
	}
	devices->followed++;
	return device->followed = true;
}

static bool is_virtual(const char *name)
{
	static const char *const prefixes[] = {"loop", "ram", "zram", "nbd", "sr", "fd"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static bool is_partition(const struct series *series, const char *name)
{
	char path[SERIES_NAME + 16];

	snprintf(path, sizeof(path), "%s/partition", name);
	return series->block >= 0 && !faccessat(series->block, path, F_OK, 0);
}

static void sample_disk(struct series *series, struct series_device *disk, const uint64_t *fields,
			size_t count)
{
	const char *name = disk->name;
	struct series_counter *counters = disk->counters;

	if (disk->ignored || (is_virtual(name) && !fields[0] && !fields[4]))
		return;
	if (!disk->followed && is_partition(series, name)) {
		disk->ignored = true;
		return;
	}
	if (!follow_device(&series->disks, disk))
		return;
	series_rate(series, "disk_reads_per_s", name, &counters[DISK_READS], fields[0], 1);
	series_rate(series, "disk_read_bytes_per_s", name, &counters[DISK_READ_BYTES], fields[2],
		    SECTOR);
	series_rate(series, "disk_writes_per_s", name, &counters[DISK_WRITES], fields[4], 1);
	series_rate(series, "disk_write_bytes_per_s", name, &counters[DISK_WRITE_BYTES], fields[6],
		    SECTOR);
	/* Milliseconds in a second are tenths of a percent; of requests, weighted by their number.
	 */
	series_rate(series, "disk_busy_percent", name, &counters[DISK_BUSY_MS], fields[9], 0.1);
	series_rate(series, "disk_in_flight", name, &counters[DISK_WEIGHTED_MS], fields[10], 1e-3);
	/* Kernels before 5.5 do not count flushes. */
	if (count > 15)
		series_rate(series, "disk_flushes_per_s", name, &counters[DISK_FLUSHES], fields[15],
			    1);
}

void series_diskstats(struct series *series)
{
	size_t position = 0;
	char *line = series->text, *next;

	for (; line && *line; line = next, position++) {
		uint64_t fields[17] = {};
		char name[SERIES_NAME], *at = line;
		struct series_device *disk;
		size_t count = 0;
		int used = 0;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (sscanf(line, "%*u %*u %63s%n", name, &used) != 1)
			continue;
		at += used;
		while (count < sizeof(fields) / sizeof(fields[0]) && *at)
			fields[count++] = strtoull(at, &at, 10);
		disk = find_device(&series->disks, name, position);
		if (disk)
			sample_disk(series, disk, fields, count);
	}
}

static void sample_interface(struct series *series, struct series_device *interface,
			     const uint64_t *fields)
{
	const char *name = interface->name;
	struct series_counter *counters = interface->counters;

	/* An interface that never saw a packet is no part of what is normal here. */
	if (!interface->followed && !fields[1] && !fields[9] && strcmp(name, "lo") != 0)
		return;
	if (!follow_device(&series->interfaces, interface))
		return;
	series_rate(series, "net_receive_bytes_per_s", name, &counters[NET_RECEIVE_BYTES],
		    fields[0], 1);
	series_rate(series, "net_receive_packets_per_s", name, &counters[NET_RECEIVE_PACKETS],
		    fields[1], 1);
	series_rate(series, "net_send_bytes_per_s", name, &counters[NET_SEND_BYTES], fields[8], 1);
	series_rate(series, "net_send_packets_per_s", name, &counters[NET_SEND_PACKETS], fields[9],
		    1);
	series_rate(series, "net_errors_per_s", name, &counters[NET_ERRORS], fields[2] + fields[10],
		    1);
	series_rate(series, "net_drops_per_s", name, &counters[NET_DROPS], fields[3] + fields[11],
		    1);
}

void series_netdev(struct series *series)
{
	size_t position = 0;
	char *line = series->text, *next;

	for (; line && *line; line = next) {
		uint64_t fields[16] = {};
		struct series_device *interface;
		char *name = line, *at;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		/* The two lines of headings have no colon behind their first word. */
		at = strrchr(line, ':');
		if (!at)
			continue;
		*at++ = 0;
		name += strspn(name, " ");
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && *at; i++)
			fields[i] = strtoull(at, &at, 10);
		interface = find_device(&series->interfaces, name, position++);
		if (interface)
			sample_interface(series, interface, fields);
	}
}
