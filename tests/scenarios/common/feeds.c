/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service of computing threads and of feeds. A feed takes messages from its pipe, where one comes
 * every 20 ms, and does 0.1 ms for each; the computing threads do units of one millisecond and
 * pause for PAUSE microseconds after each. How a feed waits for the next message is the mode: "ask"
 * looks whether there is one and looks again, "nap" sleeps 0.1 ms in between, "wait" lets the
 * kernel tell.
 *
 *   feeds SECONDS RATE FEEDS THREADS PAUSE ask|nap|wait
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>

#include "flat.h"
#include "life.h"

static uint64_t rate;
static long pause_us;
static char mode;

struct feed {
	pthread_t thread;
	int in, out, events;
	uint64_t messages;
};

struct worker {
	pthread_t thread;
	volatile uint64_t units;
	char line[48]; /* a cache line each */
};

static __attribute__((noipa)) void next_message(struct feed *feed)
{
	struct epoll_event event;
	char message;

	if (mode == 'n')
		while (read(feed->in, &message, 1) != 1)
			usleep(100);
	else {
		while (epoll_wait(feed->events, &event, 1, mode == 'a' ? 0 : -1) != 1)
			;
		if (read(feed->in, &message, 1) != 1)
			exit(1);
	}
	feed->messages++;
}

static void *feed_run(void *arg)
{
	struct feed *feed = arg;
	struct flat f = {(uintptr_t)arg, 0};

	for (;;) {
		next_message(feed);
		flat_work(&f, rate / 10);
	}
	return NULL;
}

static void *source_run(void *arg)
{
	struct feed *feeds = arg;

	for (;;) {
		for (struct feed *feed = feeds; feed->out; feed++)
			if (write(feed->out, "m", 1) != 1)
				exit(1);
		sleep_us(20000);
	}
	return NULL;
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;
	struct flat f = {(uintptr_t)arg, 0};

	for (;;) {
		flat_work(&f, rate);
		worker->units++;
		if (pause_us)
			usleep((useconds_t)pause_us);
	}
	return NULL;
}

static int feed_open(struct feed *feed)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ends[2];

	if (pipe2(ends, O_NONBLOCK))
		return 1;
	feed->in = ends[0];
	feed->out = ends[1];
	feed->events = epoll_create1(0);
	return epoll_ctl(feed->events, EPOLL_CTL_ADD, feed->in, &event);
}

int main(int argc, char **argv)
{
	long seconds, feeds, threads;
	struct worker *workers;
	struct feed *all;
	pthread_t source;
	uint64_t begin, units = 0;

	if (argc != 7 || !strchr("anw", argv[6][0]))
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 10, 10000000);
	feeds = number_parse(argv[3], 1, 400);
	threads = number_parse(argv[4], 1, 4096);
	pause_us = number_parse(argv[5], 0, 1000000);
	mode = argv[6][0];
	life_bound((int)seconds);
	all = calloc((size_t)feeds + 1, sizeof(*all));
	workers = calloc((size_t)threads, sizeof(*workers));
	if (!all || !workers)
		return 1;
	for (long i = 0; i < feeds; i++)
		if (feed_open(&all[i]) || pthread_create(&all[i].thread, NULL, feed_run, &all[i]))
			return 1;
	begin = now_ns();
	for (long i = 0; i < threads; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			return 1;
	if (pthread_create(&source, NULL, source_run, all))
		return 1;
	sleep_us((double)seconds * 1e6);
	for (long i = 0; i < threads; i++)
		units += workers[i].units;
	throughput_print(units, begin);
	fflush(stdout);
	_exit(0);
}
