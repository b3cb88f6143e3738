/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that each do jobs: a microsecond or so of work, then save_record() writes 256 KiB over
 * the record before it, at a place of the thread's own. All write to one file, or each to its own.
 *
 *   records SECONDS RATE THREADS FILE one|own
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>

#include "flat.h"
#include "life.h"

enum { SIZE = 256 << 10 };

static uint64_t rate, done;
static char record[SIZE];

struct writer {
	pthread_t thread;
	int file;
	off_t at;
};

static __attribute__((noipa)) void save_record(const struct writer *writer)
{
	if (pwrite(writer->file, record, SIZE, writer->at) != SIZE)
		exit(1);
	__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
}

static void *writer_run(void *arg)
{
	struct writer *writer = arg;
	struct flat f = {(uintptr_t)arg, 0};

	for (;;) {
		flat_work(&f, rate / 500);
		save_record(writer);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds, threads;
	struct writer *writers;
	uint64_t begin;
	int one = -1;

	if (argc != 6)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 10, 10000000);
	threads = number_parse(argv[3], 1, 1024);
	life_bound((int)seconds);
	writers = calloc((size_t)threads, sizeof(*writers));
	if (!writers)
		return 1;
	begin = now_ns();
	for (long i = 0; i < threads; i++) {
		char name[4096];

		writers[i].at = (off_t)i * SIZE;
		writers[i].file = one;
		if (one < 0 || strcmp(argv[5], "one") != 0) {
			snprintf(name, sizeof(name), "%s.%ld", argv[4], i);
			one = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			if (one < 0)
				return 1;
			writers[i].file = one;
		}
		if (pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]))
			return 1;
	}
	threads_end(seconds, begin, &done);
}
