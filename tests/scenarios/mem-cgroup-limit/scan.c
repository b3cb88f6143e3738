/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads random pieces of 64 KiB of a file through the page cache and computes 50 µs on each.
 *
 *   scan FILE SECONDS RATE
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "flat.h"
#include "life.h"

enum { PIECE = 64 << 10 };

int main(int argc, char **argv)
{
	static char piece[PIECE];
	struct flat f = {1, 0};
	uint64_t begin, end, done = 0, rate, random = 88172645463325252ull;
	struct stat st;
	long seconds;
	int fd;

	if (argc != 4)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	rate = (uint64_t)number_parse(argv[3], 10, 10000000);
	life_bound((int)seconds + 10);
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || st.st_size < PIECE)
		return 1;
	/* As after a start of the service: the cache is warm as far as it may be. */
	while (read(fd, piece, PIECE) > 0)
		continue;
	begin = now_ns();
	end = begin + (uint64_t)seconds * 1000000000ull;
	while (now_ns() < end) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (pread(fd, piece, PIECE,
			  (off_t)(random % (uint64_t)(st.st_size / PIECE)) * PIECE) != PIECE)
			return 1;
		f.value ^= (uint64_t)piece[random % PIECE];
		flat_work(&f, rate / 20);
		done++;
	}
	throughput_print(done, begin);
	return 0;
}
