/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs of benches share, and what unwind.bpf.c tells unwind.c. */
#ifndef STRAIT_BENCH_H
#define STRAIT_BENCH_H

#ifndef __bpf__
#include <errno.h>
#include <linux/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000000ULL

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}
#endif

#define BENCH_WALKS 65536

struct bench_walk {
	__u64 ns;
	__u32 frames;
	__u32 end; /* enum wire_stack_end */
};

#endif
