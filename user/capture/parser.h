/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of traced programs are a stranger's. Their unwind tables are made by a process that has no
 * rights, asks the kernel for little but memory, and has limits of time and memory: a file that
 * is made to break the reader, or breaks it by accident, ends that process. Another one goes on.
 */
#ifndef STRAIT_PARSER_H
#define STRAIT_PARSER_H

#include <stddef.h>
#include <stdint.h>

#include "unwind/table.h"
#include "util/error.h"

struct parser_options {
	int (*build)(int fd, struct unwind_table *out, struct error *error);
	uint32_t cpu_ms, wall_ms; /* for one file */
	size_t memory;            /* bytes of address space; 0 = no limit */
};

/*
 * Starts it; nothing where it runs. To be called before there are threads. Without it, and where it
 * cannot be had, tables are made in this process. `options` NULL: as they are meant.
 */
void parser_open(const struct parser_options *options);
void parser_close(void);

struct parser_pids {
	uint32_t reader; /* the first */
	uint32_t keeper; /* starts readers */
};

/* As the kernel knows them; 0 where there is none, or it is not known. */
struct parser_pids parser_pids(void);
/* CPU time that such processes took, of those that answered. */
uint64_t parser_cpu_ns(void);

/*
 * As unwind_table_build(), for one thread at a time. `fd` stays the caller's. -EIO: the file ended
 * the process that read it, and `error` says how. What comes back was checked.
 */
int parser_table(int fd, struct unwind_table *out, struct error *error);

#endif
