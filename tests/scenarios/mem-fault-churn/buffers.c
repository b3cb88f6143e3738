/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes that each handle jobs: a job maps a buffer of 1 MiB, fills it, computes 100 µs and
 * unmaps it. With "keep" the buffer is mapped once.
 *
 *   buffers SECONDS RATE PROCESSES map|keep
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "flat.h"
#include "life.h"

enum { SIZE = 1 << 20, PAGE = 4096 };

static uint64_t rate;
static int keep;

static char *buffer_map(void)
{
	char *b = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		exit(1);
	/* 4 KiB pages on every host. */
	madvise(b, SIZE, MADV_NOHUGEPAGE);
	return b;
}

static void jobs_run(volatile uint64_t *done)
{
	struct flat f = {1, 0};
	char *buffer = keep ? buffer_map() : NULL;

	for (;;) {
		char *b = keep ? buffer : buffer_map();

		for (long i = 0; i < SIZE; i += PAGE / 8)
			b[i] = (char)f.value;
		flat_work(&f, rate / 10);
		if (!keep)
			munmap(b, SIZE);
		++*done;
	}
}

int main(int argc, char **argv)
{
	long seconds, processes;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 10, 10000000);
	processes = number_parse(argv[3], 1, 512);
	keep = argv[4][0] == 'k';
	life_bound((int)seconds);
	processes_run(seconds, processes, jobs_run);
	return 0;
}
