/* SPDX-License-Identifier: BSD-2-Clause */
/* Who had the CPU in long waits for one, and why: the parts sum to the wait. */
#include <sched.h>

#include "analysis/report.h"

#define MS 1000000ULL

static uint32_t host_worker(struct recording *rec, const char *comm)
{
	uint32_t thread = host_process(rec, comm);

	host_spend(rec, thread, STATE_RUN_USER, 0.1);
	return thread;
}

/* Waits 10 ms and stands for twice that; who had the CPU for 6 and for 4 ms, NONE = nobody. */
static void host_delay(struct recording *rec, uint32_t thread, enum thread_state state,
		       uint32_t first, uint32_t second)
{
	struct occupant occupants[2];
	size_t count = 0;

	if (first != NONE)
		occupants[count++] = (struct occupant){.thread = first, .ns = 6 * MS};
	if (second != NONE)
		occupants[count++] = (struct occupant){.thread = second, .ns = 4 * MS};
	recording_delay(rec,
			&(struct delay){.thread = thread,
					.state = state,
					.begin_ns = 100 * MS,
					.end_ns = 110 * MS,
					.weight_ns = 20 * MS,
					.seen_ns = 10 * MS},
			occupants, count);
}

/* The row of these two; the occupant "" = nobody. */
static const struct delayed *delayed_of(const struct document *doc, const char *victim,
					const char *occupant)
{
	vec_each(&doc->delays, row)
		if (!strcmp(row->waits.process, victim) &&
		    !strcmp(row->occupant.process ? row->occupant.process : "", occupant))
			return row;
	fail_msg("%s did not wait for %s", victim, occupant);
	return NULL;
}

static void assert_row(const struct document *doc, const char *victim, const char *occupant,
		       double ms, const char *why)
{
	const struct delayed *row = delayed_of(doc, victim, occupant);

	assert_near(row->seconds * 1e3, ms, 1e-6);
	assert_string_equal(row->why, why);
}

static void shared_out(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t victim = host_worker(rec, "victim"), a = host_worker(rec, "a");
	uint32_t b = host_worker(rec, "b");
	struct document *doc;

	(void)state;
	recording_point(rec, "delays.count", "", 5);
	recording_point(rec, "delays.ns", "", 44.0 * MS);
	host_delay(rec, victim, STATE_READY_WOKEN, a, b);
	host_delay(rec, victim, STATE_READY_PREEMPTED, a, NONE);
	doc = host_report(rec);
	assert_int_equal(doc->delays.len, 3);
	/* Largest first; a took part in both, each of which stands for two. */
	assert_string_equal(doc->delays.at[0].occupant.process, "a");
	assert_int_equal(doc->delays.at[0].rank, 1);
	assert_int_equal(doc->delays.at[0].count, 4);
	assert_near(doc->delays.at[0].longest_ms, 10, 1e-6);
	assert_row(doc, "victim", "a", 24, "no CPU free");
	assert_row(doc, "victim", "b", 8, "no CPU free");
	assert_row(doc, "victim", "", 8, "nobody seen there");
	assert_int_equal(doc->coverage.delays, 5);
	assert_int_equal(doc->coverage.delays_single, 2);
	assert_near(doc->coverage.delays_seconds, 0.044, 1e-9);
	document_free(doc);
}

