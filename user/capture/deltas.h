/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's ledger as of a cut, and the difference of two of these, ns by state; last,
 * LEDGER_UNSPLIT.
 */
#ifndef STRAIT_DELTAS_H
#define STRAIT_DELTAS_H

#include <stdint.h>

#include "wire.h"

#define DELTAS (STATE_COUNT + 1)

/* A ledger up to some time. */
struct reading {
	struct wire_sums sum; /* of the stretches that had ended by then */
	/* The stretch that was open then, and what it counts as until it ends. */
	uint32_t open_state;
	uint64_t open_ns;
};

/*
 * As of the cut at cut_ns, the last that was made when the ledger was read: what the programs kept
 * of it. Where they kept nothing, the thread has done nothing since.
 */
struct reading reading_at(const struct wire_ledger *ledger, uint64_t cut_ns);
/* All of a ledger whose thread has ended. */
struct reading reading_last(const struct wire_ledger *ledger);

/* What was between two readings, the open stretches included. */
void reading_delta(const struct reading *from, const struct reading *to, uint64_t delta[DELTAS]);

/* `share` (0 … 1) of it; all of 2^64 - 1 as well, which no double holds. */
uint64_t share_of(uint64_t ns, double share);

#endif
