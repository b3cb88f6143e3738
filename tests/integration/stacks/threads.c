/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads of pthread_create, one of a bare clone(), and a child of fork() that runs on without
 * exec.
 *
 * chain one: THREAD first_thread share leaf
 * chain two: THREAD second_thread leaf
 * chain bare: *clone@libc|nameless@libc bare_thread leaf
 * chain child: ROOT start_child child_work leaf
 * chain main: ROOT +@libc
 * chain main: ROOT start_child +@libc
 * atleast one 0.15
 * atleast two 0.15
 * atleast bare 0.15
 * atleast child 0.15
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "burn.h"

static char room[65536] __attribute__((aligned(16)));

static NOINLINE void leaf(double seconds)
{
	double until = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) + seconds;

	do {
		for (int i = 0; i < 100; i++)
			burn();
	} while (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) < until);
}

static NOINLINE void share(void)
{
	leaf(SECONDS / 3);
	NO_TAIL();
}

static NOINLINE void *first_thread(void *unused)
{
	share();
	return unused;
}

static NOINLINE void *second_thread(void *unused)
{
	leaf(SECONDS / 3);
	return unused;
}

static NOINLINE int bare_thread(void *unused)
{
	(void)unused;
	leaf(SECONDS / 3);
	return 0;
}

static NOINLINE void child_work(void)
{
	leaf(SECONDS / 3);
	NO_TAIL();
}

static NOINLINE pid_t start_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		child_work();
		_exit(0);
	}
	return pid;
}

int main(void)
{
	pthread_t one, two;
	pid_t child;
	int bare;

	settle();
	child = start_child();
	bare = clone(bare_thread, room + sizeof(room), CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD,
		     NULL);

	if (child < 0 || bare < 0 || pthread_create(&one, NULL, first_thread, NULL) ||
	    pthread_create(&two, NULL, second_thread, NULL))
		return 1;
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	waitpid(child, NULL, 0);
	waitpid(bare, NULL, 0);
	return 0;
}
