/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Appends records of 200 bytes to a log and makes them durable after every N of them. Prints the
 * records per second that are durable.
 *
 *   append FILE SECONDS RATE N
 */
#include <fcntl.h>
#include <string.h>

#include "flat.h"
#include "life.h"

enum { RECORD = 200, FILE_MAX = 64 << 20 };

int main(int argc, char **argv)
{
	struct flat f = {1, 0};
	uint64_t begin, end, done = 0, rate;
	long seconds, every, pending = 0;
	char record[RECORD];
	off_t size = 0;
	int fd;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	rate = (uint64_t)number_parse(argv[3], 10, 10000000);
	every = number_parse(argv[4], 1, 1000000);
	life_bound((int)seconds);
	fd = open(argv[1], O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (fd < 0)
		return 1;
	begin = now_ns();
	end = begin + (uint64_t)seconds * 1000000000ull;
	while (now_ns() < end) {
		flat_work(&f, rate / 50); /* 20 µs to make the record */
		memset(record, 'a' + (int)(f.value % 26), RECORD);
		if (write(fd, record, RECORD) != RECORD)
			return 1;
		size += RECORD;
		if (++pending < every)
			continue;
		if (fdatasync(fd))
			return 1;
		done += (uint64_t)pending;
		pending = 0;
		if (size > FILE_MAX) {
			if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
				return 1;
			size = 0;
		}
	}
	throughput_print(done, begin);
	return 0;
}
