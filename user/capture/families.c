/* SPDX-License-Identifier: BSD-2-Clause */
/* The probe families. A new one is its two files and its line here. */
#include "capture/families.h"

/* One line each. */
/* clang-format off */
const struct family *const families[] = {
	&family_cpu,
	&family_sched,
	&family_syscall,
	&family_irq,
	&family_block,
	&family_net,
	&family_memory,
	&family_unwind,
	&family_schedule,
	NULL,
};
/* clang-format on */

size_t family_index(const struct family *family)
{
	size_t at = 0;

	while (families[at] != family)
		at++;
	return at;
}
