/* SPDX-License-Identifier: BSD-2-Clause */
/* Services that create threads: for each job, or once. */
#include "analysis/report.h"
#include "analysis/stacks.h"

#define THREADS_PER_SLICE 500

static void thread_start(struct recording *rec, uint32_t main_thread, uint32_t slice, uint64_t ns)
{
	uint32_t thread = host_thread(rec, main_thread);

	recording_ledger(rec, slice, thread, STATE_RUN_USER, ns / 2);
	recording_ledger(rec, slice, thread, STATE_RUN_KERNEL, ns - ns / 2);
}

/*
 * A service whose main thread runs 0.2 of the time, and 5,000 threads of 1 ms. 700 samples: as the
 * ledger's 7 s.
 */
static struct recording *host_of(uint32_t slices, uint64_t creating, uint64_t own)
{
	struct recording *rec = host_new(0.5);
	uint32_t thread = host_process(rec, "service");
	uint32_t stack;

	host_spend(rec, thread, STATE_RUN_KERNEL, 0.2);
	host_spend(rec, thread, STATE_WAIT_POLL, 0.8);
	for (uint32_t i = 0; i < SLICES * THREADS_PER_SLICE; i++)
		thread_start(rec, thread, i % slices, 1000000);
	stack = stack_make(rec, "wake_up_new_task kernel_clone", "/bin/service",
			   "clone accept_job main _start");
	recording_sample(rec, SAMPLE_CPU, thread, stack, creating, creating * 10000000);
	stack = stack_make(rec, "zap_page_range do_madvise", "/bin/service", "madvise thread_end");
	recording_sample(rec, SAMPLE_CPU, thread, stack, creating, creating * 10000000);
	stack = stack_make(rec, "", "/bin/service", "compute run_job");
	recording_sample(rec, SAMPLE_CPU, thread, stack, own, own * 10000000);
	/* Half a second of waiting for the address space. */
	stack = stack_make(rec, "schedule rwsem_down_read_slowpath do_exit", "/bin/service", "");
	recording_sample(rec, SAMPLE_OFFCPU, thread, stack, 100, SECOND / 2);
	return rec;
}

static void a_thread_for_each_job(void **state)
{
	struct recording *rec = host_of(SLICES, 175, 350);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "proc.thread-churn");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.process, "service");
	assert_non_null(found->where.function);
	/* Half of 7 s, and the waiting; of 10 s. */
	assert_near(found->impact.share, 0.4, 0.005);
	assert_near(evidence_of(found, "threads created"), THREADS_PER_SLICE, 0.01);
	assert_near(evidence_of(found, "CPU time of one"), 1000, 0.01);
	assert_near(evidence_of(found, "of the CPU time: creating threads"), 25, 0.01);
	assert_near(evidence_of(found, "of the CPU time: mapping and giving back stacks"), 25,
		    0.01);
	assert_near(evidence_of(found, "waiting for the lock of the address space meanwhile"), 0.5,
		    0.001);
	document_free(doc);
}

static void a_pool_that_starts_and_cheap_threads_are_none(void **state)
{
	(void)state;
	/* All of them in two slices: a start, not a habit. */
	assert_silent(host_of(2, 175, 350), "proc.thread-churn");
	/* Creating them is a twelfth of the work. */
	assert_silent(host_of(SLICES, 30, 640), "proc.thread-churn");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_for_each_job),
		cmocka_unit_test(a_pool_that_starts_and_cheap_threads_are_none),
	};

	return cmocka_run_group_tests_name("analysis/detectors/proc_thread_churn", tests, NULL,
					   NULL);
}
