/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The executable mappings of processes, read from /proc/PID/maps once and kept. A process may have
 * a hundred thousand mappings, and there may be thousands of processes: all of it is bounded.
 */
#ifndef STRAIT_SYMBOLS_MAPS_H
#define STRAIT_SYMBOLS_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "symbols/text.h"
#include "util/vec.h"

#define MAPS_BUCKETS 1024

struct mapping {
	uint64_t start, end, offset, inode, dev;
	const char *path; /* in the pool; as /proc shows it, but with newlines again */
	uint32_t file;    /* in the file table, once it was looked at; SYMBOLS_NO_FILE before */
};

/* Shared by a process and the children that it had when it was read. */
struct space {
	uint32_t users;
	VEC(struct mapping) mappings; /* by start, ascending */
};

struct map_process {
	uint32_t pid;    /* 0 = free */
	uint32_t next;   /* in the bucket, or in the list of free ones; + 1, 0 = the last */
	uint32_t parent; /* whose maps to use where its own cannot be read; 0 = none */
	struct space *space;
	bool own;              /* space was read from this process */
	uint32_t useless;      /* reads in a row that did not help */
	uint64_t next_read_ns; /* not before, CLOCK_MONOTONIC */
	uint64_t used;         /* the cache's tick when it was last asked for */
	/* Generated code has a perf map: the file table's record of it. */
	uint32_t jit;
	uint64_t jit_next_ns;
};

struct map_cache {
	VEC(struct map_process) processes;
	uint32_t buckets[MAPS_BUCKETS]; /* position + 1 */
	uint32_t free;                  /* position + 1 */
	uint32_t live;
	size_t mappings; /* in all spaces */
	uint64_t tick;
	uint64_t reads; /* of maps files, for tests */
};

/*
 * The mapping that holds the address. -ESRCH: no such process, and no maps of it are known.
 * -ENOENT: no executable mapping there. `process` and `mapping` are valid until the next call.
 */
int maps_find(struct map_cache *cache, struct text_pool *pool, uint32_t pid, uint64_t address,
	      struct map_process **process, struct mapping **mapping);
void maps_forget(struct map_cache *cache, uint32_t pid);
void maps_inherit(struct map_cache *cache, uint32_t child, uint32_t parent);
void maps_free(struct map_cache *cache);

/* One line of a maps file; false if it is none, or its mapping is not executable. */
bool mapping_parse(struct mapping *mapping, struct text_pool *pool, const char *line,
		   const char *end);

#endif
