/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes and threads as the kernel tells them, and the ledger of each thread, slice by slice.
 *
 * The kernel keeps cumulative times per state, complete up to the thread's last transition. At the
 * end of a slice the open stretch is added here and remembered, so that the next slice subtracts
 * what was accounted already: over the window the parts sum to the wall time to the nanosecond.
 */
#ifndef STRAIT_TASKS_H
#define STRAIT_TASKS_H

#include "model/recording.h"
#include "util/error.h"
#include "wire.h"

struct tasks;

struct tasks *tasks_new(struct recording *rec);
void tasks_free(struct tasks *tasks);

/* Records of life, from the ring buffer. `exe`: path of the new image, NULL = not known. */
void tasks_born(struct tasks *tasks, const struct wire_identity *who);
void tasks_exec(struct tasks *tasks, const struct wire_identity *who, const char *exe);
void tasks_exit(struct tasks *tasks, const struct wire_exit *exit);

/*
 * One thread as the iterator sees it; `end_ns` is the end of the slice (CLOCK_MONOTONIC), 0 = the
 * window has not begun; `generation` the one that the programs filled in it.
 */
void tasks_dump(struct tasks *tasks, const struct wire_thread *thread, uint64_t end_ns,
		uint32_t generation);
/* The window begins: what the threads seen so far did before it does not count. */
void tasks_begin(struct tasks *tasks, uint64_t begin_ns);

/* After all threads were dumped: what is per process goes into the open slice. */
void tasks_end_slice(struct tasks *tasks);

/* Positions in the recording of those who have these ids now. */
uint32_t tasks_process(struct tasks *tasks, uint32_t tgid);
uint32_t tasks_thread(struct tasks *tasks, uint32_t tid, uint32_t tgid);

#endif
