/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unwind tables that the programs use: made, or taken from the cache on disk, on a thread of
 * its own, put into maps, and thrown out again when they take more memory than they may.
 */
#ifndef STRAIT_TABLES_H
#define STRAIT_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct tables;

struct tables_options {
	int files_fd;      /* map: file id → struct unwind_file */
	int tables_fd;     /* map of maps: index → table */
	uint32_t capacity; /* of tables_fd */
	size_t limit;      /* bytes of all tables together; the least recently used go first */
	const char *cache; /* directory, NULL = none */

	/*
	 * On the thread, for what else is to be read of a file; `fd` stays the caller's. NULL =
	 * nothing. -EIO: it ended the process that read it, and `why` says how.
	 */
	int (*file_read)(void *context, uint64_t file, int fd, struct error *why);
	void *context;
};

struct tables_stats {
	uint64_t loaded;     /* files that got a table in the maps */
	uint64_t cached;     /* of these, found on disk */
	uint64_t shared;     /* of these, with a table that another file has already */
	uint64_t failed;     /* files that no table could be made of */
	uint64_t ended;      /* files that ended the process that read them: parser.h */
	uint64_t ended_file; /* the last of them */
	char ended_why[160];
	uint64_t evicted;    /* files that lost theirs again */
	uint64_t refused;    /* files not looked at: too many waited */
	size_t bytes;        /* in the maps now */
	uint64_t longest_ns; /* from being told of a file to its table in the map */
};

/* NULL: out of memory, or no thread can be had. */
struct tables *tables_new(const struct tables_options *options);
/* Ends the thread, after the file that it is at. */
void tables_free(struct tables *tables);

/* How likely a file is to be met soon: who waits for a table is served in that order. */
struct tables_use {
	uint32_t running;  /* processes that map it and run, or wait for a CPU */
	uint32_t mappings; /* in all processes; counts among those alike */
};

/*
 * The table of a file is wanted. `fd` is taken. `build_id`: its name in the cache, "" = none.
 * A file that has a table, or is waiting for one, is left as it is.
 */
void tables_want(struct tables *tables, uint64_t file, int fd, const char *build_id,
		 struct tables_use use);

/* Waits until nothing is waiting any more, at most `ns`. */
void tables_settle(struct tables *tables, uint64_t ns);

/*
 * Ids that were thrown out since the last call, and are to be told of again when they are used:
 * their number, at most `capacity`.
 */
size_t tables_take_evicted(struct tables *tables, uint64_t *files, size_t capacity);

struct tables_stats tables_stats(struct tables *tables);

#endif
