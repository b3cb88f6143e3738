/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states of the thread ledger: at any moment a thread is in exactly one of them, so over a
 * window their times sum to the wall time. Shared by the BPF programs and by user space.
 */
#ifndef STRAIT_STATES_H
#define STRAIT_STATES_H

enum thread_state {
	STATE_RUN_USER,        /* on a CPU, not in a system call (page faults count here) */
	STATE_RUN_KERNEL,      /* on a CPU inside a system call, or a kernel thread */
	STATE_RUN_IRQ,         /* on a CPU, but hard or soft interrupts had it */
	STATE_RUN_STOLEN,      /* on a CPU that the hypervisor gave to others */
	STATE_READY_WOKEN,     /* runnable since a wakeup, waiting for a CPU */
	STATE_READY_PREEMPTED, /* runnable since it lost its CPU */
	STATE_READY_THROTTLED, /* runnable, held back by its cgroup's CPU quota */
	STATE_WAIT_DISK_READ,
	STATE_WAIT_DISK_WRITE, /* fsync, writeback, dirty-page throttling */
	STATE_WAIT_FAULT,      /* major page fault or swap-in */
	STATE_WAIT_RECLAIM,    /* inside direct or cgroup reclaim */
	STATE_WAIT_LOCK_USER,  /* futex */
	STATE_WAIT_LOCK_KERNEL,
	STATE_WAIT_LOCAL,  /* pipe, unix or loopback socket */
	STATE_WAIT_REMOTE, /* socket to another host */
	STATE_WAIT_TIMER,
	STATE_WAIT_POLL, /* poll, epoll, select, accept: anything may end it */
	STATE_WAIT_OTHER,
	STATE_COUNT,
};

/* Whether a thread in this state could run, and has no CPU. */
static inline __attribute__((always_inline)) int state_is_ready(unsigned int state)
{
	return state >= STATE_READY_WOKEN && state <= STATE_READY_THROTTLED;
}

/* What ended a wait. */
enum wait_end {
	WAIT_END_UNKNOWN,
	WAIT_END_THREAD,
	WAIT_END_IRQ,     /* a device's interrupt; its number tells which */
	WAIT_END_TIMER,   /* the local timer */
	WAIT_END_CALL,    /* another CPU's call */
	WAIT_END_SOFTIRQ, /* the softirq's vector tells which */
	WAIT_ENDS,
};

#endif
