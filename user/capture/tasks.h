/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes and threads as the kernel tells them, and the ledger of each thread, slice by slice.
 *
 * The kernel keeps cumulative times per state, complete up to the thread's last transition, and
 * what they were at the last cut (cut.h). A stretch that was open at the cut, and still is, is
 * added here and remembered, so that the next slice subtracts what was accounted already: the parts
 * sum to the wall time to the nanosecond, in each slice.
 */
#ifndef STRAIT_TASKS_H
#define STRAIT_TASKS_H

#include "model/recording.h"
#include "util/error.h"
#include "wire.h"

struct tasks;

struct tasks *tasks_new(struct recording *rec);
void tasks_free(struct tasks *tasks);

/*
 * Records of life, from the ring buffer. `exe`: path of the new image, NULL = not known. The last
 * ledger of a thread has parties: which of them are new, a bit for each of the two.
 */
void tasks_born(struct tasks *tasks, const struct wire_identity *who);
void tasks_exec(struct tasks *tasks, const struct wire_identity *who, const char *exe);
uint32_t tasks_exit(struct tasks *tasks, const struct wire_exit *exit);

/*
 * The ledgers were cut (cut_make()). At the first cut the window begins; each later one is the end
 * of the open slice. Until tasks_end_slice() threads are read as of it, and what those that end
 * meanwhile did behind it is kept for the next slice.
 */
void tasks_cut(struct tasks *tasks, uint64_t cut_ns);
/*
 * One thread as the iterator sees it, after the cut; `generation` the one that the programs filled
 * in the slice. Returns which parties of its ledger are new, likewise.
 */
uint32_t tasks_dump(struct tasks *tasks, const struct wire_thread *thread, uint32_t generation);
/* After all threads were dumped: what is per process goes into the open slice. */
void tasks_end_slice(struct tasks *tasks);

/* Positions in the recording of those who have these ids now. */
uint32_t tasks_process(struct tasks *tasks, uint32_t tgid);
uint32_t tasks_thread(struct tasks *tasks, uint32_t tid, uint32_t tgid);

#endif
