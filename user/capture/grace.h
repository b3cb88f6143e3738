/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RCU grace periods. BPF programs run in RCU read-side sections: when one is over, every program
 * that ran at its begin has ended.
 *
 * They are waited for by a small process of its own: where all CPUs are busy, the kernel's threads
 * that end one wait for their turn among thousands, for most of a minute at times. Nothing would be
 * read meanwhile, and a process does not end while a thread of it waits for one.
 */
#ifndef STRAIT_GRACE_H
#define STRAIT_GRACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Starts that process, once; without it the functions below do the best they can. It ends by itself
 * after grace_close(), or when this one has ended.
 */
void grace_open(void);
void grace_close(void);
/* Its pid by the kernel's count (namespace_own_pid()); 0 = there is none. */
uint32_t grace_pid(void);

/*
 * Asks for one and waits for its end, 50 ms at most. Meanwhile calls `ready` whenever `fd` can be
 * read.
 */
void grace_wait(int fd, void (*ready)(void *context), void *context);
/* Asks for one that begins now, and does not wait. */
void grace_begin(void);
/*
 * One that was asked for is not over: attaching programs now may wait as long as it does. The
 * kernel puts nothing on a tracepoint before a grace period has passed since the last program was
 * taken off one (tracepoint_add_func()): so call grace_begin() when that is done.
 */
bool grace_late(void);

#endif
