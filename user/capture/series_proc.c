/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of /proc that hold figures of the host as a whole. Formats: proc(5). */
#include "capture/series_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Columns of the cpu lines of /proc/stat. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, COLUMNS };

/* Positions in series->counters. */
enum {
	SWITCHES,
	FORKS,
	INTERRUPTS,
	FAULTS,
	MAJOR_FAULTS,
	REFAULTS,
	SWAP_IN,
	SWAP_OUT,
	DIRECT_RECLAIM,
	OOM_KILLS,
	SEGMENTS,
	RETRANSMITS,
	LISTEN_DROPS,
	PRESSURE_CPU,
	PRESSURE_MEMORY,
	PRESSURE_MEMORY_FULL,
	PRESSURE_IO,
	PRESSURE_IO_FULL,
	USED_COUNTERS,
};
_Static_assert(USED_COUNTERS <= SERIES_COUNTERS, "room for every counter");

bool series_find(const char *text, const char *name, uint64_t *value)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) != 0)
			continue;
		line += length;
		if (*line == ':')
			line++;
		if (*line != ' ' && *line != '\t')
			continue;
		*value = strtoull(line, NULL, 10);
		return true;
	}
	return false;
}

static void parse_columns(const char *text, uint64_t columns[COLUMNS])
{
	char *next = (char *)text;

	/* Kernels before 2.6.11 have fewer: strtoull then gives 0. */
	for (int i = 0; i < COLUMNS; i++)
		columns[i] = *next && *next != '\n' ? strtoull(next, &next, 10) : 0;
}

static void sample_all_cpus(struct series *series, const uint64_t columns[COLUMNS])
{
	double ticks[COLUMNS], total = 0, busy;

	for (int i = 0; i < COLUMNS; i++) {
		/* Idle and iowait are known to step back a little. */
		ticks[i] =
			columns[i] > series->ticks[i] ? (double)(columns[i] - series->ticks[i]) : 0;
		total += ticks[i];
		series->ticks[i] = columns[i];
	}
	if (series->ticks_known && total > 0) {
		busy = ticks[USER] + ticks[NICE] + ticks[SYSTEM] + ticks[IRQ] + ticks[SOFTIRQ];
		series_point(series, "cpu_busy_percent", NULL, 100 * busy / total);
		series_point(series, "cpu_user_percent", NULL,
			     100 * (ticks[USER] + ticks[NICE]) / total);
		series_point(series, "cpu_system_percent", NULL, 100 * ticks[SYSTEM] / total);
		series_point(series, "cpu_interrupt_percent", NULL,
			     100 * (ticks[IRQ] + ticks[SOFTIRQ]) / total);
		series_point(series, "cpu_iowait_percent", NULL, 100 * ticks[IOWAIT] / total);
		series_point(series, "cpu_steal_percent", NULL, 100 * ticks[STEAL] / total);
	}
	series->ticks_known = true;
}

/* The busy share of one CPU since the last sample, -1 when unknown. */
static double sample_cpu(struct series *series, size_t cpu, const uint64_t columns[COLUMNS])
{
	struct series_cpu now = {}, before;

	if (cpu >= SERIES_CPUS)
		return -1;
	if (cpu >= series->cpus.len)
		vec_extend(&series->cpus, cpu + 1 - series->cpus.len);
	before = series->cpus.at[cpu];
	for (int i = 0; i < COLUMNS; i++)
		now.total += columns[i];
	now.busy = now.total - columns[IDLE] - columns[IOWAIT] - columns[STEAL];
	series->cpus.at[cpu] = now;
	if (!before.total || now.total <= before.total || now.busy < before.busy)
		return -1;
	return fmin(1, (double)(now.busy - before.busy) / (double)(now.total - before.total));
}

void series_stat(struct series *series)
{
	uint64_t columns[COLUMNS], value;
	double busiest = -1;
	const char *line = series->text, *next;

	for (; !strncmp(line, "cpu", 3); line = next) {
		char *end = (char *)line + 3;

		next = strchrnul(line, '\n');
		next += *next == '\n';

		if (*end == ' ') {
			parse_columns(end, columns);
			sample_all_cpus(series, columns);
		} else {
			size_t cpu = strtoul(end, &end, 10);

			parse_columns(end, columns);
			busiest = fmax(busiest, sample_cpu(series, cpu, columns));
		}
	}
	if (busiest >= 0)
		series_point(series, "cpu_busiest_percent", NULL, 100 * busiest);
	if (series_find(line, "ctxt", &value))
		series_rate(series, "context_switches_per_s", NULL, &series->counters[SWITCHES],
			    value, 1);
	if (series_find(line, "intr", &value))
		series_rate(series, "interrupts_per_s", NULL, &series->counters[INTERRUPTS], value,
			    1);
	if (series_find(line, "processes", &value))
		series_rate(series, "forks_per_s", NULL, &series->counters[FORKS], value, 1);
	/* The thread that reads is always running itself. */
	if (series_find(line, "procs_running", &value))
		series_point(series, "runnable_threads", NULL, value ? (double)value - 1 : 0);
	if (series_find(line, "procs_blocked", &value))
		series_point(series, "blocked_threads", NULL, (double)value);
}

