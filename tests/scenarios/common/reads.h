/* SPDX-License-Identifier: BSD-2-Clause */
/* A load that reads a file, one block after the other, at random places. */
#ifndef SCENARIO_READS_H
#define SCENARIO_READS_H

#include <sys/stat.h>

#include "flat.h"
#include "life.h"

/* Reads blocks for so many seconds, with some work on each. Exits with 1 where it cannot. */
static inline void reads_run(int fd, char *block, size_t size, uint64_t steps, long seconds)
{
	uint64_t begin, end, done = 0, random = 88172645463325252ull;
	struct flat f = {1, 0};
	struct stat st;

	if (fstat(fd, &st) || st.st_size < (off_t)size)
		exit(1);
	begin = now_ns();
	end = begin + (uint64_t)seconds * 1000000000ull;
	while (now_ns() < end) {
		off_t at;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		at = (off_t)(random % ((uint64_t)st.st_size / size) * size);
		if (pread(fd, block, size, at) != (ssize_t)size)
			exit(1);
		f.value ^= (uint64_t)block[random % size];
		flat_work(&f, steps);
		done++;
	}
	throughput_print(done, begin);
}

#endif
