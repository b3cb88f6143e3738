/* SPDX-License-Identifier: BSD-2-Clause */
/* Of a group's CPU time, the share whose samples are of some kind. */
#ifndef STRAIT_SAMPLES_H
#define STRAIT_SAMPLES_H

#include "analysis/detectors/detector.h"

/*
 * Whether a CPU sample is of the kind. `leaf`: position in the stack of the frame that is the
 * place, less than its length.
 */
typedef bool samples_test(const struct analysis *a, const struct stack *stack, uint32_t leaf,
			  const void *context);

/*
 * The share of a group's samples, by their number; what hit tracing is left out. all, hits: the
 * samples of each thread of the recording and those of the kind are added there; both or none is
 * NULL. 0 if there are no samples.
 */
double samples_share(const struct analysis *a, uint32_t group, samples_test *test,
		     const void *context, double *all, double *hits);

static inline const struct frame *sample_frame(const struct analysis *a, const struct stack *stack,
					       uint32_t at)
{
	return &a->rec->frames.at[a->rec->stack_frames.at[stack->first + at]];
}

/*
 * Tests: the thread asks a disk for something, or hears from it; that, or it syncs; it frees memory
 * to get some; it fetches pages from a disk, without what it frees for them; it spins or queues for
 * a lock of the kernel.
 */
samples_test samples_read_disk, samples_write_disk, samples_reclaim, samples_fetch,
	samples_kernel_lock;

/* The slow ways to the kernel's locks, by the beginnings of the functions' names; ends with {}. */
struct lock_way {
	const char *begin, *kind; /* what the lock is */
};
extern const struct lock_way lock_ways[];

#endif
