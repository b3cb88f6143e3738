/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads random pieces of 64 KiB of a file through the page cache and computes 50 µs on each.
 *
 *   scan FILE SECONDS RATE
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "reads.h"

enum { PIECE = 64 << 10 };

int main(int argc, char **argv)
{
	static char piece[PIECE];
	uint64_t rate;
	long seconds;
	int fd;

	if (argc != 4)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	rate = (uint64_t)number_parse(argv[3], 10, 10000000);
	life_bound((int)seconds + 10);
	fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		return 1;
	/* As after a start of the service: the cache is warm as far as it may be. */
	while (read(fd, piece, PIECE) > 0)
		continue;
	reads_run(fd, piece, PIECE, rate / 20, seconds);
	return 0;
}
