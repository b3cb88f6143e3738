/* SPDX-License-Identifier: BSD-2-Clause */
/* The series read a /proc and cgroup hierarchies that the test writes: the answers are known. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "capture/series.h"
#include "model/metrics.h"
#include "util/folder.h"

#define SECOND 1000000000ull

static char proc[64], block[64], cpu_v1[64], memory_v1[64], unified[64];

static int set_up(void **state)
{
	if (folder_make(state))
		return -1;
	snprintf(proc, sizeof(proc), "%s/proc", folder);
	snprintf(block, sizeof(block), "%s/block", folder);
	snprintf(cpu_v1, sizeof(cpu_v1), "%s/cpu", folder);
	snprintf(memory_v1, sizeof(memory_v1), "%s/memory", folder);
	snprintf(unified, sizeof(unified), "%s/unified", folder);
	return 0;
}

static double point(const struct recording *rec, const char *metric, const char *label)
{
	for (size_t i = 0; i < rec->points.len; i++) {
		const struct point *p = &rec->points.at[i];

		if (p->slice == recording_slice(rec) &&
		    !strcmp(string_get(rec, p->metric), metric) &&
		    !strcmp(string_get(rec, p->label), label))
			return p->value;
	}
	return NAN;
}

#define assert_point(metric, label, expected)                                                      \
	assert_true(fabs(point(rec, metric, label) - (expected)) < 1e-6)
#define assert_no_point(metric, label) assert_true(isnan(point(rec, metric, label)))

static void assert_family(const struct recording *rec, const char *name, enum family_status status,
			  const char *part)
{
	for (size_t i = 0; i < rec->families.len; i++) {
		const struct family_state *family = &rec->families.at[i];

		if (strcmp(string_get(rec, family->name), name))
			continue;
		assert_int_equal(family->status, status);
		assert_non_null(strstr(string_get(rec, family->why), part));
		return;
	}
	fail_msg("family %s is not told", name);
}

static void put_first(void)
{
	folder_write("proc/stat", "cpu  1000 0 500 8000 100 0 50 10 0 0\n"
				  "cpu0 500 0 250 4000 50 0 25 5 0 0\n"
				  "cpu1 500 0 250 4000 50 0 25 5 0 0\n"
				  "intr 100 0 0 99\nctxt 5000\nbtime 1\nprocesses 70\n"
				  "procs_running 3\nprocs_blocked 2\n");
	folder_write("proc/meminfo",
		     "MemTotal:        1000 kB\nMemFree:   1 kB\nMemAvailable:  400 kB\n"
		     "SwapTotal:  0 kB\nSwapFree:  0 kB\nDirty:  7 kB\n");
	folder_write("proc/vmstat", "pgfault 100\npgmajfault 10\npswpin 0\npswpout 5\n"
				    "pgsteal_direct_throttle 1\npgsteal_direct 3\noom_kill 1\n");
	folder_write("proc/loadavg", "0.25 0.10 0.05 1/90 1234\n");
	folder_write("proc/diskstats", "   7 0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
				       " 254 0 vda 10 0 80 1 20 0 160 1 0 500 900 0 0 0 0 4 1\n"
				       " 254 1 vda1 10 0 80 1 20 0 160 1 0 500 900 0 0 0 0 4 1\n"
				       "   8 0 sda 1 0 8 1 1 0 8 1 0 5 9\n");
	folder_write("block/vda1/partition", "1\n");
	folder_write("proc/net/dev",
		     "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n"
		     "    lo: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n"
		     "  idle: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
		     "eth0:0: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n"
		     "  eth0:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
	folder_write("proc/net/snmp",
		     "Ip: A B\nIp: 1 2\nTcp: InSegs OutSegs RetransSegs\nTcp: 1 100 7\n");
	folder_write("proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 1 2\n");
	folder_write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
	folder_write("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
					 "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
}

static void put_second(void)
{
	folder_write("proc/stat", "cpu  1150 0 550 8150 90 0 60 50 0 0\n"
				  "cpu0 600 0 300 4030 50 0 35 5 0 0\n"
				  "cpu1 550 0 250 4120 40 0 25 45 0 0\n"
				  "intr 300 0 0 99\nctxt 6000\nbtime 1\nprocesses 74\n"
				  "procs_running 5\nprocs_blocked 0\n");
	folder_write("proc/vmstat", "pgfault 300\npgmajfault 14\npswpin 0\npswpout 7\n"
				    "pgsteal_direct_throttle 9\npgsteal_direct 5\noom_kill 3\n");
	folder_write("proc/diskstats", "   7 0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
				       " 254 0 vda 20 0 180 1 24 0 170 1 0 1500 3900 0 0 0 0 6 1\n"
				       " 254 1 vda1 20 0 180 1 24 0 170 1 0 1500 3900 0 0 0 0 6 1\n"
				       "   8 0 sda 0 0 0 1 3 0 8 1 0 5 9\n");
	folder_write("proc/net/dev",
		     "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n"
		     "    lo: 10 1 0 0 0 0 0 0 10 1 0 0 0 0 0 0\n"
		     "  eth0:1500 14 2 4 0 0 0 0 4000 40 3 4 0 0 0 0\n");
	folder_write("proc/net/snmp",
		     "Ip: A B\nIp: 1 2\nTcp: InSegs OutSegs RetransSegs\nTcp: 1 140 9\n");
	folder_write("proc/net/netstat", "TcpExt: ListenOverflows ListenDrops\nTcpExt: 1 8\n");
	folder_write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n");
	folder_write("proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=200000\n"
					 "full avg10=0.00 avg60=0.00 avg300=0.00 total=100000\n");
}

static void points_are_rates_over_the_time_that_passed(void **state)
{
	struct recording *rec = recording_new();
	struct series *series;

	(void)state;
	put_first();
	series = series_open_at(&(struct series_roots){.proc = proc, .block = block});
	assert_int_equal(series_sample_at(series, NULL, 10 * SECOND), 0);
	assert_int_equal(series_sample_at(series, rec, 10 * SECOND), -EINVAL);
	put_second();
	recording_begin_slice(rec, 0, false);
	assert_int_equal(series_sample_at(series, rec, 12 * SECOND), 0);

	/* Ticks: 150 user, 50 system, 10 softirq, 150 idle, 40 steal; iowait stepped back. */
	assert_point("cpu_busy_percent", "", 52.5);
	assert_point("cpu_user_percent", "", 37.5);
	assert_point("cpu_system_percent", "", 12.5);
	assert_point("cpu_interrupt_percent", "", 2.5);
	assert_point("cpu_iowait_percent", "", 0);
	assert_point("cpu_steal_percent", "", 10);
	assert_point("cpu_busiest_percent", "", 100 * 160.0 / 190);
	assert_point("context_switches_per_s", "", 500);
	assert_point("interrupts_per_s", "", 100);
	assert_point("forks_per_s", "", 2);
	assert_point("runnable_threads", "", 4);
	assert_point("blocked_threads", "", 0);
	assert_point("load_1m", "", 0.25);
	assert_point("memory_used_percent", "", 60);
	assert_point("memory_available_bytes", "", 400 * 1024);
	assert_point("memory_dirty_bytes", "", 7 * 1024);
	assert_no_point("swap_used_percent", "");
	assert_point("page_faults_per_s", "", 100);
	assert_point("page_faults_major_per_s", "", 2);
	assert_point("swap_out_bytes_per_s", "", (double)sysconf(_SC_PAGESIZE));
	assert_point("memory_direct_reclaim_bytes_per_s", "", (double)sysconf(_SC_PAGESIZE));
	assert_point("memory_oom_kills", "", 2);
	assert_point("tcp_segments_sent_per_s", "", 20);
	assert_point("tcp_retransmits_per_s", "", 1);
	assert_point("tcp_listen_drops_per_s", "", 3);
	assert_point("psi_cpu_some_percent", "", 25);
	assert_point("psi_io_some_percent", "", 10);
	assert_point("psi_io_full_percent", "", 5);

	assert_point("disk_reads_per_s", "vda", 5);
	assert_point("disk_read_bytes_per_s", "vda", 25600);
	assert_point("disk_writes_per_s", "vda", 2);
	assert_point("disk_write_bytes_per_s", "vda", 2560);
	assert_point("disk_busy_percent", "vda", 50);
	assert_point("disk_in_flight", "vda", 1.5);
	assert_point("disk_flushes_per_s", "vda", 1);
	assert_no_point("disk_reads_per_s", "vda1");
	assert_no_point("disk_reads_per_s", "loop0");
	/* A counter that fell has no rate; one that grew has; one that is not there is not 0. */
	assert_no_point("disk_reads_per_s", "sda");
	assert_point("disk_writes_per_s", "sda", 1);
	assert_no_point("disk_flushes_per_s", "sda");

	assert_point("net_receive_bytes_per_s", "eth0", 250);
	assert_point("net_receive_packets_per_s", "eth0", 2);
	assert_point("net_send_bytes_per_s", "eth0", 1000);
	assert_point("net_send_packets_per_s", "eth0", 10);
	assert_point("net_errors_per_s", "eth0", 0.5);
	assert_point("net_drops_per_s", "eth0", 1);
	assert_point("net_receive_bytes_per_s", "lo", 0);
	assert_no_point("net_receive_bytes_per_s", "idle");

	assert_family(rec, "psi", FAMILY_PARTIAL,
		      "memory pressure: /proc/pressure/memory: No such");
	assert_family(rec, "series", FAMILY_OK, "");
	series_close(series);
	recording_free(rec);
}

