/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts whose bottleneck is known because it was made: what the analysis says of them. */
#include "analysis/report.h"

static void an_idle_host_has_no_finding(void **state)
{
	struct recording *rec = host_new(0.98);
	struct document *doc;

	(void)state;
	for (int i = 0; i < 10; i++) {
		uint32_t thread = host_process(rec, "service");

		host_spend(rec, thread, STATE_WAIT_TIMER, 0.98);
		host_spend(rec, thread, STATE_RUN_USER, 0.02);
		host_sample(rec, thread, "tick", 2, false);
	}
	doc = host_report(rec);
	assert_int_equal(doc->bottlenecks.len, 0);
	assert_non_null(strstr(doc->verdict, "Nothing"));
	document_free(doc);
}

/* A wait that takes much in two slices of ten may be chance: it is neither sure nor nothing. */
static void what_may_matter_is_not_denied(void **state)
{
	struct recording *rec = host_new(0.98);
	uint32_t thread = host_process(rec, "service");
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_USER, 0.1);
	for (uint32_t slice = 0; slice < SLICES; slice++)
		recording_ledger(rec, slice, thread,
				 slice < 2 ? STATE_WAIT_DISK_READ : STATE_WAIT_TIMER,
				 (uint64_t)(0.9 * (double)SECOND));
	doc = host_report(rec);
	assert_int_equal(doc->bottlenecks.len, 1);
	assert_int_equal(doc->bottlenecks.at[0].severity, SEVERITY_LOW);
	assert_true(doc->bottlenecks.at[0].impact.share > 0.1);
	assert_non_null(strstr(doc->verdict, "it may be that service waits for reads"));
	assert_non_null(strstr(doc->verdict, "Watch longer"));
	document_free(doc);
}

static void no_verdict_on_the_host_where_threads_are_hidden(void **state)
{
	struct recording *rec = host_new(0.98);
	struct document *doc;

	(void)state;
	host_spend(rec, host_process(rec, "service"), STATE_WAIT_TIMER, 1);
	recording_family(rec, FAMILY_PID_NAMESPACE, FAMILY_PARTIAL, "hidden");
	doc = host_report(rec);
	assert_int_equal(strncmp(doc->verdict, "Of what could be seen", 21), 0);
	assert_non_null(strstr(doc->verdict, ": Nothing to speed up"));
	assert_string_equal(doc->coverage.skipped.at[0].family, "pid namespace");
	assert_string_equal(doc->coverage.skipped.at[0].why, "partial: hidden");
	document_free(doc);
}

static void unwind_tables_are_summed_up(void **state)
{
	struct recording *rec = host_new(0.98);
	const struct unwind_tables *tables;
	struct document *doc;

	(void)state;
	for (int slice = 0; slice < 2; slice++) {
		recording_begin_slice(rec, (SLICES + slice) * SECOND, false);
		recording_point(rec, "unwind.tables_loaded", "", 20 + slice);
		recording_point(rec, "unwind.tables_cached", "", 18);
		recording_point(rec, "unwind.files_refused", "", slice);
		recording_point(rec, "unwind.table_bytes", "", 4096 * (slice + 1));
		recording_point(rec, "unwind.load_longest_ms", "", 3.5 + slice);
		recording_end_slice(rec, (SLICES + slice + 1) * SECOND);
	}
	rec->length_ns = (SLICES + 2) * SECOND;
	doc = host_report(rec);
	tables = &doc->coverage.tables;
	assert_true(tables->observed);
	assert_int_equal(tables->loaded, 41);
	assert_int_equal(tables->cached, 36);
	assert_int_equal(tables->refused, 1);
	assert_int_equal(tables->failed, 0);
	/* The last reading: it is no count. */
	assert_int_equal(tables->bytes, 8192);
	assert_true(tables->longest_ms == 4.5);
	document_free(doc);
	rec = host_new(0.98);
	doc = host_report(rec);
	assert_false(doc->coverage.tables.observed);
	document_free(doc);
}

/* Two services share the CPUs with a job that never sleeps. */
static struct recording *host_with_hog(uint32_t *hog, uint32_t *victim)
{
	struct recording *rec = host_new(0);

