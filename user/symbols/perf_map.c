/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/perf_map.h"
#include "util/clock.h"

#define MAX_BYTES (256u << 20)
#define MAX_NAME  1024

/* Code is moved and its place used again, so what the file says last is true. */
static void line_take(const char *line, const char *end, struct lookup *lookups, size_t count,
		      struct text_arena *arena)
{
	const char *name = NULL;
	uint64_t start, size;
	size_t length;
	char *at;

	start = strtoull(line, &at, 16);
	if (at == line || *at != ' ')
		return;
	size = strtoull(at, &at, 16);
	if (*at != ' ' || end - at < 2)
		return;
	length = (size_t)(end - at - 1);
	for (size_t i = lookups_from(lookups, count, start);
	     i < count && lookups[i].address - start < size; i++) {
		if (!name)
			name = text_copy(arena, at + 1, length < MAX_NAME ? length : MAX_NAME);
		lookups[i].function = name;
		lookups[i].start = start;
		lookups[i].end = start + size;
	}
}

void perf_map_name(int fd, struct lookup *lookups, size_t count, struct text_arena *arena,
		   uint64_t deadline_ns)
{
	size_t have = 0, size = 64 << 10;
	char *buffer = malloc(size);
	off_t offset = 0;

	while (buffer && offset < MAX_BYTES && time_now() < deadline_ns) {
		ssize_t got = pread(fd, buffer + have, size - 1 - have, offset);
		char *at = buffer, *end;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		offset += got;
		have += (size_t)got;
		buffer[have] = '\0';
		for (; (end = memchr(at, '\n', have - (size_t)(at - buffer))); at = end + 1) {
			*end = '\0';
			line_take(at, end, lookups, count, arena);
		}
		have -= (size_t)(at - buffer);
		/* A line that long is no line: drop what there is of it. */
		if (have == size - 1)
			have = 0;
		memmove(buffer, at, have);
	}
	free(buffer);
}
