/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is read of strangers' files while a window goes on, by a process apart (util/reader.h):
 * their unwind tables, and where their allocators are.
 */
#ifndef STRAIT_PARSER_H
#define STRAIT_PARSER_H

#include <stddef.h>
#include <stdint.h>

#include "capture/allocators.h"
#include "unwind/table.h"
#include "util/reader.h"

struct parser_options {
	int (*build)(int fd, struct unwind_table *out, struct error *error);
	size_t (*find)(int fd, struct allocator_probe out[ALLOCATOR_PROBES]);
	uint32_t cpu_ms, wall_ms; /* for one file */
	size_t memory;            /* bytes of address space; 0 = no limit */
};

/*
 * What does it, to be opened by readers_open(). Without it, and where it cannot be had, files are
 * read in this process. `options` NULL: as they are meant; else they are to stay.
 */
struct reader *parser_reader(const struct parser_options *options);
/* Likewise, for parser_allocator(): a process for each file that has one. */
struct reader *parser_prober(const struct parser_options *options);
/* CPU time that such processes took, of those that answered. */
uint64_t parser_cpu_ns(void);

/*
 * As unwind_table_build(). `fd` stays the caller's. -EIO: the file ended the process that read it,
 * and `error` says how. What comes back was checked.
 */
int parser_table(int fd, struct unwind_table *out, struct error *error);
/* As allocator_probes(), or -EIO likewise. */
int parser_allocator(int fd, struct allocator_probe out[ALLOCATOR_PROBES], struct error *error);

#endif
