/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs count for each CPU (struct wire_cpu), read at once. */
#ifndef STRAIT_CPUS_H
#define STRAIT_CPUS_H

#include "capture/session.h"

/* All CPUs' counters: an array of `count`, for the caller to free; NULL: they cannot be read. */
struct wire_cpu *cpus_read(const struct session *session, int *count);

/* Since the programs were loaded, of all CPUs; 0 where they cannot be read. */
struct cpus_sum {
	uint64_t switches;
	uint64_t calls;    /* system calls seen to begin */
	uint64_t messages; /* that the programs of net looked at */
	uint64_t probes;   /* calls that ran into a probe of an allocator */
	uint64_t probe_ns; /* what these traps took, beside the programs */
};

struct cpus_sum cpus_sum(const struct session *session);

#endif
