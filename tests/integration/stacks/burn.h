/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs with known call trees share: bursts of CPU time of one length, a choice at
 * random of who burns the next one, and the split that came of it, printed at the end as "split
 * NAME SHARE".
 *
 * The answer stands in each program as comments "chain NAME: FRAME …", root first; judge.py knows
 * the language. ROOT is what comes before main and main itself.
 */
#ifndef STRAIT_TEST_BURN_H
#define STRAIT_TEST_BURN_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* A function of its own: not copied, and not merged with another of the same code. */
#define NOINLINE __attribute__((noinline, noclone, no_icf))
/* Behind a call, so that it is no tail call. */
#define NO_TAIL() __asm__ volatile("" ::: "memory")

/* Each multiplication waits for the one before: some 80 µs wherever the loop lies. */
static inline __attribute__((always_inline)) void burn(void)
{
	uint64_t left = 80000, product = 3;

#if defined(__aarch64__)
	__asm__ volatile("1: mul %1, %1, %1\n\tsubs %0, %0, #1\n\tb.ne 1b"
			 : "+r"(left), "+r"(product)::"cc");
#else
	__asm__ volatile("1: imul $3, %1, %1\n\tdec %0\n\tjnz 1b"
			 : "+r"(left), "+r"(product)::"cc");
#endif
}

struct choice {
	const char *chain;
	void (*call)(void);
	unsigned int weight;
	double seconds; /* of CPU time that it took, what was stolen left out */
};

/*
 * Where a hypervisor takes the CPU away, the thread's clock runs on, and whatever the time, the one
 * timer of the sampler fires once when the CPU is back. A burst of some 80 µs that took longer than
 * the distance of two samples counts for that one sample (s).
 */
#define LONGEST_BURST .001

/* Until the tables of the program and its libraries are there; one program does without. */
static inline void settle(void)
{
#ifndef AT_ONCE
	struct timespec time = {.tv_nsec = 300000000};

	nanosleep(&time, NULL);
#endif
}

static inline double cpu_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Calls one after the other, by their weights, for so many seconds of this thread's CPU time. */
static inline __attribute__((always_inline)) void choose(struct choice *choices, unsigned int count,
							 double seconds)
{
	double until, now;
	unsigned int total = 0;
	uint64_t random = 88172645463325252;

	for (unsigned int i = 0; i < count; i++)
		total += choices[i].weight;
	settle();
	now = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
	until = now + seconds;
	while (now < until) {
		const double began = now;
		unsigned int which = 0, point;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		point = (unsigned int)(random % total);
		while (point >= choices[which].weight)
			point -= choices[which++].weight;
		choices[which].call();
		now = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
		choices[which].seconds += now - began < LONGEST_BURST ? now - began : LONGEST_BURST;
	}
}

static inline void print_split(const struct choice *choices, unsigned int count)
{
	double total = 0;

	for (unsigned int i = 0; i < count; i++)
		total += choices[i].seconds;
	for (unsigned int i = 0; i < count; i++)
		printf("split %s %.6f\n", choices[i].chain, choices[i].seconds / total);
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
/* Where main is no more than this. */
#define CHOOSE(choices, seconds)                                                                   \
	do {                                                                                       \
		choose(choices, COUNT(choices), seconds);                                          \
		print_split(choices, COUNT(choices));                                              \
	} while (0)

#ifndef SECONDS
#define SECONDS 1.5
#endif

/* Two programs of one source get build-ids of their own. */
#ifdef NAME
__attribute__((used)) static const char test_program_name[] = NAME;
#endif

#endif
