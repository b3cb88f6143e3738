/* SPDX-License-Identifier: BSD-2-Clause */
/* What the targets for files that name generated code share. */
#ifndef STRAIT_FUZZ_GENERATED_H
#define STRAIT_FUZZ_GENERATED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"
#include "symbols/symtab.h"
#include "util/clock.h"

#define PLACES  32
#define TIME_NS 1000000000ull /* far more than an input of 64 KiB takes: the same each time */

typedef void name_reader(int fd, struct lookup *lookups, size_t count, struct text_arena *arena,
			 uint64_t deadline_ns);

static inline int address_compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static inline void answer_check(const struct lookup *lookup)
{
	require(!lookup->function || *lookup->function, "a name is not empty");
	require(!lookup->function || strlen(lookup->function) <= 1024, "a name has its limit");
	require(!lookup->function ||
			(lookup->start <= lookup->address && lookup->address < lookup->end),
		"a function is around the place that it names");
	require(!lookup->line || lookup->source, "a line is one of a file");
	require(!lookup->source || *lookup->source, "a file has a name");
	require(!lookup->inlined_count, "nothing is inlined");
}

/* Asks the input for the names of `count` places, PLACES at most; sorts them. */
static inline void names_ask(const uint8_t *data, size_t size, uint64_t *places, size_t count,
			     name_reader *read)
{
	struct lookup lookups[PLACES] = {};
	struct text_arena arena = {};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	qsort(places, count, sizeof(*places), address_compare);
	for (size_t i = 0; i < count; i++)
		lookups[i].address = places[i];
	read(fd, lookups, count, &arena, time_now() + TIME_NS);
	for (size_t i = 0; i < count; i++) {
		require(lookups[i].address == places[i], "places stay as they are");
		answer_check(&lookups[i]);
	}
	text_arena_clear(&arena);
	close(fd);
}

#endif
