/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spots: functions that ask the kernel for the same thing again and again, and the CPU time that
 * this takes. A detector says which functions of a group these are; a CPU sample belongs to a spot
 * if it was taken in that function, in the library's wrapper that it called, or in the kernel for
 * it. What else the function calls is work.
 */
#ifndef STRAIT_SPOTS_H
#define STRAIT_SPOTS_H

#include "analysis/detectors/detector.h"

struct spot {
	uint32_t module, name; /* of the function, as in struct frame */
	double found;          /* samples or events that made it one */
	uint32_t stack;        /* with most of them, and how many */
	double stack_found;
};

struct spots {
	struct analysis *a;
	uint32_t group;
	VEC(struct spot) at;
};

/* CPU samples of the spots of a group, by what they are. Those inside interrupts are none. */
struct spot_samples {
	double asking; /* in the kernel or in a wrapper, for what the spot is about */
	double other;  /* in the kernel for something else */
	double own;    /* in the function itself: its loop, or its work */
};

/* Notes that `count` of what makes a spot was seen with the stack of this sample: its asker is one.
 */
void spots_add(struct spots *spots, const struct sample *sample, double count);
/* The spot that a sample belongs to, NULL = none; *own: it is in the function itself. */
struct spot *spots_find(const struct spots *spots, const struct sample *sample, bool *own);
/* That with most of what was found; NULL if there are none. */
const struct spot *spots_top(const struct spots *spots);
/*
 * Sums up the CPU samples of all spots; `asks` tells whether a kernel stack is about it. If
 * by_thread is not NULL, the samples that ask or are the function's own are added there, too, by
 * position of the thread.
 */
struct spot_samples spots_sample(const struct spots *spots,
				 bool (*asks)(const struct analysis *a, const struct stack *stack,
					      const void *context),
				 const void *context, double *by_thread);
/* Sets where a finding is. */
void spots_place(const struct spots *spots, struct bottleneck *finding);
void spots_free(struct spots *spots);

/* Whether a kernel frame of the stack has a name that ends in this. */
bool stack_kernel_ends(const struct recording *rec, const struct stack *stack, const char *end);

/*
 * What the CPU time of a group costs: its own running, and the waiting of everybody (its own
 * threads, too) for a CPU that it had meanwhile; ns of the victims' time.
 */
double spots_cpu_cost(const struct analysis *a, uint32_t group);

#endif
