/* SPDX-License-Identifier: BSD-2-Clause */
/* One new recording for each test of a file. */
#ifndef STRAIT_TESTS_ONE_RECORDING_H
#define STRAIT_TESTS_ONE_RECORDING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/recording.h"

static struct recording *rec;

static inline int setup(void **state)
{
	(void)state;
	rec = recording_new();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	recording_free(rec);
	return 0;
}

#endif
