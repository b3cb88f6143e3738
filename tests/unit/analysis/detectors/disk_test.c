/* SPDX-License-Identifier: BSD-2-Clause */
/* A host whose disk one process waits for and another keeps busy. */
#include "analysis/report.h"

/* What host_count() and recording_bucket() file is of the last slice, a tenth of the window. */
#define IN_LAST_SLICE(requests) ((uint64_t)((requests)*SLICES * (double)SECOND))

static uint32_t reader_make(struct recording *rec)
{
	uint32_t reader = host_process(rec, "reader");
	uint32_t process = rec->threads.at[reader].process;

	host_spend(rec, reader, STATE_RUN_USER, 0.2);
	host_spend(rec, reader, STATE_WAIT_DISK_READ, 0.8);
	recording_bucket(rec, "block.device_ns", process, "vda read", 2000, 100,
			 IN_LAST_SLICE(0.5));
	return reader;
}

/* `requests` of the neighbour at the device at once, on average; as a target or not. */
static struct document *report_beside(const char *metric, const char *label, double requests)
{
	struct recording *rec = host_new(0.5);
	uint32_t neighbour;

	reader_make(rec);
	neighbour = host_process(rec, "writer");
	host_spend(rec, neighbour, STATE_WAIT_POLL, 1);
	if (!strcmp(metric, "block.device_ns"))
		recording_bucket(rec, metric, rec->threads.at[neighbour].process, label, 2000, 100,
				 IN_LAST_SLICE(requests));
	else
		host_count(rec, neighbour, metric, label, IN_LAST_SLICE(requests));
	return host_report(rec);
}

static void check_named(struct document *doc, double requests, double percent)
{
	const struct bottleneck *found = finding_of(doc, "disk.read-latency");
	size_t last;

	assert_non_null(found);
	last = found->evidence.len - 1;
	assert_int_equal(found->chain.len, 2);
	assert_string_equal(found->chain.at[0].id, "keeps vda busy");
	assert_string_equal(found->chain.at[0].where.process, "writer");
	assert_string_equal(found->chain.at[1].where.process, "reader");
	assert_non_null(strstr(found->title, "while writer keeps vda busy"));
	assert_non_null(strstr(found->action, "Hold writer back"));
	assert_near(found->evidence.at[last - 1].value, requests, 0.01);
	assert_near(found->evidence.at[last].value, percent, 0.1);
	document_free(doc);
}

static void check_nobody(struct document *doc)
{
	const struct bottleneck *found = finding_of(doc, "disk.read-latency");

	assert_non_null(found);
	assert_int_equal(found->chain.len, 1);
	assert_null(strstr(found->title, "writer"));
	document_free(doc);
}

static void who_has_most_of_the_device_is_named(void **state)
{
	(void)state;
	check_named(report_beside("block.neighbour_ns", "vda write", 2), 2, 80);
	check_named(report_beside("block.device_ns", "vda write", 4.5), 4.5, 90);
}

static void who_has_less_or_another_device_is_not(void **state)
{
	(void)state;
	check_nobody(report_beside("block.neighbour_ns", "vda write", 0.49));
	check_nobody(report_beside("block.neighbour_ns", "vdab write", 20));
	check_nobody(report_beside("block.neighbour_ns", "sda write", 20));
}

/* Half a request at once of the reader, and ten of nobody: the two of the writer are a sixth. */
static void the_kernels_own_requests_count(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t writer;

	(void)state;
	reader_make(rec);
	writer = host_process(rec, "writer");
	host_spend(rec, writer, STATE_WAIT_POLL, 1);
	host_count(rec, writer, "block.neighbour_ns", "vda write", IN_LAST_SLICE(2));
	recording_count(rec, "block.neighbour_ns", NONE, "vda write", IN_LAST_SLICE(10));
	check_nobody(host_report(rec));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_most_of_the_device_is_named),
		cmocka_unit_test(who_has_less_or_another_device_is_not),
		cmocka_unit_test(the_kernels_own_requests_count),
	};

	return cmocka_run_group_tests_name("analysis/detectors/disk", tests, NULL, NULL);
}