static void reasons(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t victim = host_worker(rec, "victim"), hog = host_worker(rec, "hog");
	uint32_t low = host_worker(rec, "low"), equal = host_worker(rec, "equal");
	uint32_t idle = host_worker(rec, "idle"), quick = host_worker(rec, "quick");
	struct document *doc;

	(void)state;
	rec->threads.at[hog].policy = SCHED_FIFO;
	rec->threads.at[hog].realtime_priority = 10;
	rec->threads.at[quick].policy = SCHED_FIFO;
	rec->threads.at[quick].realtime_priority = 10;
	rec->threads.at[low].nice = 5;
	rec->threads.at[equal].nice = 4;
	rec->threads.at[idle].policy = SCHED_IDLE;
	host_delay(rec, victim, STATE_READY_WOKEN, hog, NONE);
	host_delay(rec, quick, STATE_READY_WOKEN, hog, NONE);
	host_delay(rec, low, STATE_READY_WOKEN, victim, NONE);
	host_delay(rec, equal, STATE_READY_WOKEN, victim, NONE);
	host_delay(rec, idle, STATE_READY_WOKEN, victim, NONE);
	host_delay(rec, equal, STATE_READY_THROTTLED, hog, low);
	doc = host_report(rec);
	assert_row(doc, "victim", "hog", 12, "real time");
	assert_row(doc, "quick", "hog", 12, "no CPU free");
	assert_row(doc, "low", "victim", 12, "priority");
	assert_row(doc, "equal", "victim", 12, "no CPU free");
	assert_row(doc, "idle", "victim", 12, "priority");
	/* 8 ms of its other wait were nobody's. */
	assert_int_equal(doc->delays.len, 11);
	assert_string_equal(doc->delays.at[0].why, "quota");
	assert_near(doc->delays.at[0].seconds, 0.02, 1e-9);
	assert_null(doc->delays.at[0].occupant.process);
	document_free(doc);
}

/* Who may not use the CPUs that idle waits for that reason, whoever has its own. */
static void pinned(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t victim = host_worker(rec, "victim"), hog = host_worker(rec, "hog");
	struct document *doc;

	(void)state;
	rec->threads.at[victim].cpus_allowed = 1;
	rec->threads.at[victim].cpu_mask[0] = 1;
	host_delay(rec, victim, STATE_READY_WOKEN, hog, NONE);
	host_delay(rec, hog, STATE_READY_WOKEN, victim, NONE);
	doc = host_report(rec);
	assert_row(doc, "victim", "hog", 12, "affinity");
	assert_row(doc, "hog", "victim", 12, "no CPU free");
	document_free(doc);
}

/* Switching takes its time too: a part that nobody has is told from a tenth on. */
static void small_gaps(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t victim = host_worker(rec, "victim"), hog = host_worker(rec, "hog");
	struct document *doc;

	(void)state;
	recording_delay(rec,
			&(struct delay){.thread = victim,
					.state = STATE_READY_WOKEN,
					.begin_ns = 100 * MS,
					.end_ns = 120 * MS,
					.weight_ns = 20 * MS,
					.seen_ns = 10 * MS},
			&(struct occupant){.thread = hog, .ns = 95 * MS / 10}, 1);
	/* Of this one nothing is known, nor how long it took. */
	recording_delay(rec,
			&(struct delay){.thread = hog, .state = STATE_READY_WOKEN, .weight_ns = MS},
			NULL, 0);
	doc = host_report(rec);
	assert_int_equal(doc->delays.len, 2);
	assert_row(doc, "victim", "hog", 20, "no CPU free");
	assert_row(doc, "hog", "", 1, "nobody seen there");
	document_free(doc);
}

/* As a file may hold them: those of the second wait first. */
static void odd_order(void **state)
{
	struct recording *rec = host_new(0);
	uint32_t victim = host_worker(rec, "victim"), hog = host_worker(rec, "hog");
	struct document *doc;

	(void)state;
	host_delay(rec, victim, STATE_READY_WOKEN, hog, NONE);
	host_delay(rec, victim, STATE_READY_WOKEN, hog, NONE);
	rec->occupants.at[0].delay = 1;
	rec->occupants.at[1].delay = 0;
	doc = host_report(rec);
	assert_true(delayed_of(doc, "victim", "hog")->seconds <= 0.04);
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_out), cmocka_unit_test(reasons),   cmocka_unit_test(pinned),
		cmocka_unit_test(small_gaps), cmocka_unit_test(odd_order),
	};

	return cmocka_run_group_tests_name("delays", tests, NULL, NULL);
}
