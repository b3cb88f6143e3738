/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>

#include "capture/thinning.h"

#define ONE_IN_MAX 32
/*
 * A part of the period that is added where it is made longer: who asks for 999 Hz does so lest
 * samples keep step with the kernel's tick, and every fourth of them would (250 Hz).
 */
#define OUT_OF_STEP (1 / 7.0)

double thinning_period(const struct thinning *samples)
{
	return samples->one_in > 1 ? samples->one_in + OUT_OF_STEP : 1;
}

uint64_t thinning_period_ns(const struct thinning *samples)
{
	return (uint64_t)(1e9 / samples->hz * thinning_period(samples));
}

static double each_costs(const struct thinning *samples, double each_ns)
{
	return each_ns / 1e9 * samples->hz / thinning_period(samples) * samples->cpus;
}

double thinning_cost(const struct thinning *samples)
{
	return each_costs(samples, samples->sample_ns + samples->interrupt_ns);
}

double thinning_interrupts(const struct thinning *samples)
{
	return each_costs(samples, samples->interrupt_ns);
}

/* Their costs differ: older ones count half. */
void thinning_timed(struct thinning *samples, double ns, double runs)
{
	if (runs < 1)
		return;
	samples->sample_ns =
		samples->sample_ns > 0 ? (samples->sample_ns + ns / runs) / 2 : ns / runs;
}

bool thinning_choose(struct thinning *samples, double cpus)
{
	double all = thinning_cost(samples) * thinning_period(samples);
	uint32_t before = samples->one_in;

	samples->one_in = (uint32_t)fmin(fmax(ceil(all / cpus), 1), ONE_IN_MAX);
	return samples->one_in != before;
}
