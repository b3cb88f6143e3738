/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four times as many threads as CPUs do jobs of one millisecond of work: some of it alone, the rest
 * in store_result() under a mutex that all of them share.
 *
 *   jobs SECONDS RATE THREADS PERCENT-UNDER-THE-MUTEX
 */

#include "flat.h"
#include "life.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t rate, done;
static long percent;

static __attribute__((noipa)) void store_result(struct flat *f)
{
	pthread_mutex_lock(&lock);
	flat_work(f, rate * (uint64_t)percent / 100);
	done++;
	pthread_mutex_unlock(&lock);
	f->next %= 40; /* no tail call: this function is still there while the mutex is let go */
}

static void *thread_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};

	for (;;) {
		flat_work(&f, rate * (uint64_t)(100 - percent) / 100);
		store_result(&f);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds, threads;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 10, 10000000);
	threads = number_parse(argv[3], 1, 4096);
	percent = number_parse(argv[4], 0, 100);
	life_bound((int)seconds);
	threads_run(seconds, threads, thread_run, &done);
}
