/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two stages that share the work on items: the first sends items to the second and gets its
 * answers, by two pipes. Each item is 2 µs of work on both sides.
 *
 *   relay SECONDS RATE PAIRS ITEMS-A-MESSAGE
 */
#include <pthread.h>

#include "flat.h"
#include "life.h"

enum { MOST = 1024 };

struct pair {
	int there[2], back[2];
	uint64_t done;
	uint64_t pad[7];
};

static uint64_t rate;
static size_t many;

static void all_read(int fd, uint64_t *items)
{
	char *to = (char *)items;

	for (size_t have = 0, all = many * sizeof(*items); have < all;) {
		ssize_t n = read(fd, to + have, all - have);

		if (n <= 0)
			exit(1);
		have += (size_t)n;
	}
}

static void all_write(int fd, const uint64_t *items)
{
	if (write(fd, items, many * sizeof(*items)) != (ssize_t)(many * sizeof(*items)))
		exit(1);
}

static void items_work(struct flat *f, uint64_t *items)
{
	for (size_t i = 0; i < many; i++) {
		f->value ^= items[i];
		flat_work(f, rate / 500);
		items[i] = f->value;
	}
}

static __attribute__((noipa)) void stage_exchange(struct pair *pair, uint64_t *items)
{
	all_write(pair->there[1], items);
	all_read(pair->back[0], items);
	__atomic_fetch_add(&pair->done, many, __ATOMIC_RELAXED);
}

static void *first_run(void *arg)
{
	struct flat f = {(uintptr_t)arg, 0};
	uint64_t items[MOST] = {};

	for (;;) {
		items_work(&f, items);
		stage_exchange(arg, items);
	}
	return NULL;
}

static __attribute__((noipa)) void stage_answer(struct pair *pair, struct flat *f, uint64_t *items)
{
	all_read(pair->there[0], items);
	items_work(f, items);
	all_write(pair->back[1], items);
	f->next %= 40; /* no tail call */
}

static void *second_run(void *arg)
{
	struct flat f = {(uintptr_t)arg + 1, 0};
	uint64_t items[MOST];

	for (;;)
		stage_answer(arg, &f, items);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t begin, sum = 0;
	struct pair *pairs;
	long seconds, n;

	if (argc != 5)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	rate = (uint64_t)number_parse(argv[2], 500, 10000000);
	n = number_parse(argv[3], 1, 512);
	many = (size_t)number_parse(argv[4], 1, 512); /* fits into a pipe */
	life_bound((int)seconds);
	pairs = calloc((size_t)n, sizeof(*pairs));
	if (!pairs)
		return 1;
	begin = now_ns();
	for (long i = 0; i < n; i++) {
		pthread_t thread;

		if (pipe(pairs[i].there) || pipe(pairs[i].back) ||
		    pthread_create(&thread, NULL, first_run, &pairs[i]) ||
		    pthread_create(&thread, NULL, second_run, &pairs[i]))
			return 1;
	}
	sleep_us((double)seconds * 1e6);
	for (long i = 0; i < n; i++)
		sum += __atomic_load_n(&pairs[i].done, __ATOMIC_RELAXED);
	throughput_print(sum, begin);
	fflush(stdout);
	_exit(0);
}
