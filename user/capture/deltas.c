/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>

#include "capture/deltas.h"

struct reading reading_at(const struct wire_ledger *ledger, uint64_t cut_ns)
{
	bool kept = ledger->cut_ns == cut_ns;
	uint64_t since = kept ? ledger->at_cut.since : ledger->since;
	uint32_t state = kept ? ledger->at_cut.state : ledger->state;
	/* User or kernel: as when the stretch began, if all calls since then were seen. */
	bool split = kept ? ledger->at_cut.run_phase &&
				     ledger->at_cut.run_phase == ledger->at_cut.calls_on
			  : ledger->run_phase != 0;
	struct reading reading = {.sum = kept ? ledger->at_cut.sum : ledger->sum};

	if (state >= STATE_COUNT || since >= cut_ns)
		return reading;
	/* As the programs will have it when the thread gets a CPU (early.bpf.h). */
	if (!kept && state >= STATE_WAIT_DISK_READ && ledger->woken_early > since &&
	    ledger->woken_early < cut_ns) {
		reading.sum.ns[state] += ledger->woken_early - since;
		since = ledger->woken_early;
		state = STATE_READY_WOKEN;
	}
	if (state <= STATE_RUN_KERNEL && !split && !(ledger->flags & LEDGER_KTHREAD))
		state = LEDGER_UNSPLIT;
	reading.open_state = state;
	reading.open_ns = cut_ns - since;
	return reading;
}

struct reading reading_last(const struct wire_ledger *ledger)
{
	return (struct reading){.sum = ledger->sum};
}

/*
 * Takes `ns` out of `delta`, out of the state `first` before the others: an open stretch of running
 * was filed under the state it began in, and the kernel has split it since.
 */
static void delta_withdraw(uint64_t delta[DELTAS], uint32_t first, uint64_t ns)
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

void reading_delta(const struct reading *from, const struct reading *to, uint64_t delta[DELTAS])
{
	for (int state = 0; state < DELTAS; state++)
		delta[state] = to->sum.ns[state] - from->sum.ns[state];
	delta[to->open_state] += to->open_ns;
	delta_withdraw(delta, from->open_state, from->open_ns);
}

uint64_t share_of(uint64_t ns, double share)
{
	return share < 1 ? (uint64_t)((double)ns * share) : ns;
}
