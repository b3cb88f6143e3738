/* SPDX-License-Identifier: BSD-2-Clause */
/* Unwind tables of strangers' files, made by a process apart: util/reader.h. */
#ifndef STRAIT_PARSER_H
#define STRAIT_PARSER_H

#include <stddef.h>
#include <stdint.h>

#include "unwind/table.h"
#include "util/reader.h"

struct parser_options {
	int (*build)(int fd, struct unwind_table *out, struct error *error);
	uint32_t cpu_ms, wall_ms; /* for one file */
	size_t memory;            /* bytes of address space; 0 = no limit */
};

/*
 * What makes them, to be opened by readers_open(). Without it, and where it cannot be had, tables
 * are made in this process. `options` NULL: as they are meant.
 */
struct reader *parser_reader(const struct parser_options *options);
/* CPU time that such processes took, of those that answered. */
uint64_t parser_cpu_ns(void);

/*
 * As unwind_table_build(). `fd` stays the caller's. -EIO: the file ended the process that read it,
 * and `error` says how. What comes back was checked.
 */
int parser_table(int fd, struct unwind_table *out, struct error *error);

#endif
