/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "symbols/clock.h"
#include "symbols/maps.h"
#include "symbols/symbols.h"

#define MAX_PROCESSES 8192
#define MAX_MAPPINGS  (128u << 10) /* of all processes; 56 bytes each */
#define MAX_OF_ONE    (16u << 10)
#define MAX_BYTES     (64u << 20) /* of one maps file */
#define MAX_PARENTS   4

/*
 * How soon maps are read again: not before 50 times as long as the last read took, so that no
 * process costs more than 2 % of a CPU; twice that after each read that did not help.
 */
#define READ_SHARE  50
#define MIN_WAIT_NS 2000000ull
#define MAX_WAIT_NS 5000000000ull

/* ---- the format ---- */

static const char *number_read(const char *at, const char *end, unsigned int base, uint64_t *value)
{
	const char *start = at;

	*value = 0;
	for (; at < end && at - start < 20; at++) {
		unsigned int digit = *at >= '0' && *at <= '9'   ? (unsigned int)(*at - '0')
				     : *at >= 'a' && *at <= 'f' ? (unsigned int)(*at - 'a') + 10
								: 99;

		if (digit >= base)
			break;
		*value = *value * base + digit;
	}
	return at > start ? at : NULL;
}

static const char *number_until(const char *at, const char *end, unsigned int base, char delimiter,
				uint64_t *value)
{
	at = at ? number_read(at, end, base, value) : NULL;
	return at && at < end && *at == delimiter ? at + 1 : NULL;
}

/* The kernel writes a newline in a name as \012, and no other escape. */
static const char *path_intern(struct text_pool *pool, const char *path, size_t length)
{
	char plain[4096 + 16];
	size_t used = 0;

	if (!memmem(path, length, "\\012", 4))
		return text_intern(pool, path, length);
	for (size_t i = 0; i < length && used < sizeof(plain); i++) {
		bool newline = length - i >= 4 && !memcmp(path + i, "\\012", 4);

		plain[used++] = newline ? '\n' : path[i];
		i += newline ? 3 : 0;
	}
	return text_intern(pool, plain, used);
}

/* "7f0c1000-7f0c3000 r-xp 00001000 fe:00 1234      /usr/lib/a name" */
bool mapping_parse(struct mapping *mapping, struct text_pool *pool, const char *line,
		   const char *end)
{
	struct mapping parsed = {.file = SYMBOLS_NO_FILE};
	uint64_t major, minor;
	const char *at = line;

	at = number_until(at, end, 16, '-', &parsed.start);
	at = number_until(at, end, 16, ' ', &parsed.end);
	if (!at || end - at < 6 || at[2] != 'x' || at[4] != ' ')
		return false;
	at = number_until(at + 5, end, 16, ' ', &parsed.offset);
	at = number_until(at, end, 16, ':', &major);
	at = number_until(at, end, 16, ' ', &minor);
	at = at ? number_read(at, end, 10, &parsed.inode) : NULL;
	if (!at || parsed.end <= parsed.start)
		return false;
	parsed.dev = makedev((unsigned int)major, (unsigned int)minor);
	while (at < end && *at == ' ')
		at++;
	parsed.path = path_intern(pool, at, (size_t)(end - at));
	*mapping = parsed;
	return true;
}

static void space_release(struct map_cache *cache, struct space *space)
{
	if (!space || --space->users)
		return;
	cache->mappings -= space->mappings.len;
	vec_free(&space->mappings);
	free(space);
}

static void lines_take(struct space *space, struct text_pool *pool, char *buffer, size_t *have)
{
	char *at = buffer, *end;

	for (; (end = memchr(at, '\n', *have - (size_t)(at - buffer))); at = end + 1) {
		struct mapping mapping;

		if (space->mappings.len < MAX_OF_ONE && mapping_parse(&mapping, pool, at, end) &&
		    (!space->mappings.len ||
		     mapping.start >= space->mappings.at[space->mappings.len - 1].end))
			vec_push(&space->mappings, mapping);
	}
	*have -= (size_t)(at - buffer);
	memmove(buffer, at, *have);
}

