/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uprobes of allocators, attached and detached by a thread of its own: the kernel waits for grace
 * periods when it detaches one, 0.1 s each where nothing else happens, and whoever asked for it
 * waits too.
 *
 * Places are added, and all are attached or none is. A place is one in a file, for all processes
 * that map the file now or later.
 */
#ifndef STRAIT_PROBES_H
#define STRAIT_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct bpf_program;
struct probes;

#define PROBES_MOST 512 /* places: each has a descriptor while it is attached */

/* The name of the family whose programs these are. */
const char *probes_family(void);

/* Nothing is attached at first. NULL: out of memory, or no thread can be had. */
struct probes *probes_new(void);
/* Detaches all, which takes a while. NULL is nothing. */
void probes_free(struct probes *probes);

/* The file stays open until the end: takes `fd`. Its number, or -ENOSPC, and then `fd` is closed.
 */
int probes_add_file(struct probes *probes, int fd);
int probes_add(struct probes *probes, int file, uint64_t offset, const struct bpf_program *program);

/* From now on all are to be attached, or none. */
void probes_want(struct probes *probes, bool attached);
/* Is it so? A place that cannot be attached does not count. */
bool probes_settled(struct probes *probes);
/* Waits until it is, at most `ns`; returns whether it is. */
bool probes_settle(struct probes *probes, uint64_t ns);

struct probes_stats {
	size_t files, places;
	size_t refused; /* files: too many */
	size_t failed;  /* places that could not be attached */
	int err;        /* of the last one that could not, a negative errno */
};

struct probes_stats probes_stats(struct probes *probes);

#endif