	*hog = host_process(rec, "aaa");
	*victim = host_process(rec, "bbb");
	host_spend(rec, *hog, STATE_RUN_USER, 0.9);
	host_spend(rec, *hog, STATE_READY_PREEMPTED, 0.1);
	host_spend(rec, *victim, STATE_RUN_USER, 0.1);
	host_spend(rec, *victim, STATE_READY_WOKEN, 0.6);
	host_spend(rec, *victim, STATE_WAIT_POLL, 0.3);
	host_count(rec, *victim, "sched.wakeups", "", 20000);
	host_edge(rec, EDGE_CULPRIT, *victim, *hog, 6);
	host_sample(rec, *hog, "burn", 900, false);
	host_sample(rec, *victim, "serve", 100, false);
	return rec;
}

static void a_hog_is_the_antagonist_and_its_own_heat_is_not_told_again(void **state)
{
	uint32_t hog, victim;
	struct recording *rec = host_with_hog(&hog, &victim);
	struct document *doc = host_report(rec);
	const struct bottleneck *top = &doc->bottlenecks.at[0];

	(void)state;
	assert_true(doc->bottlenecks.len > 0);
	assert_string_equal(top->id, "cpu.antagonist");
	assert_string_equal(top->where.process, "aaa");
	assert_string_equal(top->where.function, "burn");
	assert_string_equal(top->chain.at[1].where.process, "bbb");
	/*
	 * The victim ran 1 s and waited 6 s: without the hog it runs 7 s, in 1/7 of the time for
	 * the same work. So 6/7 of its 7 s, of the 17 s that both had work.
	 */
	assert_near(top->impact.share, 6.0 / 17, 0.005);
	assert_int_equal(top->severity, SEVERITY_CRITICAL);
	vec_each(&doc->bottlenecks, finding)
		if (!strcmp(finding->id, "cpu.hot-function"))
			assert_string_not_equal(finding->where.process, "aaa");
	document_free(doc);
}

static void a_real_time_hog_is_told_as_such(void **state)
{
	uint32_t hog, victim;
	struct recording *rec = host_with_hog(&hog, &victim);
	struct document *doc;

	(void)state;
	rec->threads.at[hog].realtime_priority = 50;
	doc = host_report(rec);
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.realtime-hog");
	assert_string_equal(doc->bottlenecks.at[0].where.process, "aaa");
	document_free(doc);
}

static void a_low_priority_explains_the_waiting(void **state)
{
	uint32_t hog, victim;
	struct recording *rec = host_with_hog(&hog, &victim);
	struct document *doc;

	(void)state;
	rec->threads.at[victim].nice = 19;
	doc = host_report(rec);
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.priority");
	assert_string_equal(doc->bottlenecks.at[0].where.process, "bbb");
	document_free(doc);
}

static void pinned_threads_wait_beside_idle_cpus(void **state)
{
	struct recording *rec = host_new(0);
	struct document *doc;

	(void)state;
	vec_each(&rec->points, point)
		if (!strcmp(string_get(rec, point->label), "cpu1"))
			point->value = 0.95 * (double)SECOND;
	for (int i = 0; i < 2; i++) {
		uint32_t thread = host_process(rec, "ccc");

		rec->threads.at[thread].cpus_allowed = 1;
		rec->threads.at[thread].cpu_mask[0] = 1;
		rec->processes.at[rec->threads.at[thread].process].exe_id = 77;
		host_spend(rec, thread, STATE_RUN_USER, 0.5);
		host_spend(rec, thread, STATE_READY_PREEMPTED, 0.5);
		host_edge(rec, EDGE_CULPRIT, thread, thread, 5);
	}
	doc = host_report(rec);
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.affinity");
	/* One thread waits at any time, and one CPU idles: all of the waiting can go. */
	assert_near(doc->bottlenecks.at[0].impact.share, 0.5, 0.01);
	assert_near(doc->bottlenecks.at[0].removable, 0.95, 0.01);
	document_free(doc);
}

