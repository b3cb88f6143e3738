/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that wait for a CPU, for known others: delays CASE. Prints for each thread
 *   NAME WAITED_NS    its name, and how long it waited for a CPU by the scheduler's own sums
 *
 *   pinned   two that never sleep, on one CPU
 *   crowd    twice as many that never sleep as there are CPUs
 *   nice     one of the lowest priority, and one of the usual for each CPU
 *   fifo     one of real time that takes a CPU for 20 ms 40 times, and one that never sleeps there
 *   alone    one that never sleeps, as far as its cgroup lets it
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MS      1000000LL
#define LENGTH  (2000 * MS)
#define BURSTS  40
#define BURST   (20 * MS)
#define THREADS 512

struct worker {
	const char *name;
	int cpu; /* -1 = any */
	int nice;
	int bursts; /* of real time, 0 = it never sleeps */
	long long waited;
	pthread_t thread;
};

static pthread_barrier_t ready;

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 * MS + now.tv_nsec;
}

static void spin(int64_t ns)
{
	int64_t end = now_ns() + ns;

	while (now_ns() < end)
		;
}

/* The second number of schedstat (Documentation/scheduler/sched-stats.rst). */
static long long waited_ns(void)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "re");
	long long waited = 0;

	check(file && fscanf(file, "%*d %lld", &waited) == 1, "schedstat");
	fclose(file);
	return waited;
}

static void worker_settle(const struct worker *worker)
{
	struct sched_param param = {.sched_priority = 10};
	cpu_set_t one;

	prctl(PR_SET_NAME, worker->name);
	if (worker->cpu >= 0) {
		CPU_ZERO(&one);
		CPU_SET(worker->cpu, &one);
		check(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	}
	if (worker->nice)
		check(!setpriority(PRIO_PROCESS, (id_t)gettid(), worker->nice), "setpriority");
	if (worker->bursts)
		check(!sched_setscheduler(0, SCHED_FIFO, &param), "sched_setscheduler");
}

static void *worker_run(void *argument)
{
	struct timespec pause = {0, BURST};
	struct worker *worker = argument;

	worker_settle(worker);
	pthread_barrier_wait(&ready);
	worker->waited = waited_ns();
	for (int i = 0; i < worker->bursts; i++) {
		nanosleep(&pause, NULL);
		spin(BURST);
	}
	if (!worker->bursts)
		spin(LENGTH);
	worker->waited = waited_ns() - worker->waited;
	return NULL;
}

/* The last CPU that this process may use. */
static int cpu_last(void)
{
	int last = -1;
	cpu_set_t cpus;

	check(!sched_getaffinity(0, sizeof(cpus), &cpus), "sched_getaffinity");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			last = cpu;
	return last;
}

static size_t workers_choose(const char *name, struct worker *workers)
{
	size_t cpus = (size_t)sysconf(_SC_NPROCESSORS_ONLN), count = 0;
	int last = cpu_last();

	if (!strcmp(name, "pinned")) {
		workers[count++] = (struct worker){.name = "hog-a", .cpu = last};
		workers[count++] = (struct worker){.name = "hog-b", .cpu = last};
	} else if (!strcmp(name, "fifo")) {
		workers[count++] = (struct worker){.name = "fifo", .cpu = last, .bursts = BURSTS};
		workers[count++] = (struct worker){.name = "plain", .cpu = last};
	} else if (!strcmp(name, "alone")) {
		workers[count++] = (struct worker){.name = "alone", .cpu = -1};
	} else if (!strcmp(name, "crowd")) {
		while (count < 2 * cpus && count < THREADS)
			workers[count++] = (struct worker){.name = "crowd", .cpu = -1};
	} else if (!strcmp(name, "nice")) {
		workers[count++] = (struct worker){.name = "low", .cpu = -1, .nice = 19};
		while (count < cpus + 1 && count < THREADS)
			workers[count++] = (struct worker){.name = "usual", .cpu = -1};
	}
	return count;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS];
	size_t count = argc == 2 ? workers_choose(argv[1], workers) : 0;

	if (!count) {
		fprintf(stderr, "usage: delays pinned|crowd|nice|fifo|alone\n");
		return 2;
	}
	pthread_barrier_init(&ready, NULL, (unsigned int)count);
	for (size_t i = 0; i < count; i++)
		check(!pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]),
		      "pthread");
	for (size_t i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	for (size_t i = 0; i < count; i++)
		printf("%s %lld\n", workers[i].name, workers[i].waited);
	return 0;
}