/* Stays empty for a process that has ended, or ends just now, and for a kernel thread. */
static void space_read(struct text_pool *pool, uint32_t pid, struct space *space)
{
	char path[32], buffer[32 << 10];
	size_t have = 0, total = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (total < MAX_BYTES) {
		ssize_t got = read(fd, buffer + have, sizeof(buffer) - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		have += (size_t)got;
		total += (size_t)got;
		lines_take(space, pool, buffer, &have);
		/* No line is that long: paths are at most 4 KiB. */
		if (have == sizeof(buffer))
			break;
	}
	close(fd);
}

/* ---- the cache ---- */

static uint32_t *bucket_of(struct map_cache *cache, uint32_t pid)
{
	return &cache->buckets[hash_u64(pid) % MAPS_BUCKETS];
}

static struct map_process *process_find(struct map_cache *cache, uint32_t pid)
{
	for (uint32_t i = *bucket_of(cache, pid); i; i = cache->processes.at[i - 1].next)
		if (cache->processes.at[i - 1].pid == pid)
			return &cache->processes.at[i - 1];
	return NULL;
}

void maps_forget(struct map_cache *cache, uint32_t pid)
{
	uint32_t *link = bucket_of(cache, pid);

	while (*link) {
		uint32_t position = *link;
		struct map_process *process = &cache->processes.at[position - 1];

		if (process->pid != pid) {
			link = &process->next;
			continue;
		}
		*link = process->next;
		space_release(cache, process->space);
		*process = (struct map_process){.next = cache->free};
		cache->free = position;
		cache->live--;
		return;
	}
}

static void oldest_forget(struct map_cache *cache, uint32_t except)
{
	const struct map_process *oldest = NULL;

	vec_each(&cache->processes, process)
		if (process->pid && process->pid != except &&
		    (!oldest || process->used < oldest->used))
			oldest = process;
	if (oldest)
		maps_forget(cache, oldest->pid);
}

static struct map_process *process_add(struct map_cache *cache, uint32_t pid)
{
	uint32_t *bucket = bucket_of(cache, pid), position;
	struct map_process *process;

	if (cache->live >= MAX_PROCESSES)
		oldest_forget(cache, pid);
	if (cache->free) {
		position = cache->free;
		cache->free = cache->processes.at[position - 1].next;
	} else {
		vec_push(&cache->processes, (struct map_process){});
		position = (uint32_t)cache->processes.len;
	}
	process = &cache->processes.at[position - 1];
	*process = (struct map_process){
		.pid = pid,
		.next = *bucket,
		.used = ++cache->tick,
		.jit = SYMBOLS_NO_FILE,
	};
	*bucket = position;
	cache->live++;
	return process;
}

static void process_read(struct map_cache *cache, struct text_pool *pool,
			 struct map_process *process)
{
	uint64_t began = time_now(), took, wait;
	struct space *space = calloc(1, sizeof(*space));

	if (space)
		space_read(pool, process->pid, space);
	cache->reads++;
	took = time_now() - began;
	wait = took * READ_SHARE > MIN_WAIT_NS ? took * READ_SHARE : MIN_WAIT_NS;
	wait <<= process->useless < 12 ? process->useless : 12;
	process->next_read_ns = began + took + (wait < MAX_WAIT_NS ? wait : MAX_WAIT_NS);
	process->useless++;
	/* A process that ends loses its maps before its number: what was known still holds. */
	if (!space || !space->mappings.len) {
		if (space)
			vec_free(&space->mappings);
		free(space);
		return;
	}
	space->users = 1;
	cache->mappings += space->mappings.len;
	space_release(cache, process->space);
	process->space = space;
	process->own = true;
	while (cache->mappings > MAX_MAPPINGS && cache->live > 1)
		oldest_forget(cache, process->pid);
}

static struct mapping *space_find(struct space *space, uint64_t address)
{
	size_t low = 0, high = space ? space->mappings.len : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (space->mappings.at[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!space || low == space->mappings.len || space->mappings.at[low].start > address)
		return NULL;
	return &space->mappings.at[low];
}

static int find(struct map_cache *cache, struct text_pool *pool, uint32_t pid, uint64_t address,
		unsigned int depth, struct map_process **process_out, struct mapping **out)
{
	struct map_process *process = process_find(cache, pid);
	struct mapping *mapping;

	if (!process)
		process = process_add(cache, pid);
	process->used = ++cache->tick;
	/* An inherited copy holds until the process maps something of its own. */
	mapping = space_find(process->space, address);
	if (!mapping && time_now() >= process->next_read_ns) {
		process_read(cache, pool, process);
		mapping = space_find(process->space, address);
		if (mapping && process->own)
			process->useless = 0;
	}
	/* No copy of the parent's maps was there to be had when it was forked. */
	if (!process->space && process->parent && depth < MAX_PARENTS)
		return find(cache, pool, process->parent, address, depth + 1, process_out, out);
	if (!mapping)
		return process->space ? -ENOENT : -ESRCH;
	*process_out = process;
	*out = mapping;
	return 0;
}

int maps_find(struct map_cache *cache, struct text_pool *pool, uint32_t pid, uint64_t address,
	      struct map_process **process, struct mapping **mapping)
{
	return find(cache, pool, pid, address, 0, process, mapping);
}

void maps_inherit(struct map_cache *cache, uint32_t child, uint32_t parent)
{
	struct map_process *from, *to;

	maps_forget(cache, child);
	to = process_add(cache, child);
	to->parent = parent;
	from = process_find(cache, parent);
	if (from && from->space) {
		to->space = from->space;
		to->space->users++;
	}
}

void maps_free(struct map_cache *cache)
{
	vec_each(&cache->processes, process)
		space_release(cache, process->space);
	vec_free(&cache->processes);
	*cache = (struct map_cache){};
}
