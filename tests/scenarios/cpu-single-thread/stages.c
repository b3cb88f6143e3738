/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pipeline of three stages joined by pipes: several threads read in, some threads transform,
 * several write out. Transforming costs 1 ms an item, the others a thirtieth of it.
 *
 *   stages SECONDS RATE READERS TRANSFORMERS
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>

#include "flat.h"
#include "life.h"

struct item {
	uint64_t words[8]; /* 64 bytes: divides a page, so that reads take whole items */
};

static int to_transform[2], to_write[2];
static uint64_t rate, written;

static void *reader_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};
	struct item item = {{0}};

	for (;;) {
		flat_work(&f, rate / 30);
		item.words[0] = f.value;
		if (write(to_transform[1], &item, sizeof(item)) != sizeof(item))
			return NULL;
	}
}

static void *transformer_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};
	struct item item;

	while (read(to_transform[0], &item, sizeof(item)) == sizeof(item)) {
		f.value ^= item.words[0];
		flat_work(&f, rate);
		item.words[0] = f.value;
		if (write(to_write[1], &item, sizeof(item)) != sizeof(item))
			break;
	}
	return NULL;
}

static void *writer_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};
	struct item item;

	while (read(to_write[0], &item, sizeof(item)) == sizeof(item)) {
		f.value ^= item.words[0];
		flat_work(&f, rate / 30);
		__atomic_add_fetch(&written, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void stage_start(void *(*run)(void *), long threads)
{
	pthread_t thread;

	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, run, (void *)i))
			exit(1);
}

int main(int argc, char **argv)
{
	long seconds;
	uint64_t begin;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 30, 10000000);
	life_bound((int)seconds);
	/* One page each: the other stages wait for the slowest soon. */
	if (pipe(to_transform) || pipe(to_write) ||
	    fcntl(to_transform[1], F_SETPIPE_SZ, 4096) < 0 ||
	    fcntl(to_write[1], F_SETPIPE_SZ, 4096) < 0)
		return 1;
	begin = now_ns();
	stage_start(writer_run, number_parse(argv[3], 1, 1024));
	stage_start(transformer_run, number_parse(argv[4], 1, 1024));
	stage_start(reader_run, number_parse(argv[3], 1, 1024));
	sleep_us((double)seconds * 1e6);
	throughput_print(__atomic_load_n(&written, __ATOMIC_RELAXED), begin);
	fflush(stdout);
	_exit(0);
}
