/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/alloc_rounds.h"

#include <math.h>
#include <stdlib.h>

#include "capture/budget.h"
#include "strait.skel.h"
#include "util/clock.h"
#include "util/chance.h"

/*
 * All is observed at first; then a stretch and the rest behind it take so long together at least:
 * to attach and detach a C library's probes takes 2 ms of CPU time on a small host, and the kernel
 * waits for a grace period before it takes one out, for which the calls go on running into it.
 */
#define FIRST_NS    20000000ULL
#define ROUND_NS    2e9
#define RATE_NS     1e9
#define STRETCH_NS  10e6       /* a stretch at least */
#define ATTACHED_NS 2000000ULL /* so often it is looked whether all are attached */
#define CHANGE_NS   3e6        /* attaching and detaching, CPU time */
#define WEIGHT_MOST 1024       /* what one call may stand for */

static void observe_begin(struct session *session, struct alloc_rounds *rounds, uint64_t now_ns,
			  uint32_t weight, uint64_t until_ns)
{
	struct strait_bpf__bss *bss = session->skeleton->bss;

	rounds->phase = ROUND_OBSERVE;
	rounds->begin_ns = rounds->looked_ns = now_ns;
	rounds->until_ns = until_ns;
	rounds->spent = budget_probes_spent(session->budget);
	bss->alloc_weight = weight;
	__atomic_store_n(&bss->alloc_until, until_ns == UINT64_MAX ? 0 : until_ns,
			 __ATOMIC_SEQ_CST);
	__atomic_store_n(&bss->alloc_on, 1, __ATOMIC_SEQ_CST);
}

/* What the budget can bear, ns: of a stretch, and of the rest behind it; 0 = all, without one. */
static double stretch_plan(struct session *session, struct alloc_rounds *rounds, double *rest)
{
	double may = budget_probes_may(session->budget), change, observed, span;

	*rest = 0;
	if (rounds->end_ns)
		rounds->tail = budget_probes_spent(session->budget) - rounds->spent_end;
	if (rounds->end_ns && rounds->rate <= may / 2)
		return ROUND_NS;
	change = CHANGE_NS + rounds->tail;
	observed = fmax((may * ROUND_NS - change) / fmax(rounds->rate, may), STRETCH_NS);
	span = fmax((observed * rounds->rate + change) / may, fmax(ROUND_NS, observed));
	/* At random, so that nothing periodic keeps in step. */
	*rest = (span - observed) * (0.5 + chance_unit());
	return observed;
}

/*
 * A stretch stands for itself, for half of the rest before it and half of the rest behind it: where
 * the window ends in that, as much too little is told as too much. Where the end is known, the last
 * one stands for all that is left. What is late with it is added.
 */
static void stretch_begin(struct session *session, struct alloc_rounds *rounds, uint64_t now_ns)
{
	double late =
		rounds->end_ns && now_ns > rounds->end_ns ? (double)(now_ns - rounds->end_ns) : 0;
	uint64_t end_ns = session->begin_ns + session->options.length_ns;
	double rest, observed = stretch_plan(session, rounds, &rest), left = observed + rest;
	double stands = rounds->carried + late;

	if (session->options.length_ns)
		left = fmax(end_ns > now_ns ? (double)(end_ns - now_ns) : 0, 1);
	observed = fmin(observed, left);
	rounds->carried = observed + rest < left || !session->options.length_ns ? rest / 2 : 0;
	stands += fmin(observed + rest, left) - rounds->carried;
	rounds->end_ns = now_ns + (uint64_t)(observed + rest);
	observe_begin(session, rounds, now_ns,
		      (uint32_t)fmin(stands / observed * WIRE_CALL_WEIGHT,
				     WEIGHT_MOST * WIRE_CALL_WEIGHT),
		      now_ns + (uint64_t)observed);
}

static void observed_add(struct alloc_rounds *rounds, uint64_t now_ns)
{
	uint64_t from = rounds->begin_ns > rounds->told_ns ? rounds->begin_ns : rounds->told_ns;
	uint64_t to = rounds->until_ns < now_ns ? rounds->until_ns : now_ns;

	if (rounds->phase == ROUND_OBSERVE && to > from)
		rounds->observed_ns += to - from;
	rounds->told_ns = now_ns;
}

