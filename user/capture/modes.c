/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/modes.h"

/* Some ticks: one alone is all user or all kernel code. */
#define ENOUGH_NS 20e6

void modes_add(struct modes *modes, struct modes slice)
{
	modes->user = modes->user / 2 + slice.user;
	modes->kernel = modes->kernel / 2 + slice.kernel;
}

double modes_kernel_part(const struct modes *const *modes, size_t count)
{
	double all = 0;

	for (size_t i = 0; i < count; i++) {
		all = modes[i]->user + modes[i]->kernel;
		if (all >= ENOUGH_NS || (i == count - 1 && all > 0))
			return modes[i]->kernel / all;
	}
	return 0;
}