void series_meminfo(struct series *series)
{
	uint64_t total, available, dirty, swap, swap_free;
	const char *text = series->text;

	if (series_find(text, "MemTotal", &total) && total &&
	    series_find(text, "MemAvailable", &available)) {
		available = available < total ? available : total;
		series_point(series, "memory_used_percent", NULL,
			     100 * (double)(total - available) / (double)total);
		series_point(series, "memory_available_bytes", NULL, 1024 * (double)available);
	}
	if (series_find(text, "Dirty", &dirty))
		series_point(series, "memory_dirty_bytes", NULL, 1024 * (double)dirty);
	/* A host without swap has no share of it in use, not 0 %. */
	if (series_find(text, "SwapTotal", &swap) && swap &&
	    series_find(text, "SwapFree", &swap_free) && swap_free <= swap)
		series_point(series, "swap_used_percent", NULL,
			     100 * (double)(swap - swap_free) / (double)swap);
}

/* pgsteal_direct, or the sum over zones that kernels before 4.8 have. */
static bool find_direct_reclaim(const char *text, uint64_t *pages)
{
	static const char *const zones[] = {"pgsteal_direct_dma", "pgsteal_direct_dma32",
					    "pgsteal_direct_normal", "pgsteal_direct_movable"};
	bool found = series_find(text, "pgsteal_direct", pages);
	uint64_t value;

	if (found)
		return true;
	*pages = 0;
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		if (!series_find(text, zones[i], &value))
			continue;
		*pages += value;
		found = true;
	}
	return found;
}

void series_vmstat(struct series *series)
{
	static const struct {
		const char *key, *metric;
		int counter;
		bool pages;
	} rows[] = {
		{"pgfault", "page_faults_per_s", FAULTS, false},
		{"pgmajfault", "page_faults_major_per_s", MAJOR_FAULTS, false},
		{"workingset_refault_file", "memory_refault_bytes_per_s", REFAULTS, true},
		{"pswpin", "swap_in_bytes_per_s", SWAP_IN, true},
		{"pswpout", "swap_out_bytes_per_s", SWAP_OUT, true},
	};
	double page = (double)sysconf(_SC_PAGESIZE);
	uint64_t value, growth;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (series_find(series->text, rows[i].key, &value))
			series_rate(series, rows[i].metric, NULL,
				    &series->counters[rows[i].counter], value,
				    rows[i].pages ? page : 1);
	if (find_direct_reclaim(series->text, &value))
		series_rate(series, "memory_direct_reclaim_bytes_per_s", NULL,
			    &series->counters[DIRECT_RECLAIM], value, page);
	if (series_find(series->text, "oom_kill", &value) &&
	    series_growth(&series->counters[OOM_KILLS], value, &growth))
		series_point(series, "memory_oom_kills", NULL, (double)growth);
}

void series_loadavg(struct series *series)
{
	char *end;
	double load = strtod(series->text, &end);

	if (end != series->text)
		series_point(series, "load_1m", NULL, load);
}

/*
 * /proc/net/snmp and netstat name their columns in one line ("Tcp: A B") and give the values in the
 * next ("Tcp: 1 2").
 */
static bool find_column(const char *text, const char *protocol, const char *name, uint64_t *value)
{
	size_t width = strlen(protocol), length = strlen(name);
	const char *names = text, *values;

	while (names && strncmp(names, protocol, width) != 0) {
		names = strchr(names, '\n');
		names += names ? 1 : 0;
	}
	values = names ? strchr(names, '\n') : NULL;
	if (!values || strncmp(++values, protocol, width) != 0)
		return false;
	for (;;) {
		names = strpbrk(names, " \n");
		values = strpbrk(values, " \n");
		if (!names || !values || *names == '\n' || *values == '\n')
			return false;
		names++;
		values++;
		if (!strncmp(names, name, length) && strchr(" \n", names[length])) {
			*value = strtoull(values, NULL, 10);
			return true;
		}
	}
}

void series_snmp(struct series *series)
{
	uint64_t value;

	if (find_column(series->text, "Tcp:", "OutSegs", &value))
		series_rate(series, "tcp_segments_sent_per_s", NULL, &series->counters[SEGMENTS],
			    value, 1);
	if (find_column(series->text, "Tcp:", "RetransSegs", &value))
		series_rate(series, "tcp_retransmits_per_s", NULL, &series->counters[RETRANSMITS],
			    value, 1);
}

void series_netstat(struct series *series)
{
	uint64_t value;

	if (find_column(series->text, "TcpExt:", "ListenDrops", &value))
		series_rate(series, "tcp_listen_drops_per_s", NULL, &series->counters[LISTEN_DROPS],
			    value, 1);
}

/* The total of a line is in microseconds of stalling: its growth is a share of the time. */
static void sample_pressure(struct series *series, const char *line, const char *metric,
			    int counter)
{
	const char *found = strstr(series->text, line), *total;

	if (!found || (found != series->text && found[-1] != '\n'))
		return;
	total = strstr(found, "total=");
	if (total)
		series_rate(series, metric, NULL, &series->counters[counter],
			    strtoull(total + 6, NULL, 10), 1e-4);
}

void series_pressure_cpu(struct series *series)
{
	sample_pressure(series, "some ", "psi_cpu_some_percent", PRESSURE_CPU);
}

void series_pressure_memory(struct series *series)
{
	sample_pressure(series, "some ", "psi_memory_some_percent", PRESSURE_MEMORY);
	sample_pressure(series, "full ", "psi_memory_full_percent", PRESSURE_MEMORY_FULL);
}

void series_pressure_io(struct series *series)
{
	sample_pressure(series, "some ", "psi_io_some_percent", PRESSURE_IO);
	sample_pressure(series, "full ", "psi_io_full_percent", PRESSURE_IO_FULL);
}
