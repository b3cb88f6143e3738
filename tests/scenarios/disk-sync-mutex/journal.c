/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four times as many threads as CPUs share a journal. Each makes an entry and appends it under the
 * mutex of the journal; after every N entries, still under the mutex, all are made durable.
 *
 *   journal FILE SECONDS RATE THREADS N
 */
#include <fcntl.h>
#include <string.h>

#include "flat.h"
#include "life.h"

enum { ENTRY = 200, FILE_MAX = 64 << 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t rate, done;
static long every, pending;
static off_t size;
static int fd;

static __attribute__((noipa)) void store_entry(struct flat *f, const char *entry)
{
	pthread_mutex_lock(&lock);
	if (pwrite(fd, entry, ENTRY, size) != ENTRY)
		_exit(1);
	size = size < FILE_MAX ? size + ENTRY : 0;
	if (++pending >= every) {
		if (fdatasync(fd))
			_exit(1);
		done += (uint64_t)pending;
		pending = 0;
	}
	pthread_mutex_unlock(&lock);
	f->next %= 40; /* no tail call: this function is still there while the mutex is let go */
}

static void *thread_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};
	char entry[ENTRY];

	for (;;) {
		flat_work(&f, rate / 20); /* 50 µs to make the entry */
		memset(entry, 'a' + (int)(f.value % 26), ENTRY);
		store_entry(&f, entry);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds, threads;

	if (argc != 6)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	rate = (uint64_t)number_parse(argv[3], 20, 10000000);
	threads = number_parse(argv[4], 1, 4096);
	every = number_parse(argv[5], 1, 1000000);
	life_bound((int)seconds);
	fd = open(argv[1], O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (fd < 0)
		return 1;
	threads_run(seconds, threads, thread_run, &done);
}