static void throttled_time_is_the_quota(void **state)
{
	struct recording *rec = host_new(0.6);
	uint32_t thread = host_process(rec, "ddd");
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_USER, 0.3);
	host_spend(rec, thread, STATE_READY_THROTTLED, 0.7);
	doc = host_report(rec);
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.quota");
	assert_near(doc->bottlenecks.at[0].impact.share, 0.7, 0.001);
	/* Without the quota it runs all the time: the same work in 0.3 of it. */
	assert_near(doc->steps.at[0].predicted.saved_share, 0.7, 0.01);
	assert_near(doc->steps.at[0].predicted.speedup, 1 / 0.3, 0.1);
	document_free(doc);
}

static void letting_interrupts_in_is_no_work(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "eee");
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_KERNEL, 1);
	host_sample_kernel(rec, thread, "_raw_spin_unlock_irqrestore", "wake_many", 600);
	host_sample_kernel(rec, thread, "finish_task_switch.isra.0", "__schedule", 200);
	host_sample_kernel(rec, thread, "_raw_spin_lock", "add_one", 200);
	doc = host_report(rec);
	assert_true(doc->bottlenecks.len > 0);
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.hot-function");
	assert_string_equal(doc->bottlenecks.at[0].where.function, "wake_many");
	vec_each(&doc->bottlenecks, other)
		if (other->where.function) {
			assert_string_not_equal(other->where.function,
						"_raw_spin_unlock_irqrestore");
			assert_string_not_equal(other->where.function, "finish_task_switch.isra.0");
		}
	document_free(doc);
}

static void the_hot_function_is_named_with_its_interval(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "eee");
	const struct bottleneck *finding;
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_USER, 1);
	host_sample(rec, thread, "hot", 600, false);
	for (int i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		host_sample(rec, thread, name, 10, false);
	}
	doc = host_report(rec);
	finding = finding_of(doc, "cpu.hot-function");
	assert_non_null(finding);
	assert_int_equal(finding->rank, 1);
	assert_string_equal(finding->where.function, "hot");
	assert_near(finding->impact.share, 0.6, 0.001);
	/* Wilson, 600 of 1,000. */
	assert_near(finding->impact.low, 0.5693, 0.001);
	assert_near(finding->impact.high, 0.6299, 0.001);
	/* No other function is above 5 %: one finding of this kind. */
	vec_each(&doc->bottlenecks, other)
		if (other != finding)
			assert_string_not_equal(other->id, "cpu.hot-function");
	document_free(doc);
}

/* Places all over a function are one hotspot; another one without a name is not part of it. */
static void a_function_without_a_name_is_gathered_by_its_begin(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "eee");
	const struct bottleneck *finding;
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_USER, 1);
	for (uint64_t i = 0; i < 60; i++)
		host_sample_nameless(rec, thread, 0x2000 + 4 * i, 0x2000, 10);
	for (uint64_t i = 0; i < 40; i++)
		host_sample_nameless(rec, thread, 0x9000 + 64 * i, 0x9000 + 64 * i, 10);
	doc = host_report(rec);
	finding = finding_of(doc, "cpu.hot-function");
	assert_non_null(finding);
	assert_null(finding->where.function);
	assert_int_equal(finding->where.begin, 0x2000);
	assert_string_equal(finding->title, "eee spends 60 % of its CPU time in x+0x2000");
	assert_int_equal(finding->confidence, CONFIDENCE_MEDIUM);
	assert_near(finding->impact.share, 0.6, 0.001);
	vec_each(&doc->bottlenecks, other)
		if (other != finding)
			assert_string_not_equal(other->id, "cpu.hot-function");
	assert_int_equal(doc->hotspots.at[0].begin, 0x2000);
	assert_near(doc->hotspots.at[0].self_share, 0.6, 0.001);
	document_free(doc);
}

static void pausing_code_spins(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "fff");
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_USER, 1);
	host_sample(rec, thread, "wait_flag", 900, true);
	host_sample(rec, thread, "work", 100, false);
	doc = host_report(rec);
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.spin");
	assert_string_equal(doc->bottlenecks.at[0].where.function, "wait_flag");
	document_free(doc);
}

