/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STRAIT_FAMILIES_H
#define STRAIT_FAMILIES_H

#include "capture/family.h"

/* A new one is its two files and its line here; reports have them in this order. */
/* clang-format off */
#define FAMILIES(EACH) \
	EACH(cpu) \
	EACH(sched) \
	EACH(syscall) \
	EACH(irq) \
	EACH(block) \
	EACH(net) \
	EACH(memory) \
	EACH(unwind) \
	EACH(schedule) \
	EACH(alloc)
/* clang-format on */

#define FAMILY_DECLARE(name) extern const struct family family_##name;
FAMILIES(FAMILY_DECLARE)
#undef FAMILY_DECLARE

/* The position of a family in families[], for session->family_data. */
size_t family_index(const struct family *family);

/* Calls a hook of the family at this position, unless it is NULL or the family is off. */
int family_call(struct session *session, size_t at,
		int (*hook)(struct session *session, struct error *error), struct error *error);

#endif
