/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocates known amounts from known functions, ROUNDS times over: what is allocated in a round is
 * freed in it. Prints, for each function of the library, how often it was called and for how many
 * bytes, and the bytes by function of its own.
 *
 *   alloc ROUNDS [MS [EACH]]    EACH rounds every so many ms by the clock, as many whatever a call
 *                               costs; without EACH 100, from half a second on
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MALLOC, CALLOC, REALLOC, ALIGNED, POSIX, CALLS };

static struct {
	const char *name;
	uint64_t count, bytes;
} calls[CALLS] = {{"malloc", 0, 0},
		  {"calloc", 0, 0},
		  {"realloc", 0, 0},
		  {"aligned_alloc", 0, 0},
		  {"posix_memalign", 0, 0}};

static struct {
	const char *name;
	uint64_t bytes;
} places[8];
static size_t place_count;

/* Volatile: the compiler knows what malloc() does, and leaves it out. */
static void *volatile kept[64];
static size_t keeping;

static void note(int call, size_t bytes, const char *place)
{
	size_t at = 0;

	calls[call].count++;
	calls[call].bytes += bytes;
	while (at < place_count && places[at].name != place)
		at++;
	if (at == place_count)
		places[place_count++].name = place;
	places[at].bytes += bytes;
}

static void keep(void *memory)
{
	if (!memory)
		abort();
	kept[keeping++] = memory;
}

/* Or the compiler makes malloc() of it. */
static void *volatile nothing;

/* Each calls the library from a frame of its own, and does something behind it. */
__attribute__((noinline)) static void take_nodes(void)
{
	for (int i = 0; i < 32; i++) {
		keep(malloc(48));
		note(MALLOC, 48, __func__);
	}
}

__attribute__((noinline)) static void take_page(void)
{
	keep(malloc(4000));
	note(MALLOC, 4000, __func__);
}

__attribute__((noinline)) static void take_table(void)
{
	keep(calloc(100, 24));
	note(CALLOC, 2400, __func__);
}

/* From nothing, which the library itself hands on to malloc(), and twice as large. */
__attribute__((noinline)) static void grow_text(void)
{
	void *text = realloc(nothing, 500), *larger;

	note(REALLOC, 500, __func__);
	if (!text)
		abort();
	larger = realloc(text, 1000);
	if (!larger)
		free(text);
	keep(larger);
	note(REALLOC, 1000, __func__);
}

__attribute__((noinline)) static void take_lines(void)
{
	void *memory = NULL;

	if (posix_memalign(&memory, 64, 640))
		abort();
	note(POSIX, 640, __func__);
	keep(memory);
	keep(aligned_alloc(64, 1280));
	note(ALIGNED, 1280, __func__);
}

__attribute__((noinline)) static void build_index(void)
{
	take_nodes();
	take_page();
	keeping += 0;
}

__attribute__((noinline)) static void read_input(void)
{
	take_table();
	grow_text();
	take_lines();
	keeping += 0;
}

/* For so many ms from the last time on. */
static void wait_until(struct timespec *next, long ms)
{
	next->tv_nsec += ms * 1000000;
	next->tv_sec += next->tv_nsec / 1000000000;
	next->tv_nsec %= 1000000000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	long pause = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	long each = argc > 3 ? strtol(argv[3], NULL, 10) : 100;
	struct timespec next;
	char text[1024];
	int length = 0;

	clock_gettime(CLOCK_MONOTONIC, &next);
	/* Until the unwind table of a program that was just compiled is there. */
	if (pause && argc == 3)
		wait_until(&next, 500);
	for (long i = 0; i < rounds; i++) {
		if (pause && i % each == 0)
			wait_until(&next, pause);
		build_index();
		read_input();
		while (keeping)
			free(kept[--keeping]);
	}
	/* By hand: stdio allocates. */
	for (int i = 0; i < CALLS; i++)
		length +=
			snprintf(text + length, sizeof(text) - (size_t)length, "call %s %lu %lu\n",
				 calls[i].name, calls[i].count, calls[i].bytes);
	for (size_t i = 0; i < place_count; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, "place %s %lu\n",
				   places[i].name, places[i].bytes);
	return write(1, text, (size_t)length) != length;
}
