/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "util/chance.h"

double chance_unit(void)
{
	static bool seeded;
	unsigned int seed;

	if (!seeded) {
		if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
			seed = (unsigned int)time(NULL);
		srandom(seed);
		seeded = true;
	}
	return (double)random() / (double)RAND_MAX;
}
