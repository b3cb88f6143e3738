/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service of one process: readers take jobs of 30 µs of work. In "each" a job gets a thread of
 * its own, of which a reader has four at a time; in "pool" there is a thread for each CPU, which
 * takes the jobs from a queue.
 *
 *   serve SECONDS RATE READERS each|pool
 */

#include "flat.h"
#include "life.h"

enum { ABREAST = 4, QUEUE = 1024 };

static uint64_t rate, done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, drained = PTHREAD_COND_INITIALIZER;
static uint64_t put, taken;

static void job_do(uint64_t number)
{
	struct flat f = {number + 1, 0};

	flat_work(&f, rate * 3 / 100);
	__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
}

static void *job_run(void *arg)
{
	job_do((uintptr_t)arg);
	return NULL;
}

static __attribute__((noipa)) void jobs_accept(uint64_t number)
{
	pthread_t thread[ABREAST];

	for (int i = 0; i < ABREAST; i++)
		if (pthread_create(&thread[i], NULL, job_run, (void *)(uintptr_t)(number + i)))
			exit(1);
	for (int i = 0; i < ABREAST; i++)
		pthread_join(thread[i], NULL);
}

/* Half a queue at a time, so that nobody is woken for a single job. */
static void *reader_queues(void *arg)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		while (put - taken > QUEUE / 2)
			pthread_cond_wait(&drained, &lock);
		put += QUEUE / 2;
		pthread_cond_broadcast(&filled);
	}
	return arg;
}

static void *reader_starts(void *arg)
{
	for (uint64_t number = 0;; number += ABREAST)
		jobs_accept(number);
	return arg;
}

static void *worker_run(void *arg)
{
	for (;;) {
		uint64_t number;

		pthread_mutex_lock(&lock);
		while (put == taken)
			pthread_cond_wait(&filled, &lock);
		number = taken++;
		if (put - taken == QUEUE / 2)
			pthread_cond_signal(&drained);
		pthread_mutex_unlock(&lock);
		job_do(number);
	}
	return arg;
}

int main(int argc, char **argv)
{
	long seconds, readers;
	pthread_t thread;
	uint64_t begin;
	int pool;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 40, 10000000);
	readers = number_parse(argv[3], 1, 512);
	pool = argv[4][0] == 'p';
	life_bound((int)seconds);
	begin = now_ns();
	for (long i = 0; i < readers; i++) {
		if (pool && pthread_create(&thread, NULL, worker_run, NULL))
			return 1;
		if (pool && i)
			continue;
		if (pthread_create(&thread, NULL, pool ? reader_queues : reader_starts, NULL))
			return 1;
	}
	threads_end(seconds, begin, &done);
}
