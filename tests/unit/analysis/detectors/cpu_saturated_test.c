/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on which more threads want to run than there are CPUs. */
#include "analysis/report.h"

/* A host of programs that want a CPU each and get their share of two; the first of them spin. */
static struct recording *host_of(int programs, int spinning)
{
	struct recording *rec = host_new(0);
	double got = 2.0 / programs;

	for (int i = 0; i < programs; i++) {
		uint32_t thread = host_process(rec, "service");

		host_spend(rec, thread, STATE_RUN_USER, got);
		host_spend(rec, thread, STATE_READY_PREEMPTED, 1 - got);
		if (i < spinning)
			host_sample(rec, thread, "ask", 330, true);
	}
	return rec;
}

static void threads_beyond_the_cpus_of_a_batch_job_do_not_count(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t first = host_process(rec, "ggg");

	(void)state;
	for (int i = 0; i < 16; i++) {
		uint32_t thread = i ? host_thread(rec, first) : first;

		host_spend(rec, thread, STATE_RUN_USER, 0.125);
		host_spend(rec, thread, STATE_READY_PREEMPTED, 0.875);
	}
	/* Sixteen threads, two CPUs, all the CPUs' time used: nothing is held back. */
	assert_silent(rec, "cpu.saturated");
}

/* Who wants most is the subject, and what is told of the rest is no part of it. */
static void one_that_waits_most_has_a_finding_of_its_own(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t first = host_process(rec, "large"), small = host_process(rec, "small");
	const struct bottleneck *finding;
	struct document *doc;

	(void)state;
	host_listen(rec, first);
	for (int i = 0; i < 4; i++) {
		uint32_t thread = i ? host_thread(rec, first) : first;

		host_spend(rec, thread, STATE_RUN_USER, 0.45);
		host_spend(rec, thread, STATE_READY_PREEMPTED, 0.55);
	}
	host_spend(rec, small, STATE_RUN_USER, 0.2);
	host_spend(rec, small, STATE_WAIT_TIMER, 0.8);
	doc = host_report(rec);
	finding = finding_of(doc, "cpu.saturated");
	assert_non_null(finding);
	assert_string_equal(finding->where.process, "large");
	assert_int_not_equal(finding->subject, NONE);
	assert_int_equal(finding->parts.len, 0);
	document_free(doc);
}

/* None of them waits for much of all work; together they do for nearly all of it. */
static void many_programs_that_want_a_cpu_are_one_finding(void **state)
{
	struct document *doc = host_report(host_of(20, 0));
	const struct bottleneck *finding = &doc->bottlenecks.at[0];

	(void)state;
	assert_string_equal(finding->id, "cpu.saturated");
	assert_string_equal(finding->title, "service and 19 other programs want 20.0 CPUs and get "
					    "2.0: the host has 2");
	assert_near(finding->impact.share, 0.9, 0.01);
	assert_int_equal(finding->severity, SEVERITY_CRITICAL);
	assert_int_equal(doc->bottlenecks.len, 1);
	document_free(doc);
}

/* It is about none of them, but made of all: their shares sum to its own. */
static void the_finding_has_its_parts(void **state)
{
	struct document *doc = host_report(host_of(20, 0));
	const struct bottleneck *finding = &doc->bottlenecks.at[0];
	double sum = 0;

	(void)state;
	assert_int_equal(finding->subject, NONE);
	assert_int_equal(finding->parts.len, 20);
	vec_each(&finding->parts, part)
		sum += part->share;
	assert_near(sum, finding->impact.share, 0.0001);
	document_free(doc);
}

/* Each of them is explained by its spinning. */
static void many_programs_that_spin_want_no_more_cpus(void **state)
{
	struct document *doc = host_report(host_of(6, 6));

	(void)state;
	assert_string_equal(doc->bottlenecks.at[0].id, "cpu.spin");
	assert_null(finding_of(doc, "cpu.saturated"));
	document_free(doc);
}

/* The finding stays until most of what it takes is explained. */
static void a_few_that_spin_do_not_explain_the_rest(void **state)
{
	struct document *doc = host_report(host_of(6, 2));

	(void)state;
	assert_non_null(finding_of(doc, "cpu.saturated"));
	document_free(doc);
	assert_silent(host_of(6, 4), "cpu.saturated");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_beyond_the_cpus_of_a_batch_job_do_not_count),
		cmocka_unit_test(one_that_waits_most_has_a_finding_of_its_own),
		cmocka_unit_test(many_programs_that_want_a_cpu_are_one_finding),
		cmocka_unit_test(the_finding_has_its_parts),
		cmocka_unit_test(many_programs_that_spin_want_no_more_cpus),
		cmocka_unit_test(a_few_that_spin_do_not_explain_the_rest),
	};

	return cmocka_run_group_tests_name("analysis/detectors/cpu_saturated", tests, NULL, NULL);
}
