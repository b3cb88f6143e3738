/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables put where the programs find them. The kernel waits for an RCU grace period after
 * each change of a map of maps, and a process does not end while a thread of it waits for one: so
 * that is done in the process that waits for grace periods anyway (grace.h), by threads of its
 * own: the next change need not wait for the grace period of the last one.
 */
#ifndef STRAIT_PUBLISHER_H
#define STRAIT_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#define PUBLISH_MOST 32 /* maps at a time */
#define PUBLISHERS   4  /* changes under way */

/*
 * Makes a pair of sockets: the other process's end, which is the caller's to hand over and to
 * close, or a negative errno.
 */
int publisher_open(void);
void publisher_close(void);

/* There: starts the threads that serve that end. */
void publisher_serve(int fd);

/* Puts maps[i] at index[i] of `map`, here, and waits as the kernel does. */
void publisher_put(int map, const uint32_t *index, const int *maps, uint32_t count);

/*
 * Has it done there, and does not wait; the change can be seen before the kernel's wait. In no
 * order with others that are under way: not for one index of theirs. False: there is nobody to do
 * it.
 */
bool publisher_ask(int map, const uint32_t *index, const int *maps, uint32_t count);

/* Whether somebody there has nothing to do: what is asked for now can be seen at once. */
bool publisher_is_free(void);

/*
 * Whether of what was asked for no more than `left` is under way, the rest is done or will not be
 * any more; waits `ms` at most.
 */
bool publisher_done(uint64_t left, int ms);

#endif
