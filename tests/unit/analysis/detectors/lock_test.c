/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts on which threads sleep for futexes: for a mutex that somebody holds, or for work. */
#include "analysis/report.h"

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

static void a_convoy_names_the_code_that_holds(void **state)
{
	struct recording *rec = host_of_workers(true);
	struct document *doc = host_report(rec);
	const struct bottleneck *found = finding_of(doc, "lock.user");

	(void)state;
	assert_non_null(found);
	assert_string_equal(found->where.process, "service");
	assert_string_equal(found->where.function, "put_result");
	assert_non_null(strstr(found->title, "put_result"));
	/* Three of four threads wait at any time. */
	assert_near(found->impact.share, 0.75, 0.01);
	assert_int_equal(found->chain.len, 2);
	assert_string_equal(found->chain.at[1].where.function, "take_job");
	assert_int_equal(found->confidence, CONFIDENCE_HIGH);
	document_free(doc);
}

static void workers_without_work_are_idle(void **state)
{
	struct recording *rec = host_of_workers(false);
	struct document *doc = host_report(rec);

	(void)state;
	assert_null(finding_of(doc, "lock.user"));
	document_free(doc);
}

/* The four threads of that host did this while they held the mutex; shares of the waits. */
static void host_hold(struct recording *rec, uint32_t thread, uint32_t holder,
		      enum thread_state state, double share)
{
	recording_hold(rec, thread, rec->threads.at[holder].process, state,
		       (uint64_t)(share * 0.75 * SLICES * SECOND));
}

static struct document *report_of_holders(enum thread_state state, double share)
{
	struct recording *rec = host_of_workers(true);

	for (uint32_t thread = 0; thread < WORKERS; thread++) {
		/* They did it for a tenth of their time, one after the other. */
		host_spend(rec, thread, state, 0.1);
		host_hold(rec, thread, 0, state, 0.2 * share);
		host_hold(rec, thread, 0, STATE_RUN_USER, 0.2 * (1 - share));
		host_hold(rec, thread, 0, STATE_WAIT_LOCK_USER, 0.6);
	}
	return host_report(rec);
}

static const struct link *link_of(const struct bottleneck *finding, const char *id)
{
	vec_each(&finding->chain, link)
		if (!strcmp(link->id, id))
			return link;
	return NULL;
}

/* Waits of 3 threads, work and the disk of 0.25 + 0.1 each: 4 × 1.1 threads in all. */
#define ALL (4 * (0.75 + 0.25 + 0.1))

static void a_holder_that_syncs_is_the_disks_finding(void **state)
{
	struct document *doc = report_of_holders(STATE_WAIT_DISK_WRITE, 0.8);
	const struct bottleneck *disk = finding_of(doc, "disk.sync-writes");
	const struct bottleneck *lock = finding_of(doc, "lock.user");

	(void)state;
	assert_non_null(disk);
	assert_non_null(lock);
	assert_int_equal(disk->rank, 1);
	assert_near(disk->impact.share, (0.8 * 3 + 0.4) / ALL, 0.005);
	assert_near(lock->impact.share, 0.2 * 3 / ALL, 0.005);
	assert_int_equal(disk->chain.len, 3);
	assert_string_equal(disk->chain.at[0].id, "disk.sync-writes");
	assert_string_equal(disk->chain.at[1].id, "lock.user");
	assert_string_equal(disk->chain.at[1].where.function, "put_result");
	assert_string_equal(disk->chain.at[2].where.function, "take_job");
	document_free(doc);
}

static void a_holder_without_quota_is_the_quotas_finding(void **state)
{
	struct document *doc = report_of_holders(STATE_READY_THROTTLED, 1);
	const struct bottleneck *quota = finding_of(doc, "cpu.quota");

	(void)state;
	assert_non_null(quota);
	assert_near(quota->impact.share, (3 + 0.4) / ALL, 0.005);
	assert_null(finding_of(doc, "lock.user"));
	assert_int_equal(quota->chain.len, 3);
	assert_string_equal(quota->chain.at[1].id, "lock.user");
	assert_string_equal(quota->chain.at[2].id, "wait for the mutex");
	document_free(doc);
}

/* A holder at nice 10 in a process of its own, beside work that fills the CPUs. */
static void a_holder_of_low_priority_is_the_cause(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t victim = host_process(rec, "service"), holder = host_process(rec, "cleaner");
	uint32_t hog = host_process(rec, "batch");
	const struct bottleneck *found;
	struct document *doc;

	(void)state;
	rec->threads.at[holder].nice = 10;
	host_spend(rec, hog, STATE_RUN_USER, 1);
	host_spend(rec, holder, STATE_RUN_USER, 0.1);
	host_spend(rec, holder, STATE_READY_WOKEN, 0.8);
	host_edge(rec, EDGE_CULPRIT, holder, hog, 8);
	host_spend(rec, victim, STATE_WAIT_LOCK_USER, 0.9);
	host_place(rec, SAMPLE_LOCK, victim, "get", 10, 9 * SECOND);
	host_place(rec, SAMPLE_WAKEUP, holder, "clean", 10, 9 * SECOND);
	recording_hold(rec, victim, rec->threads.at[holder].process, STATE_READY_PREEMPTED,
		       8 * SECOND);
	recording_hold(rec, victim, rec->threads.at[holder].process, STATE_RUN_USER, SECOND);
	doc = host_report(rec);
	found = finding_of(doc, "cpu.priority");
	assert_non_null(found);
	assert_string_equal(found->where.process, "cleaner");
	assert_non_null(link_of(found, "lock.user"));
	assert_string_equal(link_of(found, "lock.user")->where.function, "clean");
	assert_string_equal(found->chain.at[found->chain.len - 1].where.process, "service");
	/* What is left is the holder's own work, not the victim's. */
	found = finding_of(doc, "lock.user");
	assert_non_null(found);
	assert_string_equal(found->where.process, "cleaner");
	assert_string_equal(found->where.function, "clean");
	assert_string_equal(found->chain.at[1].where.process, "service");
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_convoy_names_the_code_that_holds),
		cmocka_unit_test(workers_without_work_are_idle),
		cmocka_unit_test(a_holder_that_syncs_is_the_disks_finding),
		cmocka_unit_test(a_holder_without_quota_is_the_quotas_finding),
		cmocka_unit_test(a_holder_of_low_priority_is_the_cause),
	};

	return cmocka_run_group_tests_name("analysis/detectors/lock", tests, NULL, NULL);
}
