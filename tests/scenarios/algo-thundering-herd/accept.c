/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service on a Unix socket: threads that wait with an epoll instance each for connections to the
 * one listening socket. A job is a connection: a number in, 50 µs of work, a number out.
 *
 *   accept SECONDS RATE THREADS all|one PATH
 *
 * "all": each of the threads is told of each connection; "one": one of them.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "flat.h"
#include "life.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static uint64_t rate, done;
static uint32_t events = EPOLLIN;
static int listener;

static void job_do(int fd, struct flat *f)
{
	uint64_t number;

	if (read(fd, &number, sizeof(number)) != sizeof(number))
		return;
	f->value ^= number;
	flat_work(f, rate / 20);
	if (write(fd, &f->value, sizeof(f->value)) == sizeof(f->value))
		__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
}

static __attribute__((noipa)) int next_take(int epoll)
{
	struct epoll_event event;

	if (epoll_wait(epoll, &event, 1, -1) < 0)
		return -1;
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void *thread_run(void *arg)
{
	struct epoll_event event = {.events = events};
	struct flat f = {(uintptr_t)arg + 1, 0};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		exit(1);
	for (;;) {
		int fd = next_take(epoll);

		if (fd < 0)
			continue;
		job_do(fd, &f);
		close(fd);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds, threads;
	pthread_t thread;
	uint64_t begin;

	if (argc != 6 || strlen(argv[5]) >= sizeof(address.sun_path))
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 20, 10000000);
	threads = number_parse(argv[3], 1, 4096);
	if (argv[4][0] == 'o')
		events |= EPOLLEXCLUSIVE;
	strcpy(address.sun_path, argv[5]);
	life_bound((int)seconds);
	unlink(argv[5]);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 512))
		return 1;
	begin = now_ns();
	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, thread_run, (void *)i))
			return 1;
	sleep_us((double)seconds * 1e6);
	throughput_print(__atomic_load_n(&done, __ATOMIC_RELAXED), begin);
	fflush(stdout);
	_exit(0);
}
