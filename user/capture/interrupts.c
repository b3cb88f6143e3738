/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/interrupts.h"
#include "util/clock.h"
#include "util/vec.h"

#define PERIOD_NS  100000ULL
#define MEASURE_NS 4000000ULL
/* Where it does not have a CPU for itself. */
#define MEASURE_MOST_NS 40000000ULL
/* A pause in the loop that is shorter is the loop itself. */
#define GAP_NS 300
#define GAPS   1024
/* Fewer interrupts than this say nothing. */
#define ENOUGH 8
/*
 * The loop goes through so much memory, as programs do: an interrupt that finds its own code and
 * data in the caches is cheaper than those that a program will see.
 */
#define CACHE_BYTES (1U << 20)
#define LINE_STEP   (64 * 17) /* not the next line, which the processor would fetch by itself */
#define LINES       16        /* between two looks at the clock */

/*
 * What an interrupt pushes out of the caches is fetched again behind the pause. The timer alone
 * took 18.0 us of programs that keep little in memory, as long as the pause, and 23.2 of Python
 * with SQLite (docs/performance.md, slowdown).
 */
#define REFETCHED 1.3

struct interrupts {
	pthread_t thread;
	double ns;
};

static int compare_falling(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y) - (x > y);
}

/* Notes the pauses in a loop that does nothing else; returns how many there were, GAPS at most. */
static size_t gaps_note(uint64_t gaps[GAPS], volatile unsigned char *memory)
{
	uint64_t begin = time_now(), last = begin, now = begin, ran = 0;
	size_t count = 0;
	uint32_t at = 0;

	while (ran < MEASURE_NS && now - begin < MEASURE_MOST_NS && count < GAPS) {
		for (int i = 0; i < LINES; i++) {
			memory[at]++;
			at = (at + LINE_STEP) % CACHE_BYTES;
		}
		now = time_now();
		if (now - last >= GAP_NS)
			gaps[count++] = now - last;
		ran += now - last < PERIOD_NS ? now - last : 0;
		last = now;
	}
	return count;
}

/*
 * The longest pauses, as many as there were interrupts, are these, but for the few that something
 * else made: their median.
 */
static double measure(uint64_t gaps[GAPS], volatile unsigned char *memory)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	uint64_t counted_ns = 0;
	size_t gap_count, interrupts, middle;

	if (fd < 0)
		return 0;
	gap_count = gaps_note(gaps, memory);
	if (read(fd, &counted_ns, sizeof(counted_ns)) != (ssize_t)sizeof(counted_ns))
		counted_ns = 0;
	close(fd);
	interrupts = counted_ns / PERIOD_NS;
	if (interrupts > gap_count)
		interrupts = gap_count;
	if (interrupts < ENOUGH)
		return 0;
	qsort(gaps, gap_count, sizeof(*gaps), compare_falling);
	middle = interrupts / 2;
	return (double)gaps[middle] * REFETCHED;
}

static void *measure_work(void *context)
{
	struct interrupts *interrupts = context;
	uint64_t *gaps = calloc(GAPS, sizeof(*gaps));
	unsigned char *memory = malloc(CACHE_BYTES);

	if (gaps && memory) {
		/* Page faults are pauses, too. */
		memset(gaps, 1, GAPS * sizeof(*gaps));
		memset(memory, 1, CACHE_BYTES);
		interrupts->ns = measure(gaps, memory);
	}
	free(gaps);
	free(memory);
	return NULL;
}

struct interrupts *interrupts_measure(void)
{
	struct interrupts *interrupts = calloc(1, sizeof(*interrupts));

	if (interrupts && pthread_create(&interrupts->thread, NULL, measure_work, interrupts)) {
		free(interrupts);
		return NULL;
	}
	return interrupts;
}

double interrupts_ns(struct interrupts *interrupts)
{
	double ns;

	if (!interrupts)
		return 0;
	pthread_join(interrupts->thread, NULL);
	ns = interrupts->ns;
	free(interrupts);
	return ns;
}
