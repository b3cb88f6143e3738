/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service in which one function takes about 60 % of the CPU time. Each worker takes requests off
 * a queue of text lines: it splits the line, looks its key up, mixes the payload and writes the
 * answer. With -q the look-up does the same with a binary search instead of a linear one.
 */
#include <pthread.h>
#include <string.h>

#include "life.h"

enum { KEYS = 1024, KEY_LEN = 16, PAYLOAD = 300 };

struct worker {
	pthread_t thread;
	uint64_t served, random, sum;
	char line[KEY_LEN + PAYLOAD + 8], answer[4 * PAYLOAD];
	unsigned char bytes[PAYLOAD];
};

static char keys[KEYS][KEY_LEN];
static int by_search;

static uint64_t random_next(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static __attribute__((noipa)) void take_line(struct worker *w)
{
	uint64_t pick = random_next(w);

	memcpy(w->line, keys[pick % KEYS], KEY_LEN - 1);
	w->line[KEY_LEN - 1] = ' ';
	for (int i = 0; i < PAYLOAD; i++)
		w->line[KEY_LEN + i] = (char)('a' + ((pick >> (i % 32)) + (uint64_t)i) % 26);
	w->line[KEY_LEN + PAYLOAD] = 0;
}

static __attribute__((noipa)) size_t split_line(struct worker *w)
{
	size_t n = 0;

	for (const char *c = w->line + KEY_LEN; *c && n < PAYLOAD; c++, n++)
		w->bytes[n] = (unsigned char)((*c - 'a') * 7 + (int)n);
	return n;
}

static __attribute__((noipa)) int find_key(const char *key)
{
	if (by_search) {
		int low = 0, high = KEYS;

		while (low < high) {
			int middle = (low + high) / 2,
			    order = memcmp(keys[middle], key, KEY_LEN - 1);

			if (order == 0)
				return middle;
			if (order < 0)
				low = middle + 1;
			else
				high = middle;
		}
		return -1;
	}
	for (int i = 0; i < KEYS; i++) {
		int k = 0;

		while (k < KEY_LEN - 1 && keys[i][k] == key[k])
			k++;
		if (k == KEY_LEN - 1)
			return i;
	}
	return -1;
}

static __attribute__((noipa)) uint64_t mix_bytes(struct worker *w, size_t n, int key)
{
	uint64_t sum = (uint64_t)key;

	for (size_t i = 0; i < n; i++) {
		sum = (sum ^ w->bytes[i]) * 0x100000001b3ull;
		w->bytes[i] = (unsigned char)(sum >> 56);
	}
	return sum;
}

static __attribute__((noipa)) void put_answer(struct worker *w, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *out = w->answer;

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[w->bytes[i] >> 4];
		*out++ = digits[w->bytes[i] & 15];
		if (i % 32 == 31)
			*out++ = '\n';
	}
	*out = 0;
}

static __attribute__((noipa)) void serve_request(struct worker *w)
{
	size_t n;

	take_line(w);
	n = split_line(w);
	w->sum += mix_bytes(w, n, find_key(w->line));
	put_answer(w, n);
	w->served++;
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;

	for (;;)
		serve_request(w);
	return NULL;
}

int main(int argc, char **argv)
{
	long seconds, threads;
	struct worker *workers;
	uint64_t begin, served = 0;

	if (argc < 3)
		return 2;
	seconds = number_parse(argv[1], 1, 3600);
	threads = number_parse(argv[2], 1, 4096);
	by_search = argc > 3;
	life_bound((int)seconds);
	/* Sorted, and alike in their first bytes as real keys are. */
	for (int i = 0; i < KEYS; i++)
		snprintf(keys[i], KEY_LEN, "item-%010d", i * 7919);
	workers = calloc((size_t)threads, sizeof(*workers));
	if (!workers)
		return 1;
	begin = now_ns();
	for (long i = 0; i < threads; i++) {
		workers[i].random = 88172645463325252ull + (uint64_t)i;
		if (pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]))
			return 1;
	}
	sleep_us((double)seconds * 1e6);
	for (long i = 0; i < threads; i++)
		served += *(volatile uint64_t *)&workers[i].served;
	throughput_print(served, begin);
	fflush(stdout);
	_exit(0);
}
