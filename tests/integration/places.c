/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits a known number of times in three places, for places.sh: for a child's answer through a
 * pipe, asked in often() and in seldom(), whose frames are alike, and for a timer in nap(). On one
 * CPU, so that most questions block. Prints how often it and the child blocked in each as the
 * kernel counts it, and the wall time in ns.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static int to_child[2], to_parent[2];
static volatile int sink;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static NOINLINE void ask(void)
{
	char byte = 1;

	if (write(to_child[1], &byte, 1) != 1 || read(to_parent[0], &byte, 1) != 1)
		fail("pipe");
	sink = byte;
}

static NOINLINE void often(long times)
{
	for (long i = 0; i < times; i++)
		ask();
	sink++;
}

static NOINLINE void seldom(long times)
{
	for (long i = 0; i < times; i++)
		ask();
	sink++;
}

static NOINLINE void nap(long times)
{
	const struct timespec time = {0, 1000000};

	for (long i = 0; i < times; i++)
		nanosleep(&time, NULL);
	sink++;
}

static long blocked(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

static NOINLINE void answer(void)
{
	char byte;

	close(to_child[1]);
	while (read(to_child[0], &byte, 1) == 1)
		if (write(to_parent[1], &byte, 1) != 1)
			break;
	dprintf(STDOUT_FILENO, "answer %ld 0\n", blocked());
	_exit(0);
}

static void phase(const char *name, void (*call)(long), long times)
{
	struct timespec begin, end;
	long before = blocked();

	clock_gettime(CLOCK_MONOTONIC, &begin);
	call(times);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%s %ld %lld\n", name, blocked() - before,
	       (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
}

int main(void)
{
	cpu_set_t cpus;
	int cpu;

	CPU_ZERO(&cpus);
	cpu = sched_getcpu();
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) || pipe(to_child) || pipe(to_parent))
		fail("set-up");
	/* Until its unwind table is there: nothing is told of that here. */
	usleep(300000);
	if (!fork())
		answer();
	phase("often", often, 20000);
	phase("seldom", seldom, 5000);
	phase("nap", nap, 300);
	close(to_child[1]);
	wait(NULL);
	return 0;
}
