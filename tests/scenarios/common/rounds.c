/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounds of one leader and several helpers. The leader prepares a round on its own (2 ms of work
 * and a 1 ms sleep), lets the helpers in, each does 0.1 ms, and the leader waits for the last of
 * them. How the helpers wait for the next round is the mode: "pause" and "yield" ask again and
 * again, "sleep" waits on a condition variable.
 *
 *   rounds SECONDS RATE HELPERS pause|yield|sleep
 */
#include <sched.h>
#include <string.h>

#include "flat.h"
#include "life.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER, ended = PTHREAD_COND_INITIALIZER;
static uint64_t rate, round_number; /* round_number: under lock, read alone by the modes that ask */
static long helpers, left;
static char mode;

static __attribute__((noipa)) uint64_t next_round(uint64_t seen)
{
	uint64_t now;

	if (mode == 's') {
		pthread_mutex_lock(&lock);
		while (round_number == seen)
			pthread_cond_wait(&opened, &lock);
		now = round_number;
		pthread_mutex_unlock(&lock);
		return now;
	}
	while ((now = __atomic_load_n(&round_number, __ATOMIC_ACQUIRE)) == seen) {
		if (mode == 'y')
			sched_yield();
		else
#if defined(__x86_64__) || defined(__i386__)
			__builtin_ia32_pause();
#elif defined(__aarch64__)
			__asm__ volatile("yield");
#else
			__asm__ volatile("" ::: "memory");
#endif
	}
	return now;
}

static void *helper_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};
	uint64_t seen = 0;

	for (;;) {
		seen = next_round(seen);
		flat_work(&f, rate / 10);
		pthread_mutex_lock(&lock);
		if (--left == 0)
			pthread_cond_signal(&ended);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void *leader_run(void *arg)
{
	struct flat f = {1, 0};

	for (;;) {
		flat_work(&f, 2 * rate);
		sleep_us(1000);
		pthread_mutex_lock(&lock);
		left = helpers;
		__atomic_store_n(&round_number, round_number + 1, __ATOMIC_RELEASE);
		pthread_cond_broadcast(&opened);
		while (left)
			pthread_cond_wait(&ended, &lock);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

int main(int argc, char **argv)
{
	long seconds;
	pthread_t thread;
	uint64_t begin;

	if (argc != 5 || !strchr("pys", argv[4][0]))
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 10, 10000000);
	helpers = number_parse(argv[3], 1, 4096);
	mode = argv[4][0];
	life_bound((int)seconds);
	begin = now_ns();
	for (long i = 0; i < helpers; i++)
		if (pthread_create(&thread, NULL, helper_run, (void *)i))
			return 1;
	if (pthread_create(&thread, NULL, leader_run, NULL))
		return 1;
	threads_end(seconds, begin, &round_number);
}