/* What probes cost while they are observed; of the last second or so: loads change. */
static void rate_look(struct session *session, struct alloc_rounds *rounds, uint64_t now_ns)
{
	double ns = (double)(now_ns - rounds->looked_ns);

	if (now_ns <= rounds->looked_ns)
		return;
	rounds->rate = (budget_probes_spent(session->budget) - rounds->spent) / ns;
	if (ns > RATE_NS) {
		rounds->looked_ns += (uint64_t)(ns / 2);
		rounds->spent += rounds->rate * ns / 2;
	}
}

static void stretch_end(struct session *session, struct alloc_rounds *rounds, uint64_t now_ns)
{
	if (rounds->end_ns <= rounds->until_ns) {
		/* They have become cheap, and stay. */
		observed_add(rounds, now_ns);
		observe_begin(session, rounds, now_ns, WIRE_CALL_WEIGHT, UINT64_MAX);
		return;
	}
	__atomic_store_n(&session->skeleton->bss->alloc_on, 0, __ATOMIC_SEQ_CST);
	observed_add(rounds, now_ns);
	budget_observe(session->budget, session, now_ns);
	rate_look(session, rounds, now_ns);
	rounds->spent_end = budget_probes_spent(session->budget);
	rounds->phase = ROUND_DETACH;
	probes_want(rounds->probes, false);
}

/* Observed without an end until now: where it is too dear, the rounds begin. */
static void cost_look(struct session *session, struct alloc_rounds *rounds, uint64_t now_ns)
{
	if (now_ns < rounds->looked_ns + FIRST_NS)
		return;
	rate_look(session, rounds, now_ns);
	if (rounds->rate <= budget_probes_may(session->budget))
		return;
	observed_add(rounds, now_ns);
	rounds->end_ns = 0;
	rounds->carried = 0;
	stretch_begin(session, rounds, now_ns);
}

/* When a tick is wanted: every probe that is there when nothing is observed is a loss. */
static uint64_t round_due(const struct alloc_rounds *rounds, uint64_t now_ns)
{
	uint64_t first_ns = rounds->begin_ns + FIRST_NS;

	if (rounds->phase == ROUND_ATTACH)
		return now_ns + ATTACHED_NS;
	if (rounds->phase != ROUND_OBSERVE)
		return UINT64_MAX;
	if (rounds->until_ns == UINT64_MAX && now_ns < first_ns)
		return first_ns;
	return rounds->until_ns;
}

void rounds_begin(struct alloc_rounds *rounds, struct session *session, struct probes *probes)
{
	*rounds = (struct alloc_rounds){.probes = probes, .told_ns = session->begin_ns};
	observe_begin(session, rounds, time_now(), WIRE_CALL_WEIGHT, UINT64_MAX);
}

bool rounds_tick(struct alloc_rounds *rounds, struct session *session, uint64_t now_ns)
{
	uint64_t begin_ns = rounds->begin_ns;

	switch (rounds->phase) {
	case ROUND_OBSERVE:
		if (rounds->until_ns == UINT64_MAX)
			cost_look(session, rounds, now_ns);
		else if (now_ns >= rounds->until_ns)
			stretch_end(session, rounds, now_ns);
		break;
	case ROUND_DETACH:
		if (probes_settled(rounds->probes))
			rounds->phase = ROUND_REST;
		break;
	case ROUND_REST:
		if (now_ns < rounds->end_ns)
			break;
		rounds->phase = ROUND_ATTACH;
		probes_want(rounds->probes, true);
		break;
	case ROUND_ATTACH:
		if (probes_settled(rounds->probes))
			stretch_begin(session, rounds, time_now());
		break;
	}
	session->due_ns = round_due(rounds, now_ns);
	return rounds->begin_ns != begin_ns && rounds->until_ns != UINT64_MAX;
}

bool rounds_observe(const struct alloc_rounds *rounds)
{
	return rounds->phase == ROUND_OBSERVE;
}

uint64_t rounds_observed(struct alloc_rounds *rounds, uint64_t now_ns)
{
	uint64_t ns;

	observed_add(rounds, now_ns);
	ns = rounds->observed_ns;
	rounds->observed_ns = 0;
	return ns;
}
