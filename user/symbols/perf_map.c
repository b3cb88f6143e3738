/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/perf_map.h"
#include "util/clock.h"

#define MAX_BYTES (256u << 20)
#define MAX_NAME  1024
#define LATE_WORK (1u << 20) /* lookups that lines set, between two looks at the clock */

/* The line that a lookup is named by. */
struct hit {
	off_t name;      /* where in the file its name begins */
	uint32_t length; /* of the name, 0 = there is none */
};

struct scan {
	int fd;
	struct lookup *lookups;
	struct hit *hits; /* of each lookup */
	size_t count;
	uint64_t work, deadline_ns;
};

/*
 * Code is moved and its place used again, so what the file says last is true. A line that goes
 * round the end of all addresses is none. `offset`: of the line in the file.
 */
static void line_take(struct scan *scan, const char *line, const char *end, off_t offset)
{
	uint64_t start, size;
	size_t length;
	char *at;

	start = strtoull(line, &at, 16);
	if (at == line || *at != ' ')
		return;
	size = strtoull(at, &at, 16);
	if (*at != ' ' || end - at < 2 || start + size < start)
		return;
	length = (size_t)(end - at - 1);
	for (size_t i = lookups_from(scan->lookups, scan->count, start);
	     i < scan->count && scan->lookups[i].address - start < size; i++) {
		scan->lookups[i].start = start;
		scan->lookups[i].end = start + size;
		scan->hits[i].name = offset + (at + 1 - line);
		scan->hits[i].length = (uint32_t)(length < MAX_NAME ? length : MAX_NAME);
		scan->work++;
	}
}

/* Many lines about the same code cost as much as there are places in it. */
static bool scan_is_late(struct scan *scan)
{
	if (scan->work < LATE_WORK)
		return false;
	scan->work = 0;
	return time_now() >= scan->deadline_ns;
}

/* The whole lines in the buffer, which is at `offset` in the file: how many bytes they have. */
static size_t lines_take(struct scan *scan, char *buffer, size_t have, off_t offset)
{
	char *at = buffer, *end;

	for (; (end = memchr(at, '\n', have - (size_t)(at - buffer))); at = end + 1) {
		*end = '\0';
		line_take(scan, at, end, offset + (at - buffer));
		if (scan_is_late(scan))
			return have;
	}
	return (size_t)(at - buffer);
}

static void lines_scan(struct scan *scan)
{
	size_t have = 0, size = 64 << 10, taken;
	char *buffer = malloc(size);
	off_t offset = 0;

	while (buffer && offset < MAX_BYTES && time_now() < scan->deadline_ns) {
		ssize_t got = pread(scan->fd, buffer + have, size - 1 - have, offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		offset += got;
		have += (size_t)got;
		buffer[have] = '\0';
		taken = lines_take(scan, buffer, have, offset - (off_t)have);
		have -= taken;
		memmove(buffer, buffer + taken, have);
		/* A line that long is no line: drop what there is of it. */
		if (have == size - 1)
			have = 0;
	}
	free(buffer);
}

static const char *name_read(int fd, const struct hit *hit, struct text_arena *arena)
{
	char text[MAX_NAME];
	size_t length;
	ssize_t got;

	do
		got = pread(fd, text, hit->length, hit->name);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return NULL;
	/* A zero byte ends a name, and where the file was written anew meanwhile, its line. */
	for (length = 0; length < (size_t)got && text[length] && text[length] != '\n';)
		length++;
	return length ? text_copy(arena, text, length) : NULL;
}

/* The names are read when it is known which: the file may have many for one place. */
static void hits_answer(const struct scan *scan, struct text_arena *arena)
{
	const char *name = NULL;
	off_t at = -1;

	for (size_t i = 0; i < scan->count; i++) {
		const struct hit *hit = &scan->hits[i];

		if (!hit->length)
			continue;
		if (hit->name != at)
			name = name_read(scan->fd, hit, arena);
		at = hit->name;
		scan->lookups[i].function = name;
		if (!name)
			scan->lookups[i].start = scan->lookups[i].end = 0;
	}
}

void perf_map_name(int fd, struct lookup *lookups, size_t count, struct text_arena *arena,
		   uint64_t deadline_ns)
{
	struct scan scan = {
		.fd = fd, .lookups = lookups, .count = count, .deadline_ns = deadline_ns};

	scan.hits = calloc(count + 1, sizeof(*scan.hits));
	if (!scan.hits)
		return;
	lines_scan(&scan);
	hits_answer(&scan, arena);
	free(scan.hits);
}
