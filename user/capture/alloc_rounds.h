/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When allocators are observed: all the time, or, where probing them costs more than it may, in
 * rounds of a stretch in which their probes are there and a rest in which they are not. What is
 * seen in a stretch stands for the time around it.
 */
#ifndef STRAIT_ALLOC_ROUNDS_H
#define STRAIT_ALLOC_ROUNDS_H

#include "capture/probes.h"
#include "capture/session.h"

struct alloc_rounds {
	struct probes *probes;
	enum { ROUND_OBSERVE, ROUND_DETACH, ROUND_REST, ROUND_ATTACH } phase;
	uint64_t begin_ns, until_ns; /* of the stretch; until UINT64_MAX = for good */
	uint64_t end_ns;             /* of the rest behind it; 0 = there was none */
	uint64_t looked_ns;          /* the rate is that since then */
	/* CPU ns, by probes: until then; until the end; from the last end to the next begin. */
	double spent, spent_end, tail;
	double rate;          /* CPUs, while they are observed */
	double carried;       /* ns of the last rest, that the next stretch stands for */
	uint64_t observed_ns; /* since it was last asked for, */
	uint64_t told_ns;     /* up to then */
};

/* The window has begun, and the probes are attached, or will be soon. */
void rounds_begin(struct alloc_rounds *rounds, struct session *session, struct probes *probes);
/* Does what is due. True where a stretch began that stands for more than itself. */
bool rounds_tick(struct alloc_rounds *rounds, struct session *session, uint64_t now_ns);
bool rounds_observe(const struct alloc_rounds *rounds);
/* How much of the time from the last call to `now_ns` was observed, ns. */
uint64_t rounds_observed(struct alloc_rounds *rounds, uint64_t now_ns);

#endif
