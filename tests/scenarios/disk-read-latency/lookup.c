/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks up random 4 KiB blocks of a file, one after the other, and computes 20 µs on each. With
 * "direct" each comes from the disk, with "cached" from the page cache.
 *
 *   lookup FILE SECONDS RATE direct|cached
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "flat.h"
#include "life.h"

enum { BLOCK = 4096 };

static int file_open(const char *path, int direct)
{
	int fd = open(path, O_RDONLY | (direct ? O_DIRECT : 0));

	if (fd < 0)
		perror(path);
	else if (!direct)
		readahead(fd, 0, 1 << 30);
	return fd;
}

int main(int argc, char **argv)
{
	struct flat f = {1, 0};
	uint64_t begin, end, done = 0, rate, random = 88172645463325252ull;
	struct stat st;
	long seconds;
	char *block;
	int fd;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	rate = (uint64_t)number_parse(argv[3], 10, 10000000);
	life_bound((int)seconds);
	fd = file_open(argv[1], argv[4][0] == 'd');
	if (fd < 0 || fstat(fd, &st) || st.st_size < BLOCK)
		return 1;
	if (posix_memalign((void **)&block, BLOCK, BLOCK))
		return 1;
	begin = now_ns();
	end = begin + (uint64_t)seconds * 1000000000ull;
	while (now_ns() < end) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (pread(fd, block, BLOCK,
			  (off_t)(random % (uint64_t)(st.st_size / BLOCK)) * BLOCK) != BLOCK)
			return 1;
		f.value ^= (uint64_t)block[random % BLOCK];
		flat_work(&f, rate / 50);
		done++;
	}
	throughput_print(done, begin);
	return 0;
}
