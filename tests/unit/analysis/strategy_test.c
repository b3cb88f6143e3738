/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts that were made, with ledgers and schedules that agree: what the steps of phase four claim.
 */
#include "analysis/analysis.h"
#include "analysis/tape.h"

static const struct step *step_for(const struct document *doc, const char *id)
{
	vec_each(&doc->steps, step)
		vec_each(&doc->bottlenecks, finding)
			if (finding->rank == step->bottleneck && !strcmp(finding->id, id))
				return step;
	fail_msg("no step for %s", id);
	return NULL;
}

static void assert_ordered(const struct prediction *p)
{
	assert_true(0 <= p->low && p->low <= p->saved_share && p->saved_share <= p->high &&
		    p->high <= 1);
	assert_near(p->speedup, 1 / (1 - p->saved_share), 1e-6);
}

/* 1 ms of work, 2 ms of reading, 2 ms of writing: 40 % each, and 80 % together. */
static void steps_and_their_total(void **state)
{
	struct recording *rec = host_new(0.8);
	uint32_t a = host_process(rec, "a");
	struct tape tape = tape_begin(rec, 100);
	struct document *doc;

	(void)state;
	host_spend(rec, a, STATE_RUN_USER, 0.2);
	host_spend(rec, a, STATE_WAIT_DISK_READ, 0.4);
	host_spend(rec, a, STATE_WAIT_DISK_WRITE, 0.4);
	tape_disk(&tape, a);
	doc = analysis_run(rec);
	assert_int_equal(doc->steps.len, 2);
	vec_each(&doc->steps, step) {
		assert_near(step->predicted.saved_share, 0.4, 0.01);
		assert_ordered(&step->predicted);
	}
	assert_near(doc->total.saved_share, 0.8, 0.01);
	assert_ordered(&doc->total);
	document_free(doc);
	recording_free(rec);
}

/*
 * Two threads, 8 ms a round: under one mutex 3 ms until the disk has it and 1 ms of work, then 3 ms
 * of work without, then the other has the mutex for another millisecond.
 */
static void mutex_round(struct tape *tape, uint32_t a, uint32_t b)
{
	tape_switch(tape, 0, a, STATE_WAIT_DISK_WRITE, NONE);
	tape->at += 3 * MS;
	tape_add(tape, EVENT_SWITCH, 1, b, NONE, STATE_WAIT_LOCK_USER, true);
	tape_wake(tape, 0, a, STATE_WAIT_DISK_WRITE, NONE);
	tape_switch(tape, 0, NONE, 0, a);
	tape->at += MS;
	tape_add(tape, EVENT_WAKE, 0, b, a, STATE_WAIT_LOCK_USER, true);
	tape_switch(tape, 1, NONE, 0, b);
	tape_switch(tape, 1, b, STATE_WAIT_DISK_WRITE, NONE);
	tape->at += 3 * MS;
	tape_add(tape, EVENT_SWITCH, 0, a, NONE, STATE_WAIT_LOCK_USER, true);
	tape_wake(tape, 1, b, STATE_WAIT_DISK_WRITE, NONE);
	tape_switch(tape, 1, NONE, 0, b);
	tape->at += MS;
	tape_add(tape, EVENT_WAKE, 1, a, b, STATE_WAIT_LOCK_USER, true);
	tape_switch(tape, 0, NONE, 0, a);
}

/*
 * Without the disk a round is 1 ms with and 3 ms without the mutex, and nobody waits for it: half
 * of the time is saved. By the parts of the waits it would be less: 3/8 are waits for the disk, and
 * of the 1/8 that is waiting for the mutex the holder waited for the disk for three quarters:
 * 15/32. The queue goes with the holding.
 */
static void a_queue_for_a_mutex_goes_with_its_cause(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t a = host_process(rec, "a"), threads[2] = {a, host_thread(rec, a)};
	struct tape tape = tape_begin(rec, 200);
	const struct step *step;
	struct document *doc;

	(void)state;
	for (int i = 0; i < 2; i++) {
		host_spend(rec, threads[i], STATE_RUN_USER, 0.5);
		host_spend(rec, threads[i], STATE_WAIT_DISK_WRITE, 0.375);
		host_spend(rec, threads[i], STATE_WAIT_LOCK_USER, 0.125);
		recording_sample(rec, SAMPLE_LOCK, threads[i],
				 stack_intern(rec, NULL, 0, 0, STACK_COMPLETE), 1,
				 SLICES * SECOND / 8);
		recording_hold(rec, threads[i], rec->threads.at[a].process, STATE_WAIT_DISK_WRITE,
			       SLICES * SECOND * 3 / 32);
		recording_hold(rec, threads[i], rec->threads.at[a].process, STATE_RUN_USER,
			       SLICES * SECOND / 32);
	}
	tape_runs(&tape, 0, threads[0]);
	tape_runs(&tape, 1, threads[1]);
	for (int i = 0; i < 25; i++)
		mutex_round(&tape, threads[0], threads[1]);
	doc = analysis_run(rec);
	step = step_for(doc, "disk.sync-writes");
	assert_near(step->predicted.saved_share, 0.5, 0.015);
	assert_ordered(&step->predicted);
	assert_ordered(&doc->total);
	document_free(doc);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_and_their_total),
		cmocka_unit_test(a_queue_for_a_mutex_goes_with_its_cause),
	};

	return cmocka_run_group_tests_name("strategy", tests, NULL, NULL);
}
