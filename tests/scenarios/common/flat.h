/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real arithmetic spread evenly over 40 functions (2.5 % each), so that a load's CPU time has no
 * single hot function. One step is one call of the next function, about a microsecond.
 */
#ifndef SCENARIO_FLAT_H
#define SCENARIO_FLAT_H

#include <stdint.h>
#include <time.h>

#define FLAT(n)                                                                                    \
	static __attribute__((noipa)) uint64_t part_##n(uint64_t x)                                \
	{                                                                                          \
		for (uint64_t i = 0; i < 400; i++) {                                               \
			x ^= x >> (7 + (n) % 13);                                                  \
			x *= 0x9e3779b97f4a7c15ull + 2 * (n);                                      \
			x += i ^ (n);                                                              \
		}                                                                                  \
		return x;                                                                          \
	}
#define FLAT8(n)                                                                                   \
	FLAT(n##0) FLAT(n##1) FLAT(n##2) FLAT(n##3) FLAT(n##4) FLAT(n##5) FLAT(n##6) FLAT(n##7)
FLAT8(1)
FLAT8(2)
FLAT8(3)
FLAT8(4)
FLAT8(5)

#define NAME8(n)                                                                                   \
	part_##n##0, part_##n##1, part_##n##2, part_##n##3, part_##n##4, part_##n##5, part_##n##6, \
		part_##n##7
static uint64_t (*const flat_parts[])(uint64_t) = {NAME8(1), NAME8(2), NAME8(3), NAME8(4),
						   NAME8(5)};

/* Each caller keeps its own state; it starts as any number and ends as one that depends on all. */
struct flat {
	uint64_t value;
	unsigned next;
};

static inline void flat_work(struct flat *f, uint64_t steps)
{
	while (steps--) {
		f->value = flat_parts[f->next](f->value);
		f->next = (f->next + 1) % (sizeof(flat_parts) / sizeof(*flat_parts));
	}
}

static inline double flat_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Steps a millisecond of this CPU is good for: the best of 30 tries, so that noise does not count.
 */
static inline uint64_t flat_rate(void)
{
	struct flat f = {1, 0};
	double best = 0;

	for (int i = 0; i < 30; i++) {
		double begin = flat_cpu_ms(), took;

		flat_work(&f, 2000);
		took = flat_cpu_ms() - begin;
		if (took > 0 && 2000 / took > best)
			best = 2000 / took;
	}
	return f.value == 0 || best < 1 ? 1 : (uint64_t)best;
}

#endif
