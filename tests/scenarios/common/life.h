/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every load shares: it dies with the process that started it, ends by itself, and prints its
 * throughput last.
 */
#ifndef SCENARIO_LIFE_H
#define SCENARIO_LIFE_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
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

/* Lets the threads work, and ends them: a unit in flight is not done. */
static inline __attribute__((noreturn)) void threads_end(long seconds, uint64_t begin_ns,
							 const uint64_t *done)
{
	sleep_us((double)seconds * 1e6);
	throughput_print(__atomic_load_n(done, __ATOMIC_RELAXED), begin_ns);
	fflush(stdout);
	_exit(0);
}

/* Runs threads, which get their numbers, from 0, and count in `done` what all of them do. */
static inline __attribute__((noreturn)) void threads_run(long seconds, long threads,
							 void *(*run)(void *), const uint64_t *done)
{
	uint64_t begin = now_ns();
	pthread_t thread;

	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, run, (void *)i))
			exit(1);
	threads_end(seconds, begin, done);
}

/* Runs processes, each of which counts in `done` what it does. They die with this one. */
static inline void processes_run(long seconds, long processes, void (*run)(volatile uint64_t *done))
{
	enum { LINE = 8 }; /* a cache line each */
	uint64_t begin, sum = 0;
	volatile uint64_t *done = mmap(NULL, (size_t)processes * LINE * sizeof(*done),
				       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (done == MAP_FAILED)
		exit(1);
	begin = now_ns();
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			exit(1);
		if (pid == 0) {
			life_bound((int)seconds);
			run(done + i * LINE);
			exit(1);
		}
	}
	sleep_us((double)seconds * 1e6);
	for (long i = 0; i < processes; i++)
		sum += done[i * LINE];
	throughput_print(sum, begin);
}

#endif
