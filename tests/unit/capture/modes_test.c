/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/modes.h"

static void older_slices_count_less(void **state)
{
	struct modes modes = {};
	const struct modes *known[] = {&modes};

	(void)state;
	modes_add(&modes, (struct modes){.user = 40e6});
	modes_add(&modes, (struct modes){.kernel = 60e6});
	/* 60 of 20 + 60. */
	assert_true(modes_kernel_part(known, 1) == 0.75);
}

static void little_is_not_enough(void **state)
{
	struct modes one_tick = {.kernel = 4e6}, process = {.user = 30e6, .kernel = 10e6};
	struct modes nothing = {};
	const struct modes *known[] = {&one_tick, &process, &nothing};
	const struct modes *last[] = {&nothing, &one_tick};

	(void)state;
	assert_true(modes_kernel_part(known, 3) == 0.25);
	/* But better than nothing, where nothing else is known. */
	assert_true(modes_kernel_part(last, 2) == 1);
	assert_true(modes_kernel_part(known + 2, 1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(older_slices_count_less),
		cmocka_unit_test(little_is_not_enough),
	};

	return cmocka_run_group_tests_name("capture/modes", tests, NULL, NULL);
}
