/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several processes share a table in a mapped file, and the mutex in it. Each of a process' threads
 * works for HELD microseconds under the mutex, then sleeps for APART, again and again.
 *
 *   table FILE SECONDS RATE THREADS HELD APART
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "flat.h"
#include "life.h"

struct table {
	pthread_mutex_t lock;
	uint64_t changes;
};

static struct table *table;
static uint64_t rate, done;
static long held, apart;

/* The first who comes makes the table, under a name that nobody looks for yet. */
static struct table *table_open(const char *path)
{
	char fresh[4096];
	pthread_mutexattr_t attr;
	struct table *at;
	int fd = open(path, O_RDWR);

	if (fd >= 0)
		return mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid());
	fd = open(fresh, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*at)))
		return MAP_FAILED;
	at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return at;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&at->lock, &attr);
	if (link(fresh, path)) {
		unlink(fresh);
		return table_open(path);
	}
	unlink(fresh);
	return at;
}

static __attribute__((noipa)) void change_row(struct flat *f)
{
	pthread_mutex_lock(&table->lock);
	flat_work(f, rate * (uint64_t)held / 1000);
	table->changes++;
	pthread_mutex_unlock(&table->lock);
	f->next %= 40; /* no tail call: this function is still there while the mutex is let go */
}

static void *thread_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};

	for (;;) {
		change_row(&f);
		__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
		sleep_us((double)apart);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds, threads;

	if (argc != 7)
		return 2;
	seconds = number_parse(argv[2], 1, 3600);
	rate = (uint64_t)number_parse(argv[3], 20, 10000000);
	threads = number_parse(argv[4], 1, 4096);
	held = number_parse(argv[5], 1, 1000000);
	apart = number_parse(argv[6], 1, 1000000);
	life_bound((int)seconds);
	table = table_open(argv[1]);
	if (table == MAP_FAILED)
		return 1;
	threads_run(seconds, threads, thread_run, &done);
}
