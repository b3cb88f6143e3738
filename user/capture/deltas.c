/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <string.h>

#include "capture/deltas.h"

struct reading reading_make(const struct wire_ledger *ledger)
{
	struct reading reading = {
		.futile_ns = ledger->futile_ns,
		.switches = ledger->switches,
		.preemptions = ledger->preemptions,
		.wakeups = ledger->wakeups,
		.migrations = ledger->migrations,
		.crowd = ledger->crowd,
		.futile = ledger->futile,
	};

	memcpy(reading.ns, ledger->ns, sizeof(reading.ns));
	return reading;
}

uint32_t ledger_open_state(const struct wire_ledger *ledger)
{
	bool split = ledger->run_phase || ledger->flags & LEDGER_KTHREAD;

	return ledger->state <= STATE_RUN_KERNEL && !split ? LEDGER_UNSPLIT : ledger->state;
}

uint32_t count_take(uint32_t now, uint32_t *seen, struct outside outside)
{
	uint32_t count = now - *seen, later = (uint32_t)(count * outside.later);

	*seen = now - later;
	return count - later - (uint32_t)((count - later) * outside.early);
}

void delta_withdraw(uint64_t delta[DELTAS], uint32_t first, uint64_t ns)
{
	const uint32_t order[] = {first,         LEDGER_UNSPLIT,  STATE_RUN_USER, STATE_RUN_KERNEL,
				  STATE_RUN_IRQ, STATE_RUN_STOLEN};
	const uint32_t ordered = sizeof(order) / sizeof(order[0]);

	for (uint32_t i = 0; i < ordered + STATE_COUNT && ns; i++) {
		uint32_t state = i < ordered ? order[i] : i - ordered;
		uint64_t part = delta[state] < ns ? delta[state] : ns;

		delta[state] -= part;
		ns -= part;
	}
}

uint64_t share_of(uint64_t ns, double share)
{
	return share < 1 ? (uint64_t)((double)ns * share) : ns;
}

double delta_share(const uint64_t delta[DELTAS], uint64_t ns)
{
	uint64_t total = 0;

	for (int state = 0; state < DELTAS; state++)
		total += delta[state];
	if (!ns || !total)
		return 0;
	return ns < total ? (double)ns / (double)total : 1;
}

double delta_defer(uint64_t delta[DELTAS], uint64_t later[DELTAS], uint64_t ns)
{
	double share = delta_share(delta, ns);

	for (int state = 0; state < DELTAS; state++) {
		later[state] = share_of(delta[state], share);
		if (later[state] > delta[state])
			later[state] = delta[state];
		delta[state] -= later[state];
	}
	return share;
}
