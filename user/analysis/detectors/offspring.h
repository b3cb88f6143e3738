/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that lived for a moment within the window, and who is behind them. */
#ifndef STRAIT_OFFSPRING_H
#define STRAIT_OFFSPRING_H

#include "analysis/facts.h"

/* A process that computed longer than this is a job of its own, as a compiler is. */
#define SHORT_CPU_NS 30e6

struct offspring {
	/*
	 * By process: the group of the nearest ancestor that is no such process itself; NONE = it
	 * did not live for a moment only, or nothing is known of its ancestors.
	 */
	uint32_t *root;
	double *life, *cpu; /* by process, ns: from its begin to its end; its threads' on CPUs */
};

struct offspring *offspring_new(const struct facts *facts);
void offspring_free(struct offspring *offspring);

#endif
