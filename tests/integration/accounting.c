/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Known amounts of what can be lost, for accounting.sh. Linked statically: the dynamic linker has
 * calls and faults of its own.
 *
 *   calls N            N of each of ten system calls; prints how many in all
 *   peers COUNT N      N datagrams to each of so many ports of this host; prints how many in all
 *   faults COUNT N     so many children, each of which touches N fresh pages; prints their minor
 *                      faults
 *   listeners COUNT    so many sockets that listen
 *   hog BYTES          touches so much memory: meant to be killed
 *   places COUNT       sleeps for a moment at so many depths of its stack, one after the other
 *   waits SECONDS      64 threads, each of which waits for its pipe 2 ms at a time
 *   threads COUNT      so many, which sleep until SIGTERM; prints "ready"
 *   unreadable SECONDS computes, with a part of its stack that nobody can read
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void do_calls(long each)
{
	static const long calls[] = {SYS_getpid,  SYS_getppid, SYS_getuid,  SYS_geteuid, SYS_getgid,
				     SYS_getegid, SYS_gettid,  SYS_getpgrp, SYS_times,   SYS_umask};
	const long kinds = sizeof(calls) / sizeof(calls[0]);

	for (long i = 0; i < each; i++)
		for (long kind = 0; kind < kinds; kind++)
			syscall(calls[kind], 0);
	printf("%ld\n", each * kinds);
}

static void do_peers(int count, int each)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int sent = 0;

	for (int peer = 0; peer < count; peer++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		address.sin_port = htons((uint16_t)(40000 + peer));
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
			fail("connect");
		/* Nobody is there: every other one is told so instead. */
		for (int i = 0; i < each; i++)
			sent += send(fd, "x", 1, 0) == 1;
		close(fd);
	}
	printf("%d\n", sent);
}

static void do_faults(int count, size_t pages)
{
	struct rusage usage;

	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (!child) {
			char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (memory == MAP_FAILED)
				_exit(1);
			madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
			for (size_t page = 0; page < pages; page++)
				memory[page * PAGE] = 1;
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("%ld\n", usage.ru_minflt);
}

static void do_listeners(int count)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (int i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
			fail("listen");
	}
	printf("%d\n", count);
}

static void do_hog(size_t bytes)
{
	char *memory = malloc(bytes);

	if (!memory)
		fail("malloc");
	for (size_t at = 0; at < bytes; at += PAGE)
		((volatile char *)memory)[at] = 1;
	free(memory);
}

__attribute__((noinline)) static int do_places(int left)
{
	struct timespec moment = {.tv_nsec = 1000};

	nanosleep(&moment, NULL);
	return left ? do_places(left - 1) + 1 : 0;
}

static void *thread_read(void *pipe)
{
	char byte;

	while (read(*(int *)pipe, &byte, 1) == 1)
		;
	return NULL;
}

static void do_waits(double seconds)
{
	static int pipes[64][2];
	const size_t count = sizeof(pipes) / sizeof(pipes[0]);
	pthread_t thread;

	for (size_t i = 0; i < count; i++)
		if (pipe(pipes[i]) || pthread_create(&thread, NULL, thread_read, &pipes[i][0]))
			fail("pipe");
	for (int round = 0; round < seconds * 500; round++) {
		usleep(2000);
		for (size_t i = 0; i < count; i++)
			if (write(pipes[i][1], "x", 1) != 1)
				fail("write");
	}
}

static void *thread_sleep(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void do_threads(int count)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, &small, thread_sleep, NULL))
			fail("pthread_create");
	puts("ready");
	fflush(stdout);
	pause();
}

static char *hole;

/* The frames in the middle of the stack are in two pages that cannot be read meanwhile. */
__attribute__((noinline)) static uint64_t descend(int left, double seconds)
{
	volatile char room[PAGE];
	struct timespec begin, now;
	uint64_t sum = 0;

	room[0] = (char)left;
	if (left == 8)
		hole = (char *)((uintptr_t)room & ~(uintptr_t)(PAGE - 1));
	if (left)
		return descend(left - 1, seconds) + (uint64_t)room[0];
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (mprotect(hole, (size_t)2 * PAGE, PROT_NONE))
		fail("mprotect");
	do {
		for (uint64_t i = 0; i < 1000000; i++)
			sum += i * sum + 1;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((double)(now.tv_sec - begin.tv_sec) + (double)(now.tv_nsec - begin.tv_nsec) / 1e9 <
		 seconds);
	if (mprotect(hole, (size_t)2 * PAGE, PROT_READ | PROT_WRITE))
		fail("mprotect");
	return sum;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "calls"))
		do_calls(atol(argv[2]));
	else if (!strcmp(what, "peers") && argc > 3)
		do_peers(atoi(argv[2]), atoi(argv[3]));
	else if (!strcmp(what, "faults") && argc > 3)
		do_faults(atoi(argv[2]), (size_t)atol(argv[3]));
	else if (!strcmp(what, "places"))
		return do_places(atoi(argv[2])) < 0;
	else if (!strcmp(what, "waits"))
		do_waits(atof(argv[2]));
	else if (!strcmp(what, "listeners"))
		do_listeners(atoi(argv[2]));
	else if (!strcmp(what, "hog"))
		do_hog((size_t)atol(argv[2]));
	else if (!strcmp(what, "threads"))
		do_threads(atoi(argv[2]));
	else if (!strcmp(what, "unreadable"))
		return descend(20, atof(argv[2])) == 42;
	return 0;
}
