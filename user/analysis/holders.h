/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits for mutexes were in the end: what those who held them did meanwhile. A holder that
 * waited for a mutex itself is followed to the next one; those who wait for each other are
 * absorbed.
 */
#ifndef STRAIT_HOLDERS_H
#define STRAIT_HOLDERS_H

#include "analysis/facts.h"

/* The part of a group's waits for mutexes in which threads of `holder` were in a state. */
struct holder_part {
	uint32_t group, holder; /* group: who waited */
	/*
	 * STATE_RUN_USER: it worked, or waited for what it chose to wait for with the mutex held:
	 * its code is the cause. STATE_READY_WOKEN (for a CPU), STATE_READY_THROTTLED,
	 * STATE_WAIT_DISK_*, _FAULT, _RECLAIM, _LOCK_KERNEL.
	 */
	enum thread_state state;
	double share; /* of the group's waits; they sum to 1 */
};

struct holders {
	VEC(struct holder_part) parts; /* by group */
	size_t *first;                 /* of each group in parts; one more at the end */
	double *known;                 /* of each group's waits for mutexes: the share observed */
};

struct holders *holders_new(const struct facts *facts);
void holders_free(struct holders *holders);

#endif
