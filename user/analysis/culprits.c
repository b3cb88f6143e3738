/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/culprits.h"

struct culprits {
	const struct facts *facts;
	double *run, *ready;  /* [bin * groups + group], ns */
	uint32_t (*order)[2]; /* edges: (group, position), by group */
	size_t *first;        /* of each group in order; one more at the end */
};

/* A long window is looked at in this many parts at most. */
#define BINS 64

static size_t bin_count(const struct facts *facts)
{
	return facts->rec->slices.len < BINS ? facts->rec->slices.len : BINS;
}

/* Time that each group spent in some states, part by part: [bin * groups + group], ns. */
static double *bins_by_group(const struct facts *facts, uint32_t states)
{
	size_t n = facts->groups.len, bins = bin_count(facts);
	double *sums = calloc(bins * n + 1, sizeof(double));

	if (!sums)
		abort();
	vec_each(&facts->rec->ledger, row) {
		uint32_t group = facts->threads[row->thread].group;

		if (group != NONE && row->slice < facts->rec->slices.len &&
		    (states >> row->state & 1))
			sums[row->slice * bins / facts->rec->slices.len * n + group] +=
				(double)row->ns;
	}
	return sums;
}

/*
 * Who had the CPUs while a group waited for any of them: its waiting in each part of the
 * window, shared out by the time each group ran in it. A thread that may run anywhere waits for
 * every CPU alike, so each occupant holds it back in proportion. Shares that sum to 1, or all 0.
 */
static void occupants_share(const struct culprits *c, uint32_t group, double *share)
{
	size_t n = c->facts->groups.len;
	double all = 0;

	for (size_t bin = 0; bin < bin_count(c->facts); bin++) {
		const double *run = &c->run[bin * n];
		double sum = 0, ready = c->ready[bin * n + group];

		for (size_t i = 0; i < n; i++)
			sum += run[i];
		for (size_t i = 0; i < n && sum > 0 && ready > 0; i++)
			share[i] += ready * run[i] / sum;
		all += sum > 0 ? ready : 0;
	}
	for (size_t i = 0; i < n && all > 0; i++)
		share[i] /= all;
}

static int edge_by_group(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return left[0] < right[0] ? -1 : left[0] > right[0];
}

/* Edges in the order of the group they belong to: (group, position). The caller frees it. */
static uint32_t (*edges_by_group(const struct facts *facts))[2]
{
	const struct recording *rec = facts->rec;
	uint32_t(*order)[2] = calloc(rec->edges.len + 1, sizeof(*order));

	if (!order)
		abort();
	for (size_t i = 0; i < rec->edges.len; i++) {
		order[i][0] = facts->threads[rec->edges.at[i].thread].group;
		order[i][1] = (uint32_t)i;
	}
	qsort(order, rec->edges.len, sizeof(*order), edge_by_group);
	return order;
}

struct culprits *culprits_new(const struct facts *facts)
{
	struct culprits *c = calloc(1, sizeof(*c));
	size_t n = facts->groups.len, at = 0;

	if (!c)
		abort();
	c->facts = facts;
	c->run = bins_by_group(facts, STATES_ON_CPU);
	c->ready = bins_by_group(facts, 1u << STATE_READY_WOKEN | 1u << STATE_READY_PREEMPTED);
	c->order = edges_by_group(facts);
	c->first = calloc(n + 1, sizeof(*c->first));
	if (!c->first)
		abort();
	for (uint32_t group = 0; group < n; group++) {
		c->first[group] = at;
		while (at < facts->rec->edges.len && c->order[at][0] == group)
			at++;
	}
	c->first[n] = at;
	return c;
}

void culprits_free(struct culprits *c)
{
	free(c->run);
	free(c->ready);
	free(c->order);
	free(c->first);
	free(c);
}

/* Adds what the kernel side saw of a group's culprits, as shares of their sum. False if nothing. */
static bool seen_share(const struct culprits *c, uint32_t group, double weight, double *share)
{
	const struct recording *rec = c->facts->rec;
	double sum = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = c->first[group]; i < c->first[group + 1]; i++) {
			const struct edge *edge = &rec->edges.at[c->order[i][1]];
			uint32_t party = facts_process_group(c->facts, edge->party);

			if (edge->kind != EDGE_CULPRIT || party == NONE ||
			    !c->facts->threads[edge->thread].busy)
				continue;
			if (!pass)
				sum += (double)edge->ns;
			else
				share[party] += weight * (double)edge->ns / sum;
		}
		if (sum <= 0)
			return false;
	}
	return true;
}

void culprits_share(const struct culprits *c, uint32_t group, double *share)
{
	double own = c->facts->groups.at[group].pinned ? 1 : c->facts->idle_share;
	size_t n = c->facts->groups.len;

	if (isnan(own))
		own = 1;
	memset(share, 0, n * sizeof(*share));
	occupants_share(c, group, share);
	for (size_t i = 0; i < n; i++)
		share[i] *= 1 - own;
	if (own > 0 && !seen_share(c, group, own, share))
		for (size_t i = 0; i < n && own < 1; i++)
			share[i] /= 1 - own;
}
