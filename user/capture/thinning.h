/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often CPUs are sampled: as often as was asked for, or one of so many times where the budget
 * cannot bear more. A sample costs its program and the interrupt that it comes by (interrupts.h).
 */
#ifndef STRAIT_THINNING_H
#define STRAIT_THINNING_H

#include <stdbool.h>
#include <stdint.h>

struct thinning {
	double hz, cpus;     /* as was asked for */
	double sample_ns;    /* of a sample's program; 0 = not known */
	double interrupt_ns; /* of its interrupt; 0 = not known */
	uint32_t one_in;     /* 1 = all */
};

/* From one sample of a CPU to the next, in periods as they were asked for; and in ns. */
double thinning_period(const struct thinning *samples);
uint64_t thinning_period_ns(const struct thinning *samples);

/* CPUs that all of it takes where all CPUs are busy; and the interrupts alone. */
double thinning_cost(const struct thinning *samples);
double thinning_interrupts(const struct thinning *samples);

/* `runs` samples took `ns` in all. */
void thinning_timed(struct thinning *samples, double ns, double runs);
/* Chooses what so many CPUs can bear. Whether that is another period than before. */
bool thinning_choose(struct thinning *samples, double cpus);

#endif
