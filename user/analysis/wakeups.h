/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single long waits: who ended them, from where, and what they were in the end.
 *
 * The blame of a wait for a thread is what that thread did meanwhile: blame(h, W) = what h did in W
 * by itself + for each wait of h in W that a thread k ended: blame(k, that part of W). (Cascaded
 * redistribution: Zhou et al., wPerf, OSDI 2018.) The parts of a wait sum to the wait; circles are
 * left out.
 */
#ifndef STRAIT_WAKEUPS_H
#define STRAIT_WAKEUPS_H

#include "analysis/facts.h"

struct analysis;

/* What a part of waits was in the end: `group` did it, or waited for it. */
struct wait_part {
	uint32_t group;
	uint32_t state; /* enum thread_state; STATE_RUN_USER: it ran; STATE_COUNT: not known */
	double ns;
};

/* The way of a wait to its cause, one hop after the other: what each waited in. */
#define WAIT_HOPS 10

struct wait_path {
	uint32_t waits[WAIT_HOPS]; /* positions in the recording's waits, the victim's first */
	uint32_t count;
	struct wait_part cause; /* what the last one's waker did most */
};

/*
 * A thread as a row of a table has it: its group's process and container, its own name where that
 * is another; the code of `frame`, NONE = of no interest.
 */
struct place wakeup_place(struct analysis *a, uint32_t group, uint32_t thread, uint32_t frame);

struct follower;

/* Of a recording with its waits; NULL never. */
struct follower *follower_new(const struct facts *facts);
void follower_free(struct follower *follower);

/*
 * Adds what a wait that a thread ended was in the end to the follower's parts. Does nothing any
 * more after so many steps that a report would be late; then false.
 */
bool follower_add(struct follower *follower, uint32_t wait);
/* The parts since the last call, largest first; valid until the next. */
const struct wait_part *follower_take(struct follower *follower, size_t *count);
/* The way on which most of a single wait goes. */
struct wait_path follower_path(struct follower *follower, uint32_t wait);

#endif
