/* SPDX-License-Identifier: BSD-2-Clause */
/* Waits for mutexes are what the holders did: the parts of each group's waits sum to 1. */
#include "analysis/blame.h"
#include "analysis/holders.h"
#include "analysis/host.h"

static void host_waits(struct recording *rec, uint32_t thread, double seconds)
{
	host_spend(rec, thread, STATE_WAIT_LOCK_USER, seconds / SLICES);
	recording_sample(rec, SAMPLE_LOCK, thread, NONE, 1, (uint64_t)(seconds * (double)SECOND));
}

static void host_hold(struct recording *rec, uint32_t thread, uint32_t holder,
		      enum thread_state state, double seconds)
{
	recording_hold(rec, thread, rec->threads.at[holder].process, state,
		       (uint64_t)(seconds * (double)SECOND));
}

static double share_of(const struct holders *holders, uint32_t group, uint32_t holder,
		       enum thread_state state)
{
	for (size_t i = holders->first[group]; i < holders->first[group + 1]; i++)
		if (holders->parts.at[i].holder == holder && holders->parts.at[i].state == state)
			return holders->parts.at[i].share;
	return 0;
}

/* Threads 0, 1, 2 are groups 0, 1, 2: processes of their own. */
static struct recording *host_of_three(void)
{
	struct recording *rec = host_new(0.5);

	for (int i = 0; i < 3; i++)
		host_spend(rec, host_process(rec, "x"), STATE_RUN_USER, 0.2);
	return rec;
}

static struct holders *made(const struct recording *rec, struct facts **facts)
{
	struct holders *holders;

	*facts = facts_new(rec);
	holders = holders_new(*facts);
	for (uint32_t group = 0; group < (*facts)->groups.len; group++) {
		double sum = 0;

		for (size_t i = holders->first[group]; i < holders->first[group + 1]; i++)
			sum += holders->parts.at[i].share;
		assert_near(sum, 1, 0.001);
	}
	return holders;
}

static void states_are_folded(void **state)
{
	struct recording *rec = host_of_three();
	struct holders *holders;
	struct facts *facts;

	(void)state;
	host_waits(rec, 0, 10);
	host_hold(rec, 0, 1, STATE_RUN_KERNEL, 1);
	host_hold(rec, 0, 1, STATE_WAIT_TIMER, 1);
	host_hold(rec, 0, 1, STATE_READY_WOKEN, 1);
	host_hold(rec, 0, 1, STATE_READY_PREEMPTED, 2);
	host_hold(rec, 0, 2, STATE_WAIT_DISK_READ, 5);
	holders = made(rec, &facts);
	assert_near(share_of(holders, 0, 1, STATE_RUN_USER), 0.2, 0.001);
	assert_near(share_of(holders, 0, 1, STATE_READY_WOKEN), 0.3, 0.001);
	assert_near(share_of(holders, 0, 2, STATE_WAIT_DISK_READ), 0.5, 0.001);
	assert_near(holders->known[0], 1, 0.001);
	holders_free(holders);
	facts_free(facts);
	recording_free(rec);
}

/* 0 waits for 1, which waits for 2 for half of that time. */
static void holders_are_followed(void **state)
{
	struct recording *rec = host_of_three();
	struct holders *holders;
	struct facts *facts;

	(void)state;
	host_waits(rec, 0, 8);
	host_waits(rec, 1, 4);
	host_hold(rec, 0, 1, STATE_RUN_USER, 4);
	host_hold(rec, 0, 1, STATE_WAIT_LOCK_USER, 4);
	host_hold(rec, 1, 2, STATE_WAIT_DISK_WRITE, 3);
	host_hold(rec, 1, 2, STATE_RUN_USER, 1);
	holders = made(rec, &facts);
	assert_near(share_of(holders, 0, 1, STATE_RUN_USER), 0.5, 0.001);
	assert_near(share_of(holders, 0, 2, STATE_WAIT_DISK_WRITE), 0.375, 0.001);
	assert_near(share_of(holders, 0, 2, STATE_RUN_USER), 0.125, 0.001);
	assert_near(share_of(holders, 1, 2, STATE_WAIT_DISK_WRITE), 0.75, 0.001);
	holders_free(holders);
	facts_free(facts);
	recording_free(rec);
}

