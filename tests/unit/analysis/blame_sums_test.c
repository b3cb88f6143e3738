/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of a blame of a few entries, those of one victim together as blame_new() has them.
 */
#include "analysis/blame.h"
#include "analysis/host.h"

/* Waits for a CPU of `victim`, caused by `owner`'s, while `party` had it. */
static void blame_add(struct blame *blame, uint32_t victim, uint32_t owner, uint32_t party,
		      enum ready_cause ready, double ns)
{
	vec_push(&blame->entries, (struct blame_entry){.victim = victim,
						       .owner = owner,
						       .party = party,
						       .state = STATE_READY_WOKEN,
						       .ready = (uint8_t)ready,
						       .ns = ns});
}

static struct blame blame_of_four(void)
{
	struct blame blame = {};

	blame_add(&blame, 0, 0, NONE, READY_PRIORITY, 50);
	blame_add(&blame, 0, 0, 2, READY_PRIORITY, 20);
	blame_add(&blame, 0, 1, 3, READY_PRIORITY, 25);
	blame_add(&blame, 1, 1, 2, READY_PRIORITY, 10);
	blame_add(&blame, 1, 1, 3, READY_ANTAGONIST, 40);
	return blame;
}

static struct blame_filter for_priority(void)
{
	struct blame_filter filter = BLAME_ANY(1u << STATE_READY_WOKEN);

	filter.ready = READY_PRIORITY;
	return filter;
}

/* 30 of 2 in two entries are more than 25 of 3; what nobody in particular had is nobody's. */
static void the_top_party_had_the_cpu_most(void **state)
{
	struct blame blame = blame_of_four();
	struct blame_filter filter = for_priority();

	(void)state;
	assert_int_equal(blame_top_party(&blame, &filter), 2);
	filter.owner = 1;
	assert_int_equal(blame_top_party(&blame, &filter), 3);
	filter.ready = READY_ANTAGONIST;
	assert_int_equal(blame_top_party(&blame, &filter), 3);
	filter.owner = 0;
	assert_int_equal(blame_top_party(&blame, &filter), NONE);
	vec_free(&blame.entries);
}

static void nobody_is_the_top_party_where_none_is_told_apart(void **state)
{
	struct blame_filter filter = for_priority();
	struct blame blame = {};

	(void)state;
	assert_int_equal(blame_top_party(&blame, &filter), NONE);
	blame_add(&blame, 0, 0, NONE, READY_PRIORITY, 50);
	assert_int_equal(blame_top_party(&blame, &filter), NONE);
	vec_free(&blame.entries);
}

static void the_top_owner_has_most_and_the_top_victim_lost_most(void **state)
{
	struct blame blame = blame_of_four();
	struct blame_filter filter = for_priority();
	double ns;

	(void)state;
	assert_near(blame_sum(&blame, &filter), 105, 0);
	assert_int_equal(blame_top_owner(&blame, &filter), 0);
	assert_int_equal(blame_top_victim(&blame, &filter, &ns), 0);
	assert_near(ns, 95, 0);
	filter.party = 3;
	assert_int_equal(blame_top_owner(&blame, &filter), 1);
	vec_free(&blame.entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_top_party_had_the_cpu_most),
		cmocka_unit_test(nobody_is_the_top_party_where_none_is_told_apart),
		cmocka_unit_test(the_top_owner_has_most_and_the_top_victim_lost_most),
	};

	return cmocka_run_group_tests_name("analysis/blame_sums", tests, NULL, NULL);
}
