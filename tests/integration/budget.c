/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a cached file over and over for so many seconds, with some computing in between.
 * Prints: its thread id, how many calls it made, ns it took in all, and user and kernel time in ns
 * as the kernel counts them.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t time_ns(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), calls = 0;
	volatile uint64_t sum = 0;
	static char buffer[32768];
	struct rusage usage;
	int file = open(argc > 2 ? argv[2] : argv[0], O_RDONLY);

	while (now_ns() < end) {
		for (int i = 0; i < 100; i++, calls++)
			if (pread(file, buffer, sizeof(buffer), 0) != sizeof(buffer))
				return 1;
		for (int i = 0; i < 100000; i++)
			sum += (uint64_t)i * sum + 1;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("%d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", getpid(), calls,
	       now_ns() - begin, time_ns(usage.ru_utime), time_ns(usage.ru_stime));
	return 0;
}
