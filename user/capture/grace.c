/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capture/grace.h"

/* A program runs for microseconds; it is waited for so long at most. */
#define READERS_NS 50000000L

/* Grace periods that were asked for and are not over: the kernel's state, not a session's. */
static atomic_int readers_waited;

/* synchronize_rcu(), which kernels with nohz_full CPUs refuse. */
static void *readers_wait(void *unused)
{
	(void)unused;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(READERS_NS / 1000);
	atomic_fetch_sub(&readers_waited, 1);
	return NULL;
}

/* All signals are for the main thread. 0, or a positive errno. */
static int readers_wait_begin(pthread_t *thread)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&readers_waited, 1);
	err = pthread_create(thread, NULL, readers_wait, NULL);
	if (err)
		atomic_fetch_sub(&readers_waited, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static struct timespec readers_deadline(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += READERS_NS;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_nsec -= 1000000000L;
		at.tv_sec++;
	}
	return at;
}

void grace_wait(void)
{
	struct timespec deadline = readers_deadline();
	pthread_t thread;

	if (readers_wait_begin(&thread))
		usleep(READERS_NS / 1000);
	else if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &deadline))
		pthread_detach(thread);
}

void grace_begin(void)
{
	pthread_t thread;

	if (!readers_wait_begin(&thread))
		pthread_detach(thread);
}

bool grace_late(void)
{
	return atomic_load(&readers_waited) > 0;
}
