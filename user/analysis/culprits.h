/* SPDX-License-Identifier: BSD-2-Clause */
/* Who had the CPUs while a group waited for one. */
#ifndef STRAIT_CULPRITS_H
#define STRAIT_CULPRITS_H

#include "analysis/facts.h"

struct culprits;

struct culprits *culprits_new(const struct facts *facts);
void culprits_free(struct culprits *culprits);

/*
 * The part that each group has in the waiting of another: `share` by group, sums to 1, or to 0 when
 * nothing is known. While no CPU is idle, that of the occupants of all CPUs. A pinned thread, and
 * any thread while other CPUs idle, waits for its own CPU: then those who were seen on that one.
 */
void culprits_share(const struct culprits *culprits, uint32_t group, double *share);

#endif
