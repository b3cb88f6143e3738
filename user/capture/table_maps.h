/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of tables: unwind tables as maps of the kernel. Files of one content (two containers'
 * copies of a library) share one. Not for two threads at a time, but for table_maps_publish().
 */
#ifndef STRAIT_TABLE_MAPS_H
#define STRAIT_TABLE_MAPS_H

#include "capture/publisher.h"
#include "capture/tables.h"
#include "unwind/table.h"
#include "util/index.h"
#include "util/vec.h"

/* A file that its table was asked for. */
struct table_file {
	uint64_t file;
	uint32_t table; /* in struct table_maps.tables, + 1; 0 = none: thrown out, or not there yet
			 */
	bool waiting;
};

/* What tells a table from others: 128 bits, under a key that nobody else knows (index.h). */
struct table_content {
	uint64_t hash[2];
	size_t words;
};

struct table_shared {
	struct table_content content;
	uint32_t index; /* in the map of maps */
	uint32_t files; /* that have it, 0 = the place is free */
};

/* Tables that are made, but not yet where the programs find them. */
#define READY_MOST PUBLISH_MOST
struct table_ready {
	uint32_t count;
	uint32_t index[READY_MOST];
	int fd[READY_MOST];
	uint64_t asked_ns; /* when the first of them was */
};

struct table_maps {
	struct tables_options options;
	VEC(struct table_file) files;
	struct index by_file;
	VEC(struct table_shared) tables;
	VEC(uint32_t) free; /* indices given back */
	uint32_t next_index;
	uint32_t newest; /* generation in which a table was last used, as far as that was looked at
			  */
	VEC(uint64_t) evicted;
	struct table_ready ready;
	struct tables_stats stats;
};

/* The entry of a file, made where there is none. Valid until the next call. */
struct table_file *table_maps_file(struct table_maps *maps, uint64_t file);

struct table_content table_content_of(const struct unwind_table *table);

/* Whether a new table throws out none: that must not be while one is being published. */
bool table_maps_have_room(const struct table_maps *maps, const struct table_content *content);

/*
 * Gives the file the table, which stays the caller's; where that is a new one, it is ready to be
 * published: not more than READY_MOST in between. -ENOSPC: it finds no room; or as bpf(2).
 */
int table_maps_add(struct table_maps *maps, uint64_t file, uint64_t asked_ns,
		   const struct unwind_table *table, const struct table_content *content);

/*
 * Puts those that are ready where the programs find them, and empties `ready`, which nobody else
 * may touch meanwhile; done when publisher_done() says so, which later ones need not wait for.
 * Returns how long the first of them had been waited for, ns.
 */
uint64_t table_maps_publish(const struct table_maps *maps, struct table_ready *ready);

void table_maps_free(struct table_maps *maps);

#endif
