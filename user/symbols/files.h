/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that processes have mapped: which they are, and how to open them again, safely.
 */
#ifndef STRAIT_SYMBOLS_FILES_H
#define STRAIT_SYMBOLS_FILES_H

#include <sys/types.h>

#include "symbols/maps.h"
#include "symbols/symbols.h"
#include "util/index.h"

struct file {
	const char *path;     /* as the process sees it */
	const char *build_id; /* struct location.build_id */
	uint64_t dev, inode;  /* as in maps */
	enum location_kind
		kind; /* FILE, DELETED, or ANONYMOUS: generated code in a nameless file */
	uint64_t st_dev, st_inode; /* as fstat(2) says: not always the same */
	int64_t size, mtime_ns;
	uint32_t pid; /* the last process seen to map it, and where */
	uint64_t start, end;
	uint32_t newer; /* another file seen later under the same path, dev and inode; + 1, 0 = none
			 */
	bool reachable; /* by its path from our own root */
	int pin; /* a descriptor, for files that cannot be reached from here later; -1 = none */
};

struct file_table {
	VEC(struct file) files;
	struct index index; /* of (path, dev, inode), first seen */
	VEC(uint32_t) pins; /* files with a pin, oldest first */
};

/* The file of a mapping, found out now if the process is alive; SYMBOLS_NO_FILE = none. */
uint32_t file_of_mapping(struct file_table *table, struct text_pool *pool, uint32_t pid,
			 const struct mapping *mapping);
/* The perf map of a process's generated code, its path "[jit PID]"; SYMBOLS_NO_FILE = none. */
uint32_t file_of_jit(struct file_table *table, struct text_pool *pool, uint32_t pid);

/* A descriptor of exactly that file, to be closed; -errno: it cannot be had any more. */
int file_open(const struct file_table *table, uint32_t file, uint32_t pid, const char *path,
	      const char *build_id);
/* A regular file by its path in the root of a process (0: in our own); -errno. */
int file_open_path(uint32_t pid, const char *path);
/* Our own vDSO, as a file in memory: it is the same in all processes of this machine's kind. */
int file_open_vdso(void);

void files_unpin(struct file_table *table);
void files_free(struct file_table *table);

#endif
