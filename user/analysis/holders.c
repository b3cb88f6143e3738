/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>

#include "analysis/holders.h"

/* Holders are followed through so many others, and not where less than this of the wait is left. */
#define DEPTH    10
#define MIN_PART 0.001
/* Where less of the waits was observed, what is known of it speaks for nothing. */
#define MIN_KNOWN 0.1

/* One direct observation, ns. */
struct seen {
	uint32_t group, holder;
	enum thread_state state;
	double ns;
};

struct builder {
	const struct facts *facts;
	struct holders *holders;
	VEC(struct seen) seen; /* by group */
	size_t *first;
	double *sum; /* by group: what was seen, without waiting for mutexes of its own group */
};

/* States in which something other than the holder's code is to blame; else STATE_RUN_USER. */
static enum thread_state state_fold(enum thread_state state)
{
	switch (state) {
	case STATE_READY_WOKEN:
	case STATE_READY_PREEMPTED:
		return STATE_READY_WOKEN;
	case STATE_READY_THROTTLED:
	case STATE_WAIT_DISK_READ:
	case STATE_WAIT_DISK_WRITE:
	case STATE_WAIT_FAULT:
	case STATE_WAIT_RECLAIM:
	case STATE_WAIT_LOCK_USER:
	case STATE_WAIT_LOCK_KERNEL:
		return state;
	default:
		return STATE_RUN_USER;
	}
}

static int by_group(const void *a, const void *b)
{
	const struct seen *left = a, *right = b;

	if (left->group != right->group)
		return left->group < right->group ? -1 : 1;
	if (left->holder != right->holder)
		return left->holder < right->holder ? -1 : 1;
	return (int)left->state - (int)right->state;
}

/* The rows of the recording, one for each (group, holder, state). */
static void seen_collect(struct builder *b)
{
	size_t kept = 0;

	vec_each(&b->facts->rec->holds, hold) {
		const struct group *group = facts_group(b->facts, hold->thread);
		uint32_t holder = facts_process_group(b->facts, hold->holder);

		if (group && holder != NONE)
			vec_push(&b->seen,
				 (struct seen){.group = (uint32_t)(group - b->facts->groups.at),
					       .holder = holder,
					       .state = state_fold(hold->state),
					       .ns = (double)hold->ns});
	}
	vec_sort(&b->seen, by_group);
	for (size_t i = 0; i < b->seen.len; i++) {
		if (kept && !by_group(&b->seen.at[kept - 1], &b->seen.at[i]))
			b->seen.at[kept - 1].ns += b->seen.at[i].ns;
		else
			b->seen.at[kept++] = b->seen.at[i];
	}
	b->seen.len = kept;
}

/* A convoy: they wait for each other, and for what all of them together do. */
static bool seen_absorbed(const struct seen *seen)
{
	return seen->state == STATE_WAIT_LOCK_USER && seen->holder == seen->group;
}

static void seen_sum(struct builder *b)
{
	size_t at = 0;

	for (uint32_t group = 0; group < b->facts->groups.len; group++) {
		double lock_ns = b->facts->groups.at[group].lock_ns, all = 0;

		b->first[group] = at;
		for (; at < b->seen.len && b->seen.at[at].group == group; at++) {
			all += b->seen.at[at].ns;
			b->sum[group] += seen_absorbed(&b->seen.at[at]) ? 0 : b->seen.at[at].ns;
		}
		b->holders->known[group] = lock_ns > 0 ? fmin(all / lock_ns, 1) : 0;
	}
	b->first[b->facts->groups.len] = at;
}

static void part_add(struct builder *b, uint32_t group, uint32_t holder, enum thread_state state,
		     double share)
{
	struct holders *holders = b->holders;

	for (size_t i = holders->first[group]; i < holders->parts.len; i++) {
		struct holder_part *part = &holders->parts.at[i];

		if (part->holder == holder && part->state == state) {
			part->share += share;
			return;
		}
	}
	vec_push(&holders->parts, (struct holder_part){group, holder, state, share});
}

/* `share` of the waits of `group` is explained by what the holders that `waiter` waits for did. */
static void follow(struct builder *b, uint32_t group, uint32_t waiter, double share, int depth)
{
	for (size_t i = b->first[waiter]; i < b->first[waiter + 1]; i++) {
		const struct seen *seen = &b->seen.at[i];
		double part = share * seen->ns / b->sum[waiter];

		if (seen_absorbed(seen) || part <= 0)
			continue;
		if (seen->state != STATE_WAIT_LOCK_USER)
			part_add(b, group, seen->holder, seen->state, part);
		else if (depth < DEPTH && part > MIN_PART && b->sum[seen->holder] > 0)
			follow(b, group, seen->holder, part, depth + 1);
	}
}

/* What was followed in a circle, or too far, is shared out like the rest. */
static void parts_normalize(struct holders *holders, uint32_t group)
{
	double sum = 0;

	for (size_t i = holders->first[group]; i < holders->parts.len; i++)
		sum += holders->parts.at[i].share;
	for (size_t i = holders->first[group]; i < holders->parts.len; i++)
		holders->parts.at[i].share /= sum;
}

static void parts_make(struct builder *b)
{
	struct holders *holders = b->holders;
	size_t n = b->facts->groups.len;

	for (uint32_t group = 0; group < n; group++) {
		holders->first[group] = holders->parts.len;
		if (holders->known[group] >= MIN_KNOWN && b->sum[group] > 0)
			follow(b, group, group, 1, 0);
		/* Else its own code is all that is known of. */
		if (holders->parts.len == holders->first[group])
			part_add(b, group, group, STATE_RUN_USER, 1);
		parts_normalize(holders, group);
	}
	holders->first[n] = holders->parts.len;
}

struct holders *holders_new(const struct facts *facts)
{
	size_t n = facts->groups.len;
	struct holders *holders = calloc(1, sizeof(*holders));
	struct builder b = {.facts = facts, .holders = holders};

	if (!holders)
		abort();
	holders->first = calloc(n + 1, sizeof(*holders->first));
	holders->known = calloc(n + 1, sizeof(*holders->known));
	b.first = calloc(n + 1, sizeof(*b.first));
	b.sum = calloc(n + 1, sizeof(*b.sum));
	if (!holders->first || !holders->known || !b.first || !b.sum)
		abort();
	seen_collect(&b);
	seen_sum(&b);
	parts_make(&b);
	vec_free(&b.seen);
	free(b.first);
	free(b.sum);
	return holders;
}

void holders_free(struct holders *holders)
{
	vec_free(&holders->parts);
	free(holders->first);
	free(holders->known);
	free(holders);
}
