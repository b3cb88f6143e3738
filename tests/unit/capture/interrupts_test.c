/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/interrupts.h"

static bool timers_allowed(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Nothing interrupts a program in less than 100 ns; 1 ms is another program's turn. */
static void one_takes_what_it_can_take(void **state)
{
	double ns;

	(void)state;
	if (!timers_allowed())
		skip();
	ns = interrupts_ns(interrupts_measure());
	assert_true(ns > 100);
	assert_true(ns < 1e6);
}

static void nothing_measured_is_nothing(void **state)
{
	(void)state;
	assert_true(interrupts_ns(NULL) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_takes_what_it_can_take),
		cmocka_unit_test(nothing_measured_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
