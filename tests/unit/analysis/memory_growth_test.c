/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes whose resident memory changes in a known way, and what the report says of them. */
#include "analysis/report.h"

#define MIB (1ULL << 20)

static uint32_t process_make(struct recording *rec, const char *comm, uint32_t pid)
{
	uint32_t process = process_intern(rec, pid, pid);

	rec->processes.at[process].comm = string_intern(rec, comm);
	rec->processes.at[process].cgroup = NONE;
	rec->processes.at[process].targeted = true;
	return process;
}

/* One slice of a second; `bytes` of each process at its end, 0 = as before, no reading. */
static void slice_make(struct recording *rec, bool warmup, const uint64_t *bytes, uint32_t count)
{
	recording_begin_slice(rec, rec->length_ns, warmup);
	for (uint32_t process = 0; process < count; process++)
		if (bytes[process])
			recording_count(rec, "memory.rss_bytes", process, "", bytes[process]);
	rec->length_ns += SECOND;
	recording_end_slice(rec, rec->length_ns);
}

static const struct memory_growth *grown(const struct document *doc, const char *process)
{
	vec_each(&doc->memory_growth, row)
		if (!strcmp(row->process, process))
			return row;
	return NULL;
}

/* Ten slices behind one of warm-up, in which everything is at its start. */
static void who_grew_and_how_fast(void **state)
{
	struct recording *rec = recording_new();
	uint32_t steady = process_make(rec, "steady", 11);
	uint32_t step = process_make(rec, "step", 12);
	uint32_t small = process_make(rec, "small", 13);
	uint32_t large = process_make(rec, "large", 14);
	uint32_t falling = process_make(rec, "falling", 15);
	uint32_t other = process_make(rec, "other", 16);
	uint64_t bytes[] = {100 * MIB, 20 * MIB, 4 * MIB, 1000 * MIB, 50 * MIB, MIB};
	const struct memory_growth *row;
	struct document *doc;

	(void)state;
	rec->processes.at[other].targeted = false;
	slice_make(rec, true, bytes, 6);
	for (uint32_t slice = 1; slice <= 10; slice++) {
		uint64_t next[6] = {};

		next[steady] = (100 + 5 * slice) * MIB;
		next[step] = slice == 3 ? 40 * MIB : 0;
		next[small] = slice == 5 ? 5 * MIB - 1 : 0;
		next[large] = slice == 5 ? 1009 * MIB : 0;
		next[falling] = (50 - slice) * MIB;
		next[other] = 100 * slice * MIB;
		slice_make(rec, false, next, 6);
	}
	doc = host_report(rec);
	assert_true(doc->memory_growth_observed);
	assert_int_equal(doc->memory_growth.len, 2);
	row = &doc->memory_growth.at[0];
	assert_string_equal(row->process, "steady");
	assert_int_equal(row->pid, 11);
	assert_null(row->container);
	assert_int_equal(row->start_bytes, 100 * MIB);
	assert_int_equal(row->end_bytes, 150 * MIB);
	assert_int_equal(row->growth_bytes, 50 * MIB);
	assert_true(row->seconds == 10);
	assert_true(row->bytes_per_s == 5.0 * MIB);
	assert_false(row->exited);
	/* What is not told any more is as it was: the time goes on to the end of the window. */
	row = &doc->memory_growth.at[1];
	assert_string_equal(row->process, "step");
	assert_int_equal(row->growth_bytes, 20 * MIB);
	assert_true(row->bytes_per_s == 2.0 * MIB);
	document_free(doc);
}

static void the_warm_up_is_left_out(void **state)
{
	struct recording *rec = recording_new();
	uint32_t early = process_make(rec, "early", 11), late = process_make(rec, "late", 12);
	uint64_t bytes[2] = {};
	struct document *doc;

	(void)state;
	for (uint32_t slice = 0; slice < 6; slice++) {
		/* Grows to 30 MiB in the warm-up of three slices, then no more. */
		bytes[early] = slice < 3 ? (10 + 10 * slice) * MIB : 0;
		/* Begins in the fifth slice. */
		bytes[late] = slice < 4 ? 0 : (1 + 8 * (slice - 4)) * MIB;
		slice_make(rec, slice < 3, bytes, 2);
	}
	doc = host_report(rec);
	assert_null(grown(doc, "early"));
	assert_non_null(grown(doc, "late"));
	assert_int_equal(grown(doc, "late")->growth_bytes, 8 * MIB);
	assert_true(grown(doc, "late")->seconds == 1);
	document_free(doc);
}

