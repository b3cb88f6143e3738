/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analysis/baseline.h"
#include "model/histogram.h"
#include "model/metrics.h"

#define SECOND            1000000000ull
#define assert_near(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static const struct metric *find(const struct document *doc, const char *name, const char *label)
{
	for (size_t i = 0; i < doc->metrics.len; i++) {
		const struct metric *metric = &doc->metrics.at[i];

		if (!strcmp(metric->name, name) &&
		    (label ? metric->label && !strcmp(metric->label, label) : !metric->label))
			return metric;
	}
	return NULL;
}

/* Slices of a second: one of warm-up, three whole ones, and one that was ended early. */
static void begin_slice(struct recording *rec, unsigned int number)
{
	recording_begin_slice(rec, number * SECOND, number == 0);
}

static void end_slice(struct recording *rec, unsigned int number)
{
	recording_end_slice(rec, number * SECOND + (number == 4 ? SECOND / 10 : SECOND));
}

static void points_without_warm_up_and_rest(void **state)
{
	static const double busy[] = {90, 10, 30, 20, 99};
	struct recording *rec = recording_new();
	struct document *doc = document_new();
	const struct metric *metric;

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		begin_slice(rec, i);
		recording_point(rec, "cpu_busy_percent", "", busy[i]);
		recording_point(rec, "disk_reads_per_s", "vda", i);
		if (i == 2)
			recording_point(rec, "disk_reads_per_s", "vdb", 7);
		recording_point(rec, "load_1m", "", NAN);
		recording_point(rec, "a metric of the future", "", 1);
		end_slice(rec, i);
	}
	baseline_metrics(rec, doc);
	assert_int_equal(find(doc, "load_1m", NULL)->spread.count, 0);
	assert_null(find(doc, "a metric of the future", NULL));
	metric = find(doc, "cpu_busy_percent", NULL);
	assert_non_null(metric);
	assert_string_equal(metric->unit, "percent");
	assert_int_equal(metric->spread.count, 3);
	assert_near(metric->spread.avg, 20);
	assert_near(metric->spread.min, 10);
	assert_near(metric->spread.max, 30);
	assert_near(metric->spread.p50, 20);
	assert_near(metric->spread.p95, 29);
	assert_near(find(doc, "disk_reads_per_s", "vda")->spread.avg, 2);
	assert_int_equal(find(doc, "disk_reads_per_s", "vdb")->spread.count, 1);
	document_free(doc);
	recording_free(rec);
}

static void ledger_gives_average_threads(void **state)
{
	struct recording *rec = recording_new();
	struct document *doc = document_new();
	uint32_t process = process_intern(rec, 10, 1);
	uint32_t one = thread_intern(rec, 10, 1, process);
	uint32_t two = thread_intern(rec, 11, 1, process);
	const struct metric *metric;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		begin_slice(rec, i);
		recording_ledger(rec, i, one, STATE_READY_WOKEN, SECOND / 2);
		recording_ledger(rec, i, two, STATE_READY_PREEMPTED, SECOND);
		if (i == 3)
			recording_ledger(rec, i, two, STATE_WAIT_DISK_READ, SECOND / 4);
		end_slice(rec, i);
	}
	baseline_metrics(rec, doc);
	metric = find(doc, "threads_waiting_cpu", NULL);
	assert_near(metric->spread.avg, 1.5);
	assert_string_equal(metric->unit, "threads");
	metric = find(doc, "threads_waiting_disk", NULL);
	assert_near(metric->spread.max, 0.25);
	assert_near(metric->spread.avg, 0.25 / 3);
	assert_near(find(doc, "threads_throttled", NULL)->spread.max, 0);
	document_free(doc);
	recording_free(rec);
}

/* Latencies: percentiles over all events of the window, by device and operation. */
static void distributions_are_merged(void **state)
{
	struct recording *rec = recording_new();
	struct document *doc = document_new();
	uint32_t process = process_intern(rec, 10, 1);
	struct baseline *baseline;
	const struct baseline_series *series;
	const struct metric *metric;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t fast = 1000000, slow = 50000000;

		begin_slice(rec, i);
		recording_bucket(rec, "block.device_ns", process, "vda read",
				 histogram_bucket(fast), 90, 90 * fast);
		recording_bucket(rec, "block.device_ns", NONE, "vda read", histogram_bucket(slow),
				 i == 3 ? 40 : 1, (i == 3 ? 40 : 1) * slow);
		recording_bucket(rec, "block.device_ns", NONE, "vda write", histogram_bucket(slow),
				 3, 3 * slow);
		recording_bucket(rec, "block.queue_ns", NONE, "vda write", histogram_bucket(fast),
				 3, 3 * fast);
		end_slice(rec, i);
	}
	baseline_metrics(rec, doc);
	metric = find(doc, "disk_read_ms", "vda");
	assert_non_null(metric);
	assert_int_equal(metric->spread.count, 90 * 3 + 42);
	assert_near(metric->spread.avg, (270 * 1.0 + 42 * 50) / 312);
	assert_true(fabs(metric->spread.p50 - 1) < 0.01);
	assert_true(fabs(metric->spread.p95 - 50) < 0.5);
	assert_true(fabs(metric->spread.max - 50) < 0.5);
	assert_int_equal(find(doc, "disk_write_ms", "vda")->spread.count, 9);
	assert_true(fabs(find(doc, "disk_write_queue_ms", "vda")->spread.p50 - 1) < 0.01);
	assert_null(find(doc, "disk_read_queue_ms", "vda"));
	assert_int_equal(find(doc, "runqueue_ms", NULL)->spread.count, 0);
	assert_true(isnan(find(doc, "runqueue_ms", NULL)->spread.p95));

	baseline = baseline_extract(rec);
	series = baseline_find_series(baseline, "disk_read_ms", "vda", "p95");
	assert_int_equal(series->values.len, 3);
	assert_true(fabs(series->values.at[0] - 1) < 0.01);
	assert_true(fabs(series->values.at[2] - 50) < 0.5);
	/* Three events have a median of sorts, but no 95th percentile; fewer than five not even
	 * that. */
	assert_null(baseline_find_series(baseline, "disk_write_ms", "vda", "p50"));
	/* 91 events are too few for a 99th percentile, 130 are not. */
	assert_int_equal(baseline_find_series(baseline, "disk_read_ms", "vda", "p99")->values.len,
			 1);
	baseline_free(baseline);
	document_free(doc);
	recording_free(rec);
}