/* 0 and 1 wait for each other and for themselves: nine tenths is absorbed, the rest stands. */
static void circles_are_absorbed(void **state)
{
	struct recording *rec = host_of_three();
	struct holders *holders;
	struct facts *facts;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		host_waits(rec, i, 10);
		host_hold(rec, i, i, STATE_WAIT_LOCK_USER, 5);
		host_hold(rec, i, 1 - i, STATE_WAIT_LOCK_USER, 4);
		host_hold(rec, i, 0, STATE_WAIT_DISK_READ, 0.75);
		host_hold(rec, i, 1, STATE_RUN_USER, 0.25);
	}
	holders = made(rec, &facts);
	for (uint32_t i = 0; i < 2; i++) {
		assert_near(share_of(holders, i, 0, STATE_WAIT_DISK_READ), 0.75, 0.001);
		assert_near(share_of(holders, i, 1, STATE_RUN_USER), 0.25, 0.001);
	}
	holders_free(holders);
	facts_free(facts);
	recording_free(rec);
}

/* Two that only wait for each other say nothing of why; little that is known says no more. */
static void what_is_not_known_stays_the_locks(void **state)
{
	struct recording *rec = host_of_three();
	struct holders *holders;
	struct facts *facts;

	(void)state;
	host_waits(rec, 0, 10);
	host_waits(rec, 1, 10);
	host_waits(rec, 2, 10);
	host_hold(rec, 0, 1, STATE_WAIT_LOCK_USER, 10);
	host_hold(rec, 1, 0, STATE_WAIT_LOCK_USER, 10);
	host_hold(rec, 2, 1, STATE_WAIT_DISK_READ, 0.5);
	holders = made(rec, &facts);
	for (uint32_t i = 0; i < 3; i++)
		assert_near(share_of(holders, i, i, STATE_RUN_USER), 1, 0.001);
	holders_free(holders);
	facts_free(facts);
	recording_free(rec);
}

/* Whatever the waits are explained by, blame adds up to them. */
static void blame_of_the_parts_is_the_wait(void **state)
{
	struct recording *rec = host_of_three();
	struct blame_filter all = BLAME_ANY(UINT32_MAX), by_lock = BLAME_ANY(UINT32_MAX);
	struct facts *facts;
	struct blame *blame;

	(void)state;
	host_waits(rec, 0, 7);
	host_hold(rec, 0, 1, STATE_READY_WOKEN, 1);
	host_hold(rec, 0, 1, STATE_READY_THROTTLED, 1);
	host_hold(rec, 0, 1, STATE_WAIT_DISK_READ, 1);
	host_hold(rec, 0, 2, STATE_WAIT_LOCK_KERNEL, 1);
	host_hold(rec, 0, 0, STATE_WAIT_LOCK_USER, 2);
	facts = facts_new(rec);
	blame = blame_new(facts);
	all.victim = by_lock.victim = 0;
	by_lock.by_lock = 1;
	assert_near(blame_sum(blame, &by_lock) / 1e9, 7, 0.001);
	assert_near(blame_sum(blame, &all) / 1e9, 7 + 2, 0.001);
	by_lock.states = 1u << STATE_WAIT_DISK_READ;
	assert_near(blame_sum(blame, &by_lock) / 1e9, 7.0 / 4, 0.001);
	assert_int_equal(blame_top_owner(blame, &by_lock), 1);
	by_lock.states = 1u << STATE_WAIT_LOCK_KERNEL;
	assert_int_equal(blame_top_owner(blame, &by_lock), 2);
	blame_free(blame);
	facts_free(facts);
	recording_free(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_are_folded),
		cmocka_unit_test(holders_are_followed),
		cmocka_unit_test(circles_are_absorbed),
		cmocka_unit_test(what_is_not_known_stays_the_locks),
		cmocka_unit_test(blame_of_the_parts_is_the_wait),
	};

	return cmocka_run_group_tests_name("analysis/holders", tests, NULL, NULL);
}
