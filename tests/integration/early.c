/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that is woken on its way off its CPU, for early.sh: early ROUNDS. In each round
 * "sleeper" says that it is about to sleep, in await(), and "waker", on another CPU, wakes it a
 * moment later: from too early (the futex has changed, it does not sleep) in small steps to too
 * late (it sleeps). In between it has left the run queue and not yet the CPU. Hogs of higher
 * priority have that CPU next (early hog, of another process: their own waits are not to be told):
 * what it waits for from then on is its turn. In one round of LONG_ONE_IN it sleeps for LONG_NS.
 *
 * Prints of the sleeper, as the kernel counts it: its tid, how many ns it waited for a CPU, how
 * many of them in rounds with LONG_WAIT_NS and more, how often it blocked; and how often it did not
 * sleep.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE     __attribute__((noinline))
#define NICE         5
#define STEPS        64
#define STEP_NS      50
#define LONG_ONE_IN  16
#define LONG_NS      3000000
#define LONG_WAIT_NS 1000000

static atomic_uint ready, word;
static unsigned int rounds;
static volatile int sink;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Names the thread, and keeps it on the CPU. */
static void begin(const char *name, void *cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((int)(intptr_t)cpu, &one);
	pthread_setname_np(pthread_self(), name);
	if (sched_setaffinity(0, sizeof(one), &one))
		fail("sched_setaffinity");
}

/* Waits for the round; returns how often that was no sleep. */
static NOINLINE unsigned int await(unsigned int round)
{
	unsigned int awake = 0;

	while (atomic_load(&word) != round)
		if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, round - 1, NULL, NULL, 0))
			awake++;
	sink++;
	return awake;
}

/* How long the calling thread has waited for a CPU so far; `schedstat` is its own. */
static unsigned long long waited(int schedstat)
{
	unsigned long long ran, ns;
	char line[64] = "";

	if (pread(schedstat, line, sizeof(line) - 1, 0) <= 0 ||
	    sscanf(line, "%llu %llu", &ran, &ns) != 2)
		fail("schedstat");
	return ns;
}

static void *sleeper(void *cpu)
{
	unsigned long long before = 0, now, in_long = 0;
	int schedstat = open("/proc/thread-self/schedstat", O_RDONLY);
	unsigned int awake = 0;
	struct rusage usage;

	begin("sleeper", cpu);
	if (setpriority(PRIO_PROCESS, gettid(), NICE))
		fail("setpriority");
	for (unsigned int round = 1; round <= rounds; round++) {
		now = waited(schedstat);
		in_long += now - before >= LONG_WAIT_NS ? now - before : 0;
		before = now;
		atomic_store(&ready, round);
		awake += await(round);
	}
	now = waited(schedstat);
	in_long += now - before >= LONG_WAIT_NS ? now - before : 0;
	getrusage(RUSAGE_THREAD, &usage);
	printf("sleeper %d %llu %llu %ld %u\n", gettid(), now, in_long, usage.ru_nvcsw, awake);
	return NULL;
}

static void *waker(void *cpu)
{
	begin("waker", cpu);
	for (unsigned int round = 1; round <= rounds; round++) {
		int64_t wake;

		while (atomic_load(&ready) != round)
			;
		wake = now_ns() + (round % LONG_ONE_IN ? round * 37 % STEPS * STEP_NS : LONG_NS);
		while (now_ns() < wake)
			;
		atomic_store(&word, round);
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t sleeps, wakes;
	cpu_set_t cpus;
	int cpu = 0, other;

	rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (argc != 2 || sched_getaffinity(0, sizeof(cpus), &cpus) || CPU_COUNT(&cpus) < 2) {
		fprintf(stderr, "usage: early ROUNDS|hog, on two CPUs and more\n");
		return 2;
	}
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	for (other = cpu + 1; !CPU_ISSET(other, &cpus);)
		other++;
	if (!rounds) {
		begin("hog", (void *)(intptr_t)cpu);
		for (;;)
			sink++;
	}
	/* Until the unwind table is there: nothing is told of that here. */
	usleep(300000);
	if (pthread_create(&sleeps, NULL, sleeper, (void *)(intptr_t)cpu) ||
	    pthread_create(&wakes, NULL, waker, (void *)(intptr_t)other))
		fail("pthread_create");
	pthread_join(sleeps, NULL);
	pthread_join(wakes, NULL);
	return 0;
}
