/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When a wait ended whose thread was woken on its way off its CPU. */
#include "core/early.bpf.h"

/*
 * From a wakeup that finds its thread on its way off its CPU to that thread's switch: the queue may
 * have to be filled from other CPUs first.
 */
#define EARLY_MAX_NS 1000000

__attribute__((noinline)) __u64 early_end(__u64 woken, __u64 state, __u64 since, __u64 now)
{
	if (state < STATE_WAIT_DISK_READ || state >= STATE_COUNT || woken + EARLY_MAX_NS < since)
		return 0;
	if (woken < since)
		woken = since;
	return woken < now ? woken : now;
}