static void counts_are_rates_and_0_where_the_family_ran(void **state)
{
	struct recording *rec = recording_new();
	struct document *doc = document_new();
	uint32_t process = process_intern(rec, 10, 1);

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		recording_begin_slice(rec, 2 * i * SECOND, i == 0);
		if (i != 1) {
			recording_count(rec, "syscall.count", process, "read", 60);
			recording_count(rec, "syscall.count", process, "write", 30);
		}
		recording_end_slice(rec, 2 * (i + 1) * SECOND);
	}
	recording_family(rec, "syscall", FAMILY_PARTIAL, "half of it");
	recording_family(rec, "block", FAMILY_SKIPPED, "no");
	baseline_metrics(rec, doc);
	assert_near(find(doc, "syscalls_per_s", NULL)->spread.max, 45);
	assert_near(find(doc, "syscalls_per_s", NULL)->spread.min, 0);
	assert_near(find(doc, "syscalls_per_s", NULL)->spread.avg, 30);
	assert_near(find(doc, "syscall_errors_per_s", NULL)->spread.max, 0);
	assert_int_equal(find(doc, "disk_errors_per_s", NULL)->spread.count, 0);
	document_free(doc);
	recording_free(rec);
}

static void extraction_keeps_who_and_when(void **state)
{
	struct recording *rec = recording_new();
	struct baseline *baseline;

	(void)state;
	rec->host.name = string_intern(rec, "web-1");
	rec->host.kernel = string_intern(rec, "6.1");
	rec->host.cpus = 4;
	rec->start_unix_ns = 77;
	rec->target.kind = TARGET_PID;
	rec->target.name = string_intern(rec, "99");
	for (unsigned int i = 0; i < 5; i++) {
		begin_slice(rec, i);
		recording_point(rec, "load_1m", "", i);
		end_slice(rec, i);
	}
	baseline = baseline_extract(rec);
	assert_string_equal(baseline->host, "web-1");
	assert_string_equal(baseline->kernel, "6.1");
	assert_string_equal(baseline->target_kind, "pid");
	assert_string_equal(baseline->target_name, "99");
	assert_int_equal(baseline->cpus, 4);
	assert_int_equal(baseline->start_unix_ns, 77);
	assert_int_equal(baseline->slices, 3);
	assert_int_equal(baseline->warmup_slices, 1);
	assert_near(baseline->seconds, 3.1);
	assert_int_equal(baseline->series.len, 1);
	assert_near(baseline->series.at[0].values.at[0], 1);
	baseline_free(baseline);
	recording_free(rec);
}

static void nothing_observed_is_not_0(void **state)
{
	struct recording *rec = recording_new();
	struct document *doc = document_new();

	(void)state;
	baseline_metrics(rec, doc);
	recording_begin_slice(rec, 0, false);
	recording_end_slice(rec, 0);
	baseline_metrics(rec, doc);
	recording_begin_slice(rec, 0, true);
	recording_point(rec, "load_1m", "", 5);
	recording_end_slice(rec, SECOND);
	baseline_metrics(rec, doc);
	for (size_t i = 0; i < doc->metrics.len; i++) {
		assert_int_equal(doc->metrics.at[i].spread.count, 0);
		assert_true(isnan(doc->metrics.at[i].spread.avg));
	}
	/* Devices that are not there are not missing; a family that did not run is. */
	assert_null(find(doc, "disk_reads_per_s", NULL));
	assert_non_null(find(doc, "disk_read_ms", NULL));
	recording_family(rec, "block", FAMILY_OK, "");
	doc->metrics.len = 0;
	baseline_metrics(rec, doc);
	assert_null(find(doc, "disk_read_ms", NULL));
	document_free(doc);
	recording_free(rec);
}

static void the_table_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < metric_kind_count; i++) {
		const struct metric_kind *kind = &metric_kinds[i];

		assert_ptr_equal(metric_find(kind->name), kind);
		assert_true(kind->unit && kind->what && kind->resolution > 0);
		assert_true(kind->worse >= -1 && kind->worse <= 1);
		if (kind->source == METRIC_LEDGER)
			assert_true(kind->states && kind->states < 1u << STATE_COUNT);
		if (kind->source == METRIC_BUCKETS || kind->source == METRIC_COUNT)
			assert_true(kind->from && kind->family && kind->scale > 0);
	}
	assert_null(metric_find("nonsense"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_without_warm_up_and_rest),
		cmocka_unit_test(ledger_gives_average_threads),
		cmocka_unit_test(distributions_are_merged),
		cmocka_unit_test(counts_are_rates_and_0_where_the_family_ran),
		cmocka_unit_test(extraction_keeps_who_and_when),
		cmocka_unit_test(nothing_observed_is_not_0),
		cmocka_unit_test(the_table_is_sound),
	};

	return cmocka_run_group_tests_name("analysis/baseline", tests, NULL, NULL);
}
