/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The difference of two readings of a thread's ledger, ns by state; last, LEDGER_UNSPLIT. Readings
 * do not fall on the ends of slices, and the open stretch is in none: these move time across an
 * end.
 */
#ifndef STRAIT_DELTAS_H
#define STRAIT_DELTAS_H

#include <stdint.h>

#include "wire.h"

#define DELTAS (STATE_COUNT + 1)

/* What is accounted of a thread's ledger so far. */
struct reading {
	uint64_t ns[DELTAS], futile_ns;
	uint32_t switches, preemptions, wakeups, migrations, crowd, futile;
};

struct reading reading_make(const struct wire_ledger *ledger);
/*
 * What the open stretch counts as until it ends. User or kernel: as it was when the stretch began,
 * if all calls since then were seen.
 */
uint32_t ledger_open_state(const struct wire_ledger *ledger);

/* Shares of what was filed since the last reading: before the window, and after the slice's end. */
struct outside {
	double early, later;
};

/* What was counted since *seen inside the slice; what came later is left to the next. */
uint32_t count_take(uint32_t now, uint32_t *seen, struct outside outside);

/* `share` (0 … 1) of it; all of 2^64 - 1 as well, which no double holds. */
uint64_t share_of(uint64_t ns, double share);

/* What share of it `ns` is, 0 … 1. */
double delta_share(const uint64_t delta[DELTAS], uint64_t ns);
/*
 * Takes `ns` out of `delta`, out of the state `first` before the others: an open stretch of running
 * was filed under the state it began in, and the kernel has split it since; and what was open when
 * the window began may have ended before.
 */
void delta_withdraw(uint64_t delta[DELTAS], uint32_t first, uint64_t ns);
/*
 * Takes the last `ns` out of `delta`, of each state as much as it has of all: what was filed
 * between the end of the slice and the reading. Returns the share that went, 0 … 1, and what in
 * `later`.
 */
double delta_defer(uint64_t delta[DELTAS], uint64_t later[DELTAS], uint64_t ns);

#endif
