/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Single long waits for a CPU, and who had it meanwhile. Why they had it is told from what threads
 * are: by user space.
 */
#ifndef STRAIT_DELAY_BPF_H
#define STRAIT_DELAY_BPF_H

#include "core/maps.bpf.h"

/* For how long the run in this slot of a CPU's ring had it between `begin` and `now`, ns. */
static __always_inline __u64 run_between(const struct cpu_state *cpu, __u32 slot, __u64 begin,
					 __u64 now)
{
	__u64 from = cpu->run[slot].begin, to = cpu->run[slot].end;

	if (from < begin)
		from = begin;
	return to > from && to <= now ? to - from : 0;
}

/*
 * Thread `id` (tgid << 32 | tid) waited for this CPU in `state` from `begin` to `now`. A global
 * function, as in stacks.bpf.h: looked at once by the verifier. Returns nothing of use.
 */
__u64 delay_tell(__u64 id, __u64 state, __u64 begin, __u64 now);

#endif
