/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that tell of all threads, files or mappings that there are. Where the kernel was built
 * with BTF they run in its iterators; where it was not, once for every thing (bpf/core/walk.bpf.h).
 */
#ifndef STRAIT_ITERATE_H
#define STRAIT_ITERATE_H

#include <stddef.h>
#include <stdint.h>

#include "capture/session.h"

struct bpf_program;

/* What takes the records; returns false when it wants no more. */
typedef bool iterate_each(struct session *session, const void *record, void *context);

/* Runs the program over all there is; `each` is called with every record of `size` bytes. */
int iterate(struct session *session, struct bpf_program *program, size_t size, iterate_each *each,
	    void *context, struct error *error);

/* The same over all mappings that may run; nothing is read. What cannot be had is left out. */
void iterate_mappings(struct session *session, struct bpf_program *program);

/*
 * One run of a program that is in the place of an iterator, for the first thing from walk.tid and
 * walk.place on (struct wire_walk in .bss). Returns 1 where there was one, 0 where there is none
 * any more, or a negative errno; the next run is for the next thing.
 */
int iterate_step(struct session *session, const struct bpf_program *program);

#endif
