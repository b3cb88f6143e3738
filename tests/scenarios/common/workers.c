/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service of threads: each does a unit of work (flat.h), then blocks for a while, and begins
 * again. A unit is always the same arithmetic, so units per second compare between variants.
 *
 *   -s seconds  -t threads  -w work per unit in µs of an undisturbed CPU  -b mean block in µs
 *   -r steps per ms (from a run with -c, which prints it and exits)
 */
#include <pthread.h>

#include "flat.h"
#include "life.h"

static struct {
	long seconds, threads, work_us, block_us, rate;
} opt = {10, 1, 1000, 0, 1000};

struct worker {
	pthread_t thread;
	unsigned seed;
	uint64_t units;
	struct flat flat;
};

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	uint64_t steps = (uint64_t)(opt.work_us * opt.rate) / 1000;

	for (;;) {
		flat_work(&w->flat, steps);
		if (opt.block_us)
			sleep_us((double)opt.block_us *
				 (0.5 + rand_r(&w->seed) / (double)RAND_MAX));
		w->units++;
	}
	return NULL;
}

static void options_parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "s:t:w:b:r:c")) != -1) {
		switch (c) {
		case 's':
			opt.seconds = number_parse(optarg, 1, 3600);
			break;
		case 't':
			opt.threads = number_parse(optarg, 1, 4096);
			break;
		case 'w':
			opt.work_us = number_parse(optarg, 1, 10000000);
			break;
		case 'b':
			opt.block_us = number_parse(optarg, 0, 10000000);
			break;
		case 'r':
			opt.rate = number_parse(optarg, 1, 10000000);
			break;
		case 'c':
			printf("%lu\n", (unsigned long)flat_rate());
			exit(0);
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct worker *workers;
	uint64_t begin, units = 0;

	options_parse(argc, argv);
	life_bound((int)opt.seconds);
	workers = calloc((size_t)opt.threads, sizeof(*workers));
	if (!workers)
		return 1;
	begin = now_ns();
	for (long i = 0; i < opt.threads; i++) {
		workers[i].seed = (unsigned)i + 1;
		workers[i].flat.value = (uint64_t)i + 1;
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			return 1;
	}
	sleep_us((double)opt.seconds * 1e6);
	/* The threads go on until _exit: a unit in flight is not done. */
	for (long i = 0; i < opt.threads; i++)
		units += *(volatile uint64_t *)&workers[i].units;
	throughput_print(units, begin);
	fflush(stdout);
	_exit(0);
}