static void a_process_that_ended_is_followed_to_its_last_reading(void **state)
{
	struct recording *rec = recording_new();
	uint32_t process = process_make(rec, "job", 11), cgroup = cgroup_intern(rec, 7);
	struct document *doc;

	(void)state;
	rec->processes.at[process].cgroup = cgroup;
	rec->cgroups.at[cgroup].container = string_intern(rec, "podman:web");
	for (uint32_t slice = 0; slice < 8; slice++) {
		uint64_t bytes = slice < 3 ? (1 + 4 * slice) * MIB : 0;

		slice_make(rec, false, &bytes, 1);
	}
	rec->processes.at[process].exited = true;
	doc = host_report(rec);
	assert_int_equal(doc->memory_growth.len, 1);
	assert_true(doc->memory_growth.at[0].exited);
	assert_string_equal(doc->memory_growth.at[0].container, "podman:web");
	assert_true(doc->memory_growth.at[0].seconds == 2);
	assert_true(doc->memory_growth.at[0].bytes_per_s == 4.0 * MIB);
	document_free(doc);
}

static void five_rows_at_most_equals_in_their_order(void **state)
{
	struct recording *rec = recording_new();
	uint64_t before[8], after[8];
	struct document *doc;

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		process_make(rec, "worker", 11 + i);
		before[i] = MIB;
		after[i] = i == 7 ? 10 * MIB : 4 * MIB;
	}
	slice_make(rec, false, before, 8);
	slice_make(rec, false, after, 8);
	doc = host_report(rec);
	assert_int_equal(doc->memory_growth.len, 5);
	assert_int_equal(doc->memory_growth.at[0].pid, 18);
	for (uint32_t i = 1; i < 5; i++)
		assert_int_equal(doc->memory_growth.at[i].pid, 10 + i);
	document_free(doc);
}

/* One slice shows no growth; without any reading nothing is known. */
static void not_observed_is_not_none(void **state)
{
	uint64_t bytes = 5 * MIB, none = 0;
	struct recording *rec = recording_new();
	struct document *doc;

	(void)state;
	process_make(rec, "alone", 11);
	slice_make(rec, false, &bytes, 1);
	doc = analysis_run(rec);
	assert_false(doc->memory_growth_observed);
	document_free(doc);
	slice_make(rec, false, &none, 1);
	doc = host_report(rec);
	assert_true(doc->memory_growth_observed);
	assert_int_equal(doc->memory_growth.len, 0);
	document_free(doc);

	rec = recording_new();
	process_make(rec, "unread", 11);
	slice_make(rec, false, &none, 1);
	slice_make(rec, false, &none, 1);
	doc = host_report(rec);
	assert_false(doc->memory_growth_observed);
	document_free(doc);
}

/* A file may hold rows that no window writes. */
static void rows_out_of_order_are_left_out(void **state)
{
	struct recording *rec = recording_new();
	uint32_t process = process_make(rec, "odd", 11);
	uint64_t bytes[] = {10 * MIB, 20 * MIB, 0};
	struct document *doc;

	(void)state;
	for (int i = 0; i < 3; i++)
		slice_make(rec, false, &bytes[i], 1);
	rec->counts.at[0].slice = 2;
	rec->processes.at[process].exited = true;
	doc = host_report(rec);
	assert_true(doc->memory_growth_observed);
	assert_int_equal(doc->memory_growth.len, 0);
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_grew_and_how_fast),
		cmocka_unit_test(the_warm_up_is_left_out),
		cmocka_unit_test(a_process_that_ended_is_followed_to_its_last_reading),
		cmocka_unit_test(five_rows_at_most_equals_in_their_order),
		cmocka_unit_test(not_observed_is_not_none),
		cmocka_unit_test(rows_out_of_order_are_left_out),
	};

	return cmocka_run_group_tests_name("analysis/memory_growth", tests, NULL, NULL);
}