static void every_point_is_a_metric_of_the_table(void **state)
{
	struct recording *rec = recording_new();
	struct series *series = series_open();

	(void)state;
	recording_begin_slice(rec, 0, false);
	usleep(50000);
	assert_int_equal(series_sample(series, rec), 0);
	assert_true(rec->points.len > 20);
	for (size_t i = 0; i < rec->points.len; i++) {
		const struct metric_kind *kind =
			metric_find(string_get(rec, rec->points.at[i].metric));

		assert_non_null(kind);
		assert_int_equal(kind->source, METRIC_POINT);
		assert_int_equal(!!kind->label, rec->points.at[i].label != 0);
		assert_true(isfinite(rec->points.at[i].value));
	}
	series_close(series);
	recording_free(rec);
}

static void absent_files_are_told(void **state)
{
	struct recording *rec = recording_new();
	struct series *series = series_open_at(&(struct series_roots){.proc = "/nonexistent"});

	(void)state;
	recording_begin_slice(rec, 0, false);
	assert_int_equal(series_sample_at(series, rec, SECOND), 0);
	assert_int_equal(rec->points.len, 0);
	assert_family(rec, "psi", FAMILY_SKIPPED, "CPU pressure");
	assert_family(rec, "series", FAMILY_PARTIAL, "disks");
	series_close(series);
	recording_free(rec);
}

