/* SPDX-License-Identifier: BSD-2-Clause */
/* Generated code of processes, and the files in which their runtimes name it. */
#ifndef STRAIT_SYMBOLS_GENERATED_H
#define STRAIT_SYMBOLS_GENERATED_H

#include <stdint.h>

struct file_table;
struct text_pool;

#define GENERATED_SLOTS 1024

struct generated {
	/* By a hash of the pid: of two processes in one place the later one is known. */
	struct generated_process {
		uint32_t pid;   /* 0 = free */
		uint32_t file;  /* in the file table, SYMBOLS_NO_FILE = it has none */
		uint32_t scans; /* of its maps */
		/* Not asked again before, CLOCK_MONOTONIC. */
		uint64_t next_ns, next_scan_ns;
	} processes[GENERATED_SLOTS];
};

/* The file that names the process's generated code, "[jit PID]"; SYMBOLS_NO_FILE = none. */
uint32_t generated_find(struct generated *generated, struct file_table *files,
			struct text_pool *pool, uint32_t pid);

/* A descriptor of the process's perf map or jit dump, if one may believe it; -errno. */
int generated_open(uint32_t pid);

#endif
