/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks up random 4 KiB blocks of a file, one after the other, and computes 20 µs on each. With
 * "direct" each comes from the disk, with "cached" from the page cache.
 *
 *   lookup FILE SECONDS RATE direct|cached
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "reads.h"

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
	uint64_t rate;
	long seconds;
	char *block;
	int fd;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	rate = (uint64_t)number_parse(argv[3], 10, 10000000);
	life_bound((int)seconds);
	fd = file_open(argv[1], argv[4][0] == 'd');
	if (fd < 0)
		return 1;
	if (posix_memalign((void **)&block, BLOCK, BLOCK))
		return 1;
	reads_run(fd, block, BLOCK, rate / 50, seconds);
	return 0;
}
