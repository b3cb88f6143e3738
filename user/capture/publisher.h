/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables put where the programs find them. The kernel waits for an RCU grace period after
 * each change of a map of maps, and a process does not end while a thread of it waits for one: so
 * that is done in the process that waits for grace periods anyway (grace.h), by a thread of its
 * own.
 */
#ifndef STRAIT_PUBLISHER_H
#define STRAIT_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#define PUBLISH_MOST 32 /* maps at a time */

/*
 * Makes a pair of sockets: the other process's end, which is the caller's to hand over and to
 * close, or a negative errno.
 */
int publisher_open(void);
void publisher_close(void);

/* There: starts the thread that serves that end. */
void publisher_serve(int fd);

/* Puts maps[i] at index[i] of `map`, here, and waits as the kernel does. */
void publisher_put(int map, const uint32_t *index, const int *maps, uint32_t count);

/*
 * Has it done there, and does not wait; the change can be seen before the kernel's wait. False:
 * there is nobody to do it.
 */
bool publisher_ask(int map, const uint32_t *index, const int *maps, uint32_t count);

/* Whether what was asked for is done, or will not be any more; waits `ms` at most. */
bool publisher_done(int ms);

#endif
