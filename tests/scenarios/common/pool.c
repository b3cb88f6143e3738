/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An idle service: workers that wait on a condition variable for jobs, one that waits in poll() for
 * clients, and every 100 ms a job of next to no work.
 *
 *   pool SECONDS WORKERS
 */
#include <poll.h>
#include <pthread.h>

#include "life.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static long jobs;

static void *worker_run(void *arg)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		while (!jobs)
			pthread_cond_wait(&arrived, &lock);
		jobs--;
	}
	return arg;
}

static void *client_run(void *arg)
{
	struct pollfd nothing = {.fd = -1};

	for (;;)
		poll(&nothing, 1, -1);
	return arg;
}

int main(int argc, char **argv)
{
	long seconds, workers;
	pthread_t thread;

	if (argc != 3)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	workers = number_parse(argv[2], 1, 100);
	life_bound((int)seconds);
	for (long i = 0; i < workers; i++)
		if (pthread_create(&thread, NULL, worker_run, NULL))
			return 1;
	if (pthread_create(&thread, NULL, client_run, NULL))
		return 1;
	for (long i = 0; i < seconds * 10; i++) {
		sleep_us(100000);
		pthread_mutex_lock(&lock);
		jobs++;
		pthread_cond_signal(&arrived);
		pthread_mutex_unlock(&lock);
	}
	return 0;
}
