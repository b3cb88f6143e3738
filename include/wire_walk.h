/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of the kernel's iterators: where a run of a program stands, and what it tells. */
#ifndef STRAIT_WIRE_WALK_H
#define STRAIT_WIRE_WALK_H

#include "wire.h"

/* Written by user space before a run of a program, and by the program in it: walk.bpf.h. */
struct wire_walk {
	__u32 tid; /* from which on a thread is sought; then whose turn it was, 0 = there is none */
	__u32 more;  /* the next run begins where this one says; else with the next thread */
	__u64 place; /* in the thread: a descriptor likewise, or an address */
	__u64 task;  /* the thread, as the kernel has it; of meaning to the program only */
	__u32 bytes; /* of record; 0 = nothing was told */
	__u32 pad;
	__u64 record[sizeof(struct wire_thread) / sizeof(__u64)];
};

_Static_assert(sizeof(struct wire_thread) % sizeof(__u64) == 0, "wire size");

#endif
