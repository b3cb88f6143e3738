/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rounds of the budget: each has a stretch in its middle in which calls are observed, and which
 * stands for all of it. Of a load that begins or ends meanwhile as much too little is told as too
 * much, on average. Arithmetic only; times are ns of CLOCK_MONOTONIC.
 */
#ifndef STRAIT_ROUND_H
#define STRAIT_ROUND_H

#include <stdbool.h>
#include <stdint.h>

struct round {
	double duty; /* what is observed counts 1 / duty times; 1 = all is */
	uint64_t from;
	uint64_t until; /* what the weights stand for ends here; UINT64_MAX = nobody knows yet */
	uint64_t stretch_at, stretch_ns;
	bool ahead; /* the stretch is still to come */
};

/* How much of the time from `from` to `to` is before `end`. */
uint64_t span_until(uint64_t from, uint64_t to, uint64_t end);

/* A round of about `duty`, of random length; without an end where all can be observed. */
void round_draw(struct round *round, double duty, uint64_t now_ns);
/*
 * The stretch begins now, not before it was to. The round ends so much later; returns the ns that
 * nothing stands for, without those behind the old end.
 */
uint64_t round_shift(struct round *round, uint64_t now_ns);
/*
 * Whether the stretch took its share, where no more than `duty` can be observed as it turns out:
 * much less than the round was made for; or not all, where it has no end.
 */
bool round_is_dear(const struct round *round, double duty, uint64_t now_ns);
/* The stretch ends at `end_ns`, before its time: so does the round, maybe earlier than that. */
void round_shorten(struct round *round, uint64_t end_ns);
/*
 * The window ends at over_ns within the round: ns that nothing stands for, as the stretch is still
 * to come, or less than 0: what was seen in it stands for time behind the window's end.
 */
double round_uncovered(const struct round *round, uint64_t over_ns);

#endif