static void cgroups_with_limits_v1(void **state)
{
	struct series_roots roots = {.proc = proc, .cpu_v1 = cpu_v1, .memory_v1 = memory_v1};
	struct recording *rec = recording_new();
	struct series *series;
	char path[128];

	(void)state;
	folder_write("cpu/cpu.cfs_quota_us", "-1\n");
	folder_write("cpu/a b/c/cpu.cfs_quota_us", "50000\n");
	folder_write("cpu/a b/c/cpu.cfs_period_us", "100000\n");
	folder_write("cpu/a b/c/cpu.stat",
		     "nr_periods 10\nnr_throttled 5\nthrottled_time 1000000\n");
	folder_write("memory/a b/memory.limit_in_bytes", "9223372036854771712\n");
	folder_write("memory/a b/c/memory.limit_in_bytes", "1000\n");
	folder_write("memory/a b/c/memory.usage_in_bytes", "250\n");
	folder_write("memory/a b/c/memory.failcnt", "3\n");
	folder_write("memory/a b/c/memory.oom_control",
		     "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
	series = series_open_at(&roots);
	series_sample_at(series, NULL, 11 * SECOND);
	folder_write("cpu/a b/c/cpu.stat",
		     "nr_periods 20\nnr_throttled 8\nthrottled_time 41000000\n");
	folder_write("memory/a b/c/memory.failcnt", "10\n");
	folder_write("memory/a b/c/memory.oom_control",
		     "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	/* This one begins while the series run and is found by the next scan. */
	folder_write("cpu/late/cpu.cfs_quota_us", "300000\n");
	folder_write("cpu/late/cpu.cfs_period_us", "100000\n");
	recording_begin_slice(rec, 0, false);
	series_sample_at(series, rec, 12 * SECOND);
	assert_point("cgroup_quota_cpus", "/a b/c", 0.5);
	assert_point("cgroup_throttled_percent", "/a b/c", 30);
	assert_point("cgroup_throttled_ms", "/a b/c", 40);
	assert_point("cgroup_memory_limit_bytes", "/a b/c", 1000);
	assert_point("cgroup_memory_used_percent", "/a b/c", 25);
	assert_point("cgroup_memory_failcnt", "/a b/c", 7);
	assert_point("cgroup_oom_kills", "/a b/c", 1);
	assert_no_point("cgroup_memory_limit_bytes", "/a b");
	assert_no_point("cgroup_quota_cpus", "/");
	assert_no_point("cgroup_quota_cpus", "/late");
	recording_begin_slice(rec, 1, false);
	series_sample_at(series, rec, 30 * SECOND);
	assert_point("cgroup_quota_cpus", "/late", 3);
	/* No period ended: the share of throttled ones is unknown. */
	assert_no_point("cgroup_throttled_percent", "/a b/c");
	assert_point("cgroup_throttled_ms", "/a b/c", 0);
	snprintf(path, sizeof(path), "%s/late/cpu.cfs_quota_us", cpu_v1);
	unlink(path);
	series_close(series);
	recording_free(rec);
}

static void cgroups_with_limits_v2(void **state)
{
	struct series_roots roots = {.proc = proc, .unified = unified};
	struct recording *rec = recording_new();
	struct series *series;

	(void)state;
	folder_write("unified/free/cpu.max", "max 100000\n");
	folder_write("unified/pod/cpu.max", "150000 100000\n");
	folder_write("unified/pod/cpu.stat",
		     "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 7\n");
	folder_write("unified/pod/memory.max", "4096\n");
	folder_write("unified/pod/memory.current", "4096\n");
	folder_write("unified/pod/memory.events", "low 0\nhigh 0\nmax 5\noom 0\noom_kill 0\n");
	folder_write("unified/free/memory.max", "max\n");
	series = series_open_at(&roots);
	series_sample_at(series, NULL, 11 * SECOND);
	folder_write("unified/pod/cpu.stat",
		     "usage_usec 5\nnr_periods 4\nnr_throttled 4\nthrottled_usec 9007\n");
	folder_write("unified/pod/memory.events", "low 0\nhigh 0\nmax 25\noom 0\noom_kill 1\n");
	recording_begin_slice(rec, 0, false);
	series_sample_at(series, rec, 12 * SECOND);
	assert_point("cgroup_quota_cpus", "/pod", 1.5);
	assert_point("cgroup_throttled_percent", "/pod", 100);
	assert_point("cgroup_throttled_ms", "/pod", 9);
	assert_point("cgroup_memory_used_percent", "/pod", 100);
	assert_point("cgroup_memory_failcnt", "/pod", 20);
	assert_point("cgroup_oom_kills", "/pod", 1);
	assert_no_point("cgroup_quota_cpus", "/free");
	assert_no_point("cgroup_memory_limit_bytes", "/free");
	series_close(series);
	recording_free(rec);
}

static void garbage_is_survived(void **state)
{
	static const char *const paths[] = {
		"proc/stat",           "proc/meminfo",        "proc/vmstat",
		"proc/loadavg",        "proc/diskstats",      "proc/net/dev",
		"proc/net/snmp",       "proc/net/netstat",    "proc/pressure/cpu",
		"unified/pod/cpu.max", "unified/pod/cpu.stat"};
	static const char *const texts[] = {
		"",
		"\n",
		"cpu",
		"cpu\n",
		"cpu999999999999 1\n",
		"Tcp: \nTcp:",
		"Tcp: A\nTcp:\n",
		"some total=",
		":\n:::\n",
		"1 2\n",
		"1 2 x",
		"\xff\xfe\n\n\n: : : :",
		"ctxt",
		"-1",
		"18446744073709551615999 0 0 0",
	};
	struct recording *rec = recording_new();
	struct series *series =
		series_open_at(&(struct series_roots){.proc = proc, .unified = unified});
	uint64_t now = SECOND;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
			folder_write(paths[k], texts[i]);
		recording_begin_slice(rec, i, false);
		assert_int_equal(series_sample_at(series, rec, now += SECOND), 0);
		/* No time passed: no rate may come out infinite. */
		assert_int_equal(series_sample_at(series, rec, now), 0);
	}
	for (size_t i = 0; i < rec->points.len; i++)
		assert_true(isfinite(rec->points.at[i].value));
	series_close(series);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_are_rates_over_the_time_that_passed),
		cmocka_unit_test(every_point_is_a_metric_of_the_table),
		cmocka_unit_test(absent_files_are_told),
		cmocka_unit_test(cgroups_with_limits_v1),
		cmocka_unit_test(cgroups_with_limits_v2),
		cmocka_unit_test(garbage_is_survived),
	};

	return cmocka_run_group_tests_name("capture/series", tests, set_up, folder_remove);
}
