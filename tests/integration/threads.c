/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As many threads and switches as a host can do: threads COUNT SECONDS, or until SIGTERM.
 *
 * On each CPU a small ring of threads passes a token on by eventfd, as fast as it can. Most of the
 * others are in large rings whose token rests for 10 ms with each; the rest sleep all the time.
 *
 * Prints "ready" when all threads are there; then, at the end, what was true at several moments:
 *   at REALTIME_NS CPU_NS SWITCHES      of the process so far: time on a CPU, switches
 * and of the whole run:
 *   all THREADS LEAST_NS MOST_NS CPU_NS SWITCHES PASSED
 * The lives of the threads sum to LEAST_NS (first to last instruction) at least and to MOST_NS
 * (before they were made until they were joined) at most, the main thread not included.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MS          1000000LL
#define FAST_RING   16
#define SLOW_RING   100
#define REST_MS     10
#define IDLE_ONE_IN 10
#define STAMPS      1024
#define STACK_BYTES 65536

struct cell {
	int token; /* an eventfd: waiters of a futex would be in long lists, of all threads */
	int next;  /* whom to pass the token to, -1 = nobody: sleeps until the end */
	int cpu;   /* the one to stay on, -1 = any */
	pthread_t thread;
	int64_t made, first, last;
};

static volatile sig_atomic_t asked; /* SIGTERM: to end early */
static atomic_uint stopped;
static atomic_ullong passed;

static void ask(int signal)
{
	(void)signal;
	asked = 1;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 * MS + now.tv_nsec;
}

static void sleep_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * MS};

	nanosleep(&time, NULL);
}

static void token_await(int token)
{
	uint64_t value;

	while (read(token, &value, sizeof(value)) < 0 && errno == EINTR)
		;
}

static void token_give(int token)
{
	uint64_t value = 1;

	if (write(token, &value, sizeof(value)) < 0)
		perror("write");
}

static void *cell_run(void *argument)
{
	struct cell *cell = argument;
	unsigned long long count = 0;
	cpu_set_t one;

	cell->first = now_ns(CLOCK_MONOTONIC);
	if (cell->cpu >= 0) {
		CPU_ZERO(&one);
		CPU_SET(cell->cpu, &one);
		pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	}
	for (;;) {
		token_await(cell->token);
		if (atomic_load(&stopped))
			break;
		if (cell->next < 0)
			continue;
		if (cell->cpu < 0)
			sleep_ms(REST_MS);
		token_give(cell->next);
		count++;
	}
	atomic_fetch_add(&passed, count);
	cell->last = now_ns(CLOCK_MONOTONIC);
	return NULL;
}

/* Cells begin … end - 1 pass a token round. */
static void ring_tie(struct cell *cells, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		cells[i].next = cells[i + 1 < end ? i + 1 : begin].token;
}

static void rings_tie(struct cell *cells, size_t count, const cpu_set_t *cpus)
{
	size_t at = 0, end;

	for (int cpu = 0; cpu < CPU_SETSIZE && at + FAST_RING <= count / 2; cpu++) {
		if (!CPU_ISSET(cpu, cpus))
			continue;
		for (size_t i = at; i < at + FAST_RING; i++)
			cells[i].cpu = cpu;
		ring_tie(cells, at, at + FAST_RING);
		at += FAST_RING;
	}
	end = count - count / IDLE_ONE_IN;
	for (; at + SLOW_RING <= end; at += SLOW_RING)
		ring_tie(cells, at, at + SLOW_RING);
}

static void rings_start(struct cell *cells, size_t count)
{
	/* The first of a ring is the one that the cell before it does not pass to. */
	for (size_t i = 0; i < count; i++)
		if (cells[i].next >= 0 && (i == 0 || cells[i - 1].next != cells[i].token))
			token_give(cells[i].token);
}

/* SIGTERM goes to the main thread: the others are made with it blocked. */
static void term_block(int how)
{
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(how, &term, NULL);
}

static long switches_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

static struct stamp {
	int64_t real, cpu;
	long switches;
} stamps[STAMPS];

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, stamped = 0;
	long long least = 0, most = 0;
	int64_t end, step;
	pthread_attr_t attributes;
	struct rlimit files;
	struct cell *cells;
	cpu_set_t cpus;
	char *stacks;

	if (argc != 3 || count < 2 * FAST_RING) {
		fprintf(stderr, "usage: threads COUNT SECONDS\n");
		return 2;
	}
	cells = calloc(count, sizeof(*cells));
	stacks = mmap(NULL, count * STACK_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!cells || stacks == MAP_FAILED || sched_getaffinity(0, sizeof(cpus), &cpus))
		return 1;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < count; i++) {
		cells[i] = (struct cell){.token = eventfd(0, EFD_CLOEXEC), .next = -1, .cpu = -1};
		if (cells[i].token < 0) {
			perror("eventfd");
			return 1;
		}
	}
	rings_tie(cells, count, &cpus);
	term_block(SIG_BLOCK);
	for (size_t i = 0; i < count; i++) {
		pthread_attr_init(&attributes);
		/* No guard pages: a process may have some 65,000 mappings. */
		pthread_attr_setstack(&attributes, stacks + i * STACK_BYTES, STACK_BYTES);
		cells[i].made = now_ns(CLOCK_MONOTONIC);
		errno = pthread_create(&cells[i].thread, &attributes, cell_run, &cells[i]);
		if (errno) {
			perror("pthread_create");
			return 1;
		}
	}
	signal(SIGTERM, ask);
	term_block(SIG_UNBLOCK);
	puts("ready");
	fflush(stdout);
	rings_start(cells, count);
	step = strtol(argv[2], NULL, 10) * 1000 / STAMPS + 20;
	end = now_ns(CLOCK_MONOTONIC) + strtol(argv[2], NULL, 10) * 1000 * MS;
	while (now_ns(CLOCK_MONOTONIC) < end && !asked) {
		if (stamped < STAMPS)
			stamps[stamped++] =
				(struct stamp){now_ns(CLOCK_REALTIME),
					       now_ns(CLOCK_PROCESS_CPUTIME_ID), switches_now()};
		sleep_ms(step);
	}
	atomic_store(&stopped, 1);
	for (size_t i = 0; i < count; i++)
		token_give(cells[i].token);
	if (stamped < STAMPS)
		stamps[stamped++] = (struct stamp){
			now_ns(CLOCK_REALTIME), now_ns(CLOCK_PROCESS_CPUTIME_ID), switches_now()};
	for (size_t i = 0; i < count; i++) {
		pthread_join(cells[i].thread, NULL);
		least += cells[i].last - cells[i].first;
		most += now_ns(CLOCK_MONOTONIC) - cells[i].made;
	}
	for (size_t i = 0; i < stamped; i++)
		printf("at %lld %lld %ld\n", (long long)stamps[i].real, (long long)stamps[i].cpu,
		       stamps[i].switches);
	printf("all %zu %lld %lld %lld %ld %llu\n", count, least, most,
	       (long long)now_ns(CLOCK_PROCESS_CPUTIME_ID), switches_now(),
	       (unsigned long long)atomic_load(&passed));
	return 0;
}
