/* SPDX-License-Identifier: BSD-2-Clause */
/* The work of one job, wherever it is done. */
#ifndef SCENARIO_STEP_H
#define SCENARIO_STEP_H

#include "flat.h"

/* Takes 200 µs; the answer is below 100. */
static inline int step_work(uint64_t rate, uint64_t number)
{
	struct flat f = {number + 1, 0};

	flat_work(&f, rate / 5);
	return (int)(f.value % 100);
}

#endif
