/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/round.h"
#include "util/chance.h"

/* Of observed and not observed together, on average: attaching and detaching takes 1.3 ms. */
#define ROUND_NS 500000000.0

uint64_t span_until(uint64_t from, uint64_t to, uint64_t end)
{
	if (end < to)
		to = end;
	return to > from ? to - from : 0;
}

void round_draw(struct round *round, double duty, uint64_t now_ns)
{
	double stretch = duty * ROUND_NS, whole;

	/* The rest's length is random, so that nothing periodic keeps in step. */
	round->duty = 1 / (1 + (1 / duty - 1) * (0.5 + chance_unit()));
	whole = stretch / round->duty;
	round->from = now_ns;
	round->stretch_ns = (uint64_t)stretch;
	round->stretch_at = now_ns + (uint64_t)((whole - stretch) / 2);
	round->ahead = true;
	round->until = duty < 1 ? now_ns + (uint64_t)whole : UINT64_MAX;
}

uint64_t round_shift(struct round *round, uint64_t now_ns)
{
	uint64_t late = now_ns > round->stretch_at ? now_ns - round->stretch_at : 0;
	uint64_t behind = now_ns > round->until ? now_ns - round->until : 0;

	round->ahead = false;
	round->stretch_at += late;
	if (round->until != UINT64_MAX)
		round->until += late;
	return late - behind;
}

bool round_is_dear(const struct round *round, double duty, uint64_t now_ns)
{
	if (round->until == UINT64_MAX)
		return duty < 1;
	return duty < round->duty / 2 && (double)(now_ns - round->stretch_at) >=
						 duty / round->duty * (double)round->stretch_ns;
}

void round_shorten(struct round *round, uint64_t end_ns)
{
	uint64_t left = span_until(end_ns, round->stretch_at + round->stretch_ns, UINT64_MAX);

	if (round->until == UINT64_MAX)
		round->until = end_ns;
	else
		round->until -= (uint64_t)((double)left / round->duty);
}

double round_uncovered(const struct round *round, uint64_t over_ns)
{
	if (round->ahead)
		return (double)span_until(round->from, over_ns, round->until);
	if (round->until == UINT64_MAX)
		return 0;
	return -(double)span_until(over_ns, round->until, UINT64_MAX);
}
