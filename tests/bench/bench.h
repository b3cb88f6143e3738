/* SPDX-License-Identifier: BSD-2-Clause */
/* What unwind.bpf.c tells unwind.c. */
#ifndef STRAIT_BENCH_H
#define STRAIT_BENCH_H

#define BENCH_WALKS 65536

struct bench_walk {
	__u64 ns;
	__u32 frames;
	__u32 end; /* enum wire_stack_end */
};

#endif
