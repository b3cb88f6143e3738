/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/budget.h"
#include "capture/meter.h"
#include "capture/parser.h"
#include "strait.skel.h"
#include "symbols/symbols.h"

struct meter {
	uint64_t begin_ns;
	double begin_cpu; /* seconds of this process, and of what reads files */
	/* As of the last slice's end; and in all slices in which it waited for long. */
	double told_waited, told_wall, slow_waited, slow_wall;
};

/* A slice in which this thread waited so long for a CPU is late: a part of it, and seconds. */
#define WAITED_PART  0.1
#define WAITED_LEAST 0.1

/* Seconds that this thread was ready and had none; 0 where the kernel does not count them. */
static double waited_seconds(void)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "re");
	char line[80] = "", *behind = line;

	if (!file)
		return 0;
	/* "RAN WAITED TURNS", in ns. */
	if (fgets(line, sizeof(line), file))
		(void)strtoull(line, &behind, 10);
	fclose(file);
	return (double)strtoull(behind, NULL, 10) / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6 +
	       (double)(parser_cpu_ns() + symbols_cpu_ns()) / 1e9;
}

struct meter *meter_new(void)
{
	return calloc(1, sizeof(struct meter));
}

void meter_free(struct meter *meter)
{
	free(meter);
}

void meter_begin(struct meter *meter, uint64_t now_ns)
{
	meter->begin_ns = now_ns;
	meter->begin_cpu = cpu_seconds();
	meter->told_waited = waited_seconds();
	meter->told_wall = meter->slow_waited = meter->slow_wall = 0;
}

/* `wall`: seconds since the begin. */
static void waited_tell(struct meter *meter, struct recording *rec, double wall)
{
	double now = waited_seconds(), waited = now - meter->told_waited;
	double slice = wall - meter->told_wall;
	char why[200];

	meter->told_waited = now;
	meter->told_wall = wall;
	if (waited < WAITED_LEAST || waited < slice * WAITED_PART)
		return;
	meter->slow_waited += waited;
	meter->slow_wall += slice;
	snprintf(
		why, sizeof(why),
		"strait itself waited for a CPU for %.1f of %.1f s: slices may be longer than they "
		"were to be there, and what is read once in each is late",
		meter->slow_waited, meter->slow_wall);
	recording_family(rec, FAMILY_TURNS, FAMILY_PARTIAL, why);
}

/* A figure from a "Name:   123 kB" line of a /proc file, in its own unit. 0 if absent. */
static uint64_t proc_field(const char *path, const char *name)
{
	char line[256];
	uint64_t value = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			value = strtoull(line + strlen(name), NULL, 10);
	fclose(file);
	return value;
}

static uint64_t maps_bytes(struct session *session)
{
	struct bpf_map *map;
	uint64_t sum = 0;
	char path[64];

	bpf_object__for_each_map(map, session->skeleton->obj)
	{
		if (bpf_map__fd(map) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
		sum += proc_field(path, "memlock:");
	}
	return sum;
}

void meter_tell(struct meter *meter, struct session *session, uint64_t now_ns)
{
	struct self_cost *self = &session->recording->self;
	double wall = (double)(now_ns - meter->begin_ns) / 1e9;
	double spent = budget_spent(session->budget);
	double own = wall > 0 ? (cpu_seconds() - meter->begin_cpu) / wall * 100 : 0;

	self->bpf_percent = spent < 0 ? -1 : spent * 100;
	self->cpu_percent = own + fmax(self->bpf_percent, 0);
	waited_tell(meter, session->recording, wall);
	self->rss_bytes = proc_field("/proc/self/status", "VmHWM:") * 1024;
	/* A file in /proc for each map. */
	if (!self->map_bytes || session->last_slice)
		self->map_bytes = maps_bytes(session);
}
