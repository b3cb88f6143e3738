/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every load shares: it dies with the process that started it, ends by itself, and prints its
 * throughput last.
 */
#ifndef SCENARIO_LIFE_H
#define SCENARIO_LIFE_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Call first, and again in each child: pending alarms and the death signal are not inherited. */
static inline void life_bound(int seconds)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm((unsigned)seconds + 10);
}

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline void sleep_us(double us)
{
	struct timespec t = {(time_t)(us / 1e6), 0};

	t.tv_nsec = (long)((us - (double)t.tv_sec * 1e6) * 1e3);
	nanosleep(&t, NULL);
}

/* A number from the command line, or exit 2. */
static inline long number_parse(const char *text, long low, long high)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < low || value > high) {
		fprintf(stderr, "%s: not a number from %ld to %ld\n", text, low, high);
		exit(2);
	}
	return value;
}

static inline void throughput_print(uint64_t units, uint64_t begin_ns)
{
	printf("throughput: %.2f\n", (double)units * 1e9 / (double)(now_ns() - begin_ns));
}

#endif
