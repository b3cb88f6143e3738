/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples summed up by function: per kind, group and function, with and without what it calls.
 */
#ifndef STRAIT_FUNCTIONS_H
#define STRAIT_FUNCTIONS_H

#include "analysis/facts.h"

struct function {
	uint8_t kind; /* enum sample_kind */
	uint32_t group;
	uint32_t module,
		name;   /* position and string id; name 0: code without symbols of the module, */
	uint64_t begin; /* of which this is the function that begins here, 0 = all the rest */
	uint32_t file, line; /* of its hottest line, 0 = unknown */
	bool kernel;
	bool interrupt;     /* of an interrupt that hit the group, no work of its own */
	double self, total; /* weight: ns, bytes, … as the kind */
	double self_samples, total_samples; /* count */
	double pause_samples;               /* of self_samples: at a place that spins */
	uint32_t stack;                     /* its heaviest stack */
	double stack_weight;
};

struct functions {
	VEC(struct function) at;                            /* sorted by self, descending */
	double weight[SAMPLE_KINDS], samples[SAMPLE_KINDS]; /* of all samples of a kind */
};

struct functions *functions_new(const struct facts *facts);
void functions_free(struct functions *functions);

/* The function of a group with most weight of a kind; NULL if there are no such samples. */
const struct function *functions_heaviest(const struct functions *functions, enum sample_kind kind,
					  uint32_t group);

/* The hottest function of a group by its own CPU time; NULL if it was not sampled. */
const struct function *functions_hottest(const struct functions *functions, uint32_t group);

#endif