static void a_client_waits_for_what_its_server_waits_for(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t client = host_process(rec, "client"), server = host_process(rec, "server");
	const struct bottleneck *finding;
	struct document *doc;

	(void)state;
	host_listen(rec, server);
	host_spend(rec, client, STATE_RUN_USER, 0.1);
	host_spend(rec, client, STATE_WAIT_POLL, 0.9);
	host_edge(rec, EDGE_WAKER, client, server, 9);
	host_spend(rec, server, STATE_WAIT_DISK_WRITE, 0.8);
	host_spend(rec, server, STATE_RUN_USER, 0.1);
	/* The server waits for its client: idleness, whoever ends it. */
	host_spend(rec, server, STATE_WAIT_POLL, 0.1);
	host_edge(rec, EDGE_WAKER, server, client, 1);
	doc = host_report(rec);
	finding = &doc->bottlenecks.at[0];
	assert_string_equal(finding->id, "disk.sync-writes");
	assert_string_equal(finding->where.process, "server");
	/* 8 s of the server's 9, and 8 of the 9 s that the client waited for it, of its 10. */
	assert_near(finding->impact.share, 16.0 / 19, 0.01);
	document_free(doc);
}

static void the_busy_thread_among_idle_cpus_is_named(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t busy = host_process(rec, "hhh"), idle = host_thread(rec, busy);
	const struct bottleneck *finding;
	struct document *doc;

	(void)state;
	host_spend(rec, busy, STATE_RUN_USER, 1);
	host_spend(rec, idle, STATE_WAIT_LOCAL, 1);
	for (int i = 0; i < 50; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		host_sample(rec, busy, name, 20, false);
	}
	doc = host_report(rec);
	finding = &doc->bottlenecks.at[0];
	assert_string_equal(finding->id, "cpu.single-thread");
	/* One idle CPU beside it: half of its time could be saved, at best. */
	assert_near(finding->impact.share, 0.5, 0.01);
	document_free(doc);
}

static void steps_come_with_the_least_effort_first(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "iii");
	struct document *doc;

	(void)state;
	host_spend(rec, thread, STATE_RUN_USER, 0.6);
	host_spend(rec, thread, STATE_READY_THROTTLED, 0.4);
	host_sample(rec, thread, "hot", 1000, false);
	doc = host_report(rec);
	assert_int_equal(doc->steps.len, 2);
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.hot-function");
	assert_int_equal(doc->steps.at[0].category, EFFORT_QUICK);
	assert_int_equal(doc->steps.at[0].bottleneck, 2);
	assert_true(doc->total.saved_share > doc->steps.at[0].predicted.saved_share);
	assert_true(doc->total.saved_share <= 1);
	document_free(doc);
}

static void an_empty_recording_is_no_crash(void **state)
{
	struct recording *rec = recording_new();
	struct document *doc = host_report(rec);

	(void)state;
	assert_int_equal(doc->bottlenecks.len, 0);
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_host_has_no_finding),
		cmocka_unit_test(what_may_matter_is_not_denied),
		cmocka_unit_test(no_verdict_on_the_host_where_threads_are_hidden),
		cmocka_unit_test(unwind_tables_are_summed_up),
		cmocka_unit_test(a_hog_is_the_antagonist_and_its_own_heat_is_not_told_again),
		cmocka_unit_test(a_real_time_hog_is_told_as_such),
		cmocka_unit_test(a_low_priority_explains_the_waiting),
		cmocka_unit_test(pinned_threads_wait_beside_idle_cpus),
		cmocka_unit_test(throttled_time_is_the_quota),
		cmocka_unit_test(the_hot_function_is_named_with_its_interval),
		cmocka_unit_test(letting_interrupts_in_is_no_work),
		cmocka_unit_test(a_function_without_a_name_is_gathered_by_its_begin),
		cmocka_unit_test(pausing_code_spins),
		cmocka_unit_test(a_client_waits_for_what_its_server_waits_for),
		cmocka_unit_test(the_busy_thread_among_idle_cpus_is_named),
		cmocka_unit_test(steps_come_with_the_least_effort_first),
		cmocka_unit_test(an_empty_recording_is_no_crash),
	};

	return cmocka_run_group_tests_name("analysis/analysis", tests, NULL, NULL);
}
