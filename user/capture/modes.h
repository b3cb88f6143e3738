/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a thread's running is user and how much kernel code, where nobody saw it change from
 * one to the other: while no system calls are observed (budget.h).
 */
#ifndef STRAIT_MODES_H
#define STRAIT_MODES_H

#include <stddef.h>

/* What is known of it, ns. Older slices count half as much as the one after them. */
struct modes {
	double user, kernel;
};

/* Adds what is known of a slice. */
void modes_add(struct modes *modes, struct modes slice);
/*
 * The part of kernel code in all running, 0 … 1: by the first of the `count` that is known well
 * enough; 0 where none is.
 */
double modes_kernel_part(const struct modes *const *modes, size_t count);

#endif
