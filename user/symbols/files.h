/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files whose code processes run: which they are, and how to open them again, safely.
 */
#ifndef STRAIT_SYMBOLS_FILES_H
#define STRAIT_SYMBOLS_FILES_H

#include "symbols/names_cache.h"
#include "symbols/symbols.h"
#include "symbols/text.h"
#include "util/index.h"
#include "util/vec.h"

struct file {
	struct file_sighting seen; /* the last one that may help to open it */
	const char *path;          /* as found; before that, as the kernel told it */
	const char *build_id;      /* struct location.build_id */
	enum location_kind
		kind; /* FILE, DELETED, or ANONYMOUS: generated code in a nameless file */
	bool is_map;  /* says where generated code is: it holds none itself */
	bool found;   /* it was open once, and is known by what follows */
	uint64_t st_dev, st_inode; /* as fstat(2) says: not always as the kernel says */
	int64_t size, mtime_ns;
	uint64_t next_ns; /* while it is not found: not looked for before; CLOCK_MONOTONIC */
	bool reachable;   /* by its path from our own root */
	uint64_t layout;  /* image_layout(), 0 = not an ELF file */
	struct names_claim claim;
	bool deadly; /* it ended a process that read it: it is not read again */
	int pin;     /* a descriptor, for files that cannot be reached later; -1 = none */
};

struct file_table {
	VEC(struct file) files;
	struct index index;
	VEC(uint32_t) pins; /* files with a pin, oldest first */
	struct symbols_ended ended;
};

/* The file of that WIRE_FILE_INODE id, SYMBOLS_NO_FILE = never seen. */
uint32_t file_by_id(const struct file_table *table, uint64_t id);
/* Was it found, or is it time to look for it again? A search may go through all mounts. */
bool file_worth_opening(const struct file *file);
/* symbols_file_seen(). */
int file_see(struct file_table *table, struct text_pool *pool, const struct file_sighting *seen);
/*
 * Files the map of a process's generated code under a label of its own; takes the descriptor.
 * SYMBOLS_NO_FILE: the table is full.
 */
uint32_t file_add_map(struct file_table *table, struct text_pool *pool, uint32_t pid,
		      const char *label, int fd);

/*
 * A descriptor of exactly that file, to be closed; -errno: it cannot be had any more. `pid`, `path`
 * and `build_id` as in struct name_request: enough by themselves where `position` is none.
 */
int file_open(struct file_table *table, struct text_pool *pool, uint32_t position, uint32_t pid,
	      const char *path, const char *build_id);

/* Notes a file that ended the process that read it; `position` may be none. */
void file_ended(struct file_table *table, uint32_t position, const char *path,
		const struct error *why);

void files_unpin(struct file_table *table);
void files_free(struct file_table *table);

#endif
