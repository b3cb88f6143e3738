/* SPDX-License-Identifier: BSD-2-Clause */
/* Why something is missing in what the programs tell. */
#ifndef STRAIT_DROPS_H
#define STRAIT_DROPS_H

/* What a family could not take, by reason: an index of the per-CPU array `dropped`. */
enum drop_reason {
	DROP_RING_STACK, /* ring buffer full */
	DROP_RING_CPU,   /* samples, in the order of their kinds */
	DROP_RING_FAULT,
	DROP_RING_BLOCK,
	DROP_RING_NET,
	DROP_RING_CALL,
	DROP_RING_WAIT,
	DROP_RING_BIRTH,
	DROP_RING_EXEC,
	DROP_RING_EXIT,
	DROP_RING_OOM,
	DROP_RING_SCHEDULE,
	DROP_RING_FILE,
	DROP_RING_CONTEXT,
	DROP_RING_WAKER,
	DROP_RING_DELAY,
	DROP_RING_ALLOC,
	DROP_WAIT_RATE,   /* above the rate limit of single waits */
	DROP_MAP_SYSCALL, /* map full */
	DROP_MAP_FLIGHT,
	DROP_MAP_BLOCK,
	DROP_MAP_NET,
	DROP_MAP_LISTENER,
	DROP_MAP_MEMORY,
	DROP_MAP_IRQ,
	DROP_MAP_ALLOC,
	DROP_THREAD_STORAGE, /* no ledger for a thread */
	DROP_STACK_READ,     /* the stack could not be read */
	DROP_CGROUP_DEPTH,   /* a thread's cgroup is too deep to tell whether it is a target */
	DROP_ALLOC_BUSY,     /* another allocation's stack was being walked */
	DROP_COUNT,
};

#endif
