/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs cost by what they counted, at given prices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "capture/prices.h"

static void each_kind_of_event_has_its_price(void **state)
{
	struct prices prices = {.call_ns = 700,
				.message_ns = 200,
				.switch_ns = 500,
				.probe_ns = 300,
				.fixed_rate = 0.01,
				.stats_fd = -1};
	struct cpus_sum from = {
		.switches = 100, .calls = 10, .messages = 1, .probes = 5, .probe_ns = 40};
	struct cpus_sum to = {
		.switches = 110, .calls = 12, .messages = 4, .probes = 6, .probe_ns = 90};
	struct cost cost = prices_cost(&prices, &from, &to, 1e6);

	(void)state;
	assert_int_equal(cost.calls, 2 * 700);
	assert_int_equal(cost.messages, 3 * 200);
	/* The traps were measured, what follows them is known by their number. */
	assert_int_equal(cost.probes, 1 * 300 + 50);
	assert_int_equal(cost.rest, 10 * 500 + 10000);
}

/* What has not been timed is not free. */
static void what_was_never_timed_has_a_price(void **state)
{
	struct cpus_sum none = {}, some = {.switches = 1, .calls = 1, .messages = 1, .probes = 1};
	struct prices prices;
	struct cost cost;

	(void)state;
	prices_guess(&prices);
	assert_int_equal(prices.times, 0);
	assert_true(prices_timed_until(&prices) == UINT64_MAX);
	cost = prices_cost(&prices, &none, &some, 0);
	assert_true(cost.calls > 0 && cost.messages > 0 && cost.probes > 0 && cost.rest > 0);
	prices_close(&prices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_event_has_its_price),
		cmocka_unit_test(what_was_never_timed_has_a_price),
	};

	return cmocka_run_group_tests_name("capture/prices", tests, NULL, NULL);
}
