/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on which threads sleep for futexes: for a mutex that somebody holds, or for work. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "analysis/analysis.h"
#include "analysis/host.h"

#define WORKERS 4

/* A sample of one user function. */
static void host_place(struct recording *rec, enum sample_kind kind, uint32_t thread,
		       const char *function, uint64_t count, uint64_t ns)
{
	uint32_t module = module_intern(rec, "/bin/x", "aa");
	uint32_t frame =
		frame_intern(rec, FRAME_USER, module, hash_bytes(function, strlen(function)),
			     string_intern(rec, function));

	recording_sample(rec, kind, thread, stack_intern(rec, &frame, 1, 0, STACK_COMPLETE), count,
			 ns);
}

/* One of four threads works at a time, the others sleep for a futex; `held`: for a mutex. */
static struct recording *host_of_workers(bool held)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "service");

	for (int i = 0; i < WORKERS; i++) {
		if (i)
			thread = host_thread(rec, thread);
		host_spend(rec, thread, STATE_RUN_USER, 0.25);
		host_spend(rec, thread, STATE_WAIT_LOCK_USER, 0.75);
		host_place(rec, SAMPLE_OFFCPU, thread, "take_job", 1000,
			   (uint64_t)(0.75 * SLICES * SECOND));
		if (!held)
			continue;
		host_place(rec, SAMPLE_LOCK, thread, "take_job", 1000,
			   (uint64_t)(0.75 * SLICES * SECOND));
		host_place(rec, SAMPLE_WAKEUP, thread, "put_result", 1000,
			   (uint64_t)(0.75 * SLICES * SECOND));
	}
	return rec;
}

static const struct bottleneck *finding(const struct document *doc, const char *id)
{
	vec_each(&doc->bottlenecks, bottleneck)
		if (!strcmp(bottleneck->id, id))
			return bottleneck;
	return NULL;
}

static void a_convoy_names_the_code_that_holds(void **state)
{
	struct recording *rec = host_of_workers(true);
	struct document *doc = analysis_run(rec);
	const struct bottleneck *found = finding(doc, "lock.user");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.process, "service");
	assert_string_equal(found->where.function, "put_result");
	assert_non_null(strstr(found->title, "put_result"));
	/* Three of four threads wait at any time. */
	assert_true(fabs(found->impact.share - 0.75) < 0.01);
	assert_int_equal(found->chain.len, 2);
	assert_string_equal(found->chain.at[1].where.function, "take_job");
	assert_int_equal(found->confidence, CONFIDENCE_HIGH);
	document_free(doc);
	recording_free(rec);
}

static void workers_without_work_are_idle(void **state)
{
	struct recording *rec = host_of_workers(false);
	struct document *doc = analysis_run(rec);

	(void)state;
	assert_null(finding(doc, "lock.user"));
	document_free(doc);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_convoy_names_the_code_that_holds),
		cmocka_unit_test(workers_without_work_are_idle),
	};

	return cmocka_run_group_tests_name("analysis/detectors/lock", tests, NULL, NULL);
}
