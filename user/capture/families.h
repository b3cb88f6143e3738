/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STRAIT_FAMILIES_H
#define STRAIT_FAMILIES_H

#include "capture/family.h"

extern const struct family family_cpu, family_sched, family_irq, family_block, family_net,
	family_memory, family_syscall, family_unwind, family_schedule;

/* The position of a family in families[], for session->family_data. */
size_t family_index(const struct family *family);

#endif
