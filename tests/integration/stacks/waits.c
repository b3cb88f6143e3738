/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits off the CPU: in a read from a pipe, on a futex, on a mutex, which another thread ends, each
 * after a known time. And asleep, which is nobody's fault: strait may leave that out.
 *
 * chain nap: ROOT rest nap pause_ms +@libc
 * chain take: ROOT fetch take *read@libc
 * chain futex: ROOT stop_here hold syscall@libc
 * chain lock: ROOT queue lock_it +@libc
 * chain peer: THREAD serve wait_for_turn +@libc
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "burn.h"

#define ROUNDS 15

static int ends[2];
static atomic_uint word, turn;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE void pause_ms(long ms)
{
	struct timespec time = {.tv_nsec = ms * 1000000};

	nanosleep(&time, NULL);
	NO_TAIL();
}

static NOINLINE void wait_for_turn(long ms)
{
	struct timespec time = {.tv_nsec = ms * 1000000};

	nanosleep(&time, NULL);
	NO_TAIL();
}

static NOINLINE void await(unsigned int value)
{
	while (atomic_load(&turn) != value)
		__asm__ volatile("pause");
}

/* Ends what main waits for: a read after 20 ms, a futex after 30, a mutex after 10. */
static NOINLINE void *serve(void *unused)
{
	for (int i = 0; i < ROUNDS; i++) {
		await(1);
		wait_for_turn(20);
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		await(2);
		pthread_mutex_lock(&mutex);
		atomic_store(&turn, 3);
		wait_for_turn(30);
		atomic_store(&word, 1);
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		await(4);
		wait_for_turn(10);
		pthread_mutex_unlock(&mutex);
	}
	return unused;
}

static NOINLINE void nap(void)
{
	pause_ms(40);
	NO_TAIL();
}

static NOINLINE void rest(void)
{
	nap();
	NO_TAIL();
}

static NOINLINE void take(void)
{
	char byte;

	if (read(ends[0], &byte, 1) != 1)
		_exit(1);
}

static NOINLINE void fetch(void)
{
	take();
	NO_TAIL();
}

static NOINLINE void hold(void)
{
	while (!atomic_load(&word))
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static NOINLINE void stop_here(void)
{
	hold();
	NO_TAIL();
}

static NOINLINE void lock_it(void)
{
	pthread_mutex_lock(&mutex);
	NO_TAIL();
}

static NOINLINE void queue(void)
{
	lock_it();
	pthread_mutex_unlock(&mutex);
}

int main(void)
{
	double took[3] = {};
	pthread_t thread;

	if (pipe(ends) || pthread_create(&thread, NULL, serve, NULL))
		return 1;
	settle();
	for (int i = 0; i < ROUNDS; i++) {
		rest();
		atomic_store(&turn, 1);
		took[0] -= cpu_seconds(CLOCK_MONOTONIC);
		fetch();
		took[0] += cpu_seconds(CLOCK_MONOTONIC);
		atomic_store(&word, 0);
		atomic_store(&turn, 2);
		await(3);
		took[1] -= cpu_seconds(CLOCK_MONOTONIC);
		stop_here();
		took[1] += cpu_seconds(CLOCK_MONOTONIC);
		atomic_store(&turn, 4);
		took[2] -= cpu_seconds(CLOCK_MONOTONIC);
		queue();
		took[2] += cpu_seconds(CLOCK_MONOTONIC);
		atomic_store(&turn, 0);
	}
	pthread_join(thread, NULL);
	printf("wait take %d %.0f\nwait futex %d %.0f\nwait lock %d %.0f\n", 20 * ROUNDS,
	       took[0] * 1000, 30 * ROUNDS, took[1] * 1000, 10 * ROUNDS, took[2] * 1000);
	return 0;
}
