/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analysis/wakeups.h"

/* Looks at single waits and ledger rows, in all: about a fifth of a second. */
#define STEPS_MAX 4000000

struct follower {
	const struct facts *facts;
	VEC(uint32_t) waits;           /* positions, by thread and begin */
	VEC(struct ledger_row) ledger; /* by thread and slice; of threads that ended long waits */
	VEC(struct wait_part) parts, taken;
	size_t steps;
};

/* A stretch of the window, and on whose behalf it is looked at. */
struct stretch {
	uint64_t begin, end;
	uint32_t path[WAIT_HOPS + 1]; /* threads: the victim first, the one at hand last */
	uint32_t depth;               /* of them */
};

/* ---- tables ---- */

static int by_thread_begin(const void *a, const void *b, void *recording)
{
	const struct recording *rec = recording;
	const struct wait *left = &rec->waits.at[*(const uint32_t *)a];
	const struct wait *right = &rec->waits.at[*(const uint32_t *)b];

	if (left->thread != right->thread)
		return left->thread < right->thread ? -1 : 1;
	return left->begin_ns < right->begin_ns ? -1 : left->begin_ns > right->begin_ns;
}

static int by_thread_slice(const void *a, const void *b)
{
	const struct ledger_row *left = a, *right = b;

	if (left->thread != right->thread)
		return left->thread < right->thread ? -1 : 1;
	return left->slice < right->slice ? -1 : left->slice > right->slice;
}

static void ledger_gather(struct follower *f, const struct recording *rec)
{
	bool *waker = calloc(rec->threads.len + 1, sizeof(*waker));

	if (!waker)
		abort();
	vec_each(&rec->waits, wait)
		if (wait->waker != NONE)
			waker[wait->waker] = true;
	vec_each(&rec->ledger, row)
		if (waker[row->thread])
			vec_push(&f->ledger, *row);
	vec_sort(&f->ledger, by_thread_slice);
	free(waker);
}

struct follower *follower_new(const struct facts *facts)
{
	struct follower *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->facts = facts;
	for (uint32_t i = 0; i < facts->rec->waits.len; i++)
		vec_push(&f->waits, i);
	if (f->waits.len)
		qsort_r(f->waits.at, f->waits.len, sizeof(*f->waits.at), by_thread_begin,
			(void *)facts->rec);
	ledger_gather(f, facts->rec);
	return f;
}

void follower_free(struct follower *f)
{
	if (!f)
		return;
	vec_free(&f->waits);
	vec_free(&f->ledger);
	vec_free(&f->parts);
	vec_free(&f->taken);
	free(f);
}

static const struct wait *wait_at(const struct follower *f, size_t i)
{
	return &f->facts->rec->waits.at[f->waits.at[i]];
}

/*
 * The first wait of a thread that may reach into `begin`: of one thread they do not overlap, but
 * two clocks may disagree by a little, so the one before it too.
 */
static size_t waits_from(const struct follower *f, uint32_t thread, uint64_t begin)
{
	size_t low = 0, high = f->waits.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct wait *wait = wait_at(f, middle);

		if (wait->thread < thread || (wait->thread == thread && wait->begin_ns < begin))
			low = middle + 1;
		else
			high = middle;
	}
	while (low && wait_at(f, low - 1)->thread == thread && wait_at(f, low - 1)->end_ns > begin)
		low--;
	return low;
}

static uint64_t overlap(uint64_t a_begin, uint64_t a_end, uint64_t b_begin, uint64_t b_end)
{
	uint64_t begin = a_begin > b_begin ? a_begin : b_begin, end = a_end < b_end ? a_end : b_end;

	return end > begin ? end - begin : 0;
}

/* ---- what a thread did by itself ---- */

static uint32_t part_state(uint32_t state)
{
	if (state <= STATE_RUN_STOLEN)
		return STATE_RUN_USER;
	return state == STATE_READY_PREEMPTED ? STATE_READY_WOKEN : state;
}

static void part_add(struct follower *f, uint32_t thread, uint32_t state, double ns)
{
	uint32_t group = f->facts->threads[thread].group;

	if (ns <= 0)
		return;
	state = part_state(state);
	vec_each(&f->parts, part)
		if (part->group == group && part->state == state) {
			part->ns += ns;
			return;
		}
	vec_push(&f->parts, (struct wait_part){group, state, ns});
}

static size_t ledger_from(const struct follower *f, uint32_t thread, uint32_t slice)
{
	size_t low = 0, high = f->ledger.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct ledger_row *row = &f->ledger.at[middle];

		if (row->thread < thread || (row->thread == thread && row->slice < slice))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A thread's time in one slice by state, without its waits that were told one by one. */
static void slice_sum(struct follower *f, uint32_t thread, uint32_t slice, double ns[STATE_COUNT])
{
	const struct slice *at = &f->facts->rec->slices.at[slice];

	memset(ns, 0, STATE_COUNT * sizeof(*ns));
	for (size_t i = ledger_from(f, thread, slice); i < f->ledger.len; i++) {
		const struct ledger_row *row = &f->ledger.at[i];

		if (row->thread != thread || row->slice != slice)
			break;
		ns[row->state] += (double)row->ns;
		f->steps++;
	}
	for (size_t i = waits_from(f, thread, at->begin_ns); i < f->waits.len; i++) {
		const struct wait *wait = wait_at(f, i);

		if (wait->thread != thread || wait->begin_ns >= at->end_ns)
			break;
		ns[wait->state] -=
			(double)overlap(wait->begin_ns, wait->end_ns, at->begin_ns, at->end_ns);
		f->steps++;
	}
}

/*
 * `rest` ns of a stretch in which the thread waited for none that was told: it did what it did
 * otherwise in these slices, in proportion.
 */
static void rest_add(struct follower *f, uint32_t thread, const struct stretch *in, double rest)
{
	const struct recording *rec = f->facts->rec;
	double sum[STATE_COUNT] = {}, all = 0, ns[STATE_COUNT];

	for (uint32_t slice = 0; slice < rec->slices.len; slice++) {
		const struct slice *at = &rec->slices.at[slice];
		double part = (double)overlap(in->begin, in->end, at->begin_ns, at->end_ns);

		if (part <= 0)
			continue;
		slice_sum(f, thread, slice, ns);
		for (int state = 0; state < STATE_COUNT; state++)
			if (ns[state] > 0)
				sum[state] += ns[state] * part;
	}
	for (int state = 0; state < STATE_COUNT; state++)
		all += sum[state];
	if (all <= 0)
		part_add(f, thread, STATE_COUNT, rest);
	for (int state = 0; state < STATE_COUNT && all > 0; state++)
		part_add(f, thread, (uint32_t)state, rest * sum[state] / all);
}

/* ---- what it waited for ---- */

/* Waits for devices and memory are what they are, whoever tells that they are over. */
static bool state_is_terminal(uint32_t state)
{
	return state == STATE_WAIT_DISK_READ || state == STATE_WAIT_DISK_WRITE ||
	       state == STATE_WAIT_FAULT || state == STATE_WAIT_RECLAIM;
}

static bool on_path(const struct stretch *stretch, uint32_t thread)
{
	for (uint32_t i = 0; i < stretch->depth; i++)
		if (stretch->path[i] == thread)
			return true;
	return false;
}

static void follow(struct follower *f, const struct stretch *in)
{
	uint32_t thread = in->path[in->depth - 1];
	double rest = (double)(in->end - in->begin);

	for (size_t i = waits_from(f, thread, in->begin); i < f->waits.len; i++) {
		const struct wait *wait = wait_at(f, i);
		uint64_t ns = overlap(wait->begin_ns, wait->end_ns, in->begin, in->end);
		struct stretch next = *in;

		if (wait->thread != thread || wait->begin_ns >= in->end)
			break;
		f->steps++;
		if (!ns)
			continue;
		rest -= (double)ns;
		if (wait->waker == NONE || state_is_terminal(wait->state)) {
			part_add(f, thread, wait->state, (double)ns);
			continue;
		}
		/* A circle, or too far away: nobody's. */
		if (on_path(in, wait->waker) || in->depth > WAIT_HOPS || f->steps > STEPS_MAX)
			continue;
		next.begin = wait->begin_ns > in->begin ? wait->begin_ns : in->begin;
		next.end = next.begin + ns;
		next.path[next.depth++] = wait->waker;
		follow(f, &next);
	}
	if (rest > 0)
		rest_add(f, thread, in, rest);
}

static struct stretch stretch_of(const struct wait *wait)
{
	return (struct stretch){wait->begin_ns, wait->end_ns, {wait->thread, wait->waker}, 2};
}

bool follower_add(struct follower *f, uint32_t position)
{
	const struct wait *wait = &f->facts->rec->waits.at[position];
	struct stretch stretch = stretch_of(wait);

	if (f->steps > STEPS_MAX)
		return false;
	if (wait->waker != NONE)
		follow(f, &stretch);
	return true;
}

static int by_ns(const void *a, const void *b)
{
	const struct wait_part *left = a, *right = b;

	if (left->ns != right->ns)
		return left->ns < right->ns ? 1 : -1;
	return left->group != right->group ? (left->group < right->group ? -1 : 1)
					   : (int)left->state - (int)right->state;
}

const struct wait_part *follower_take(struct follower *f, size_t *count)
{
	f->taken.len = 0;
	vec_each(&f->parts, part)
		vec_push(&f->taken, *part);
	f->parts.len = 0;
	vec_sort(&f->taken, by_ns);
	*count = f->taken.len;
	return f->taken.at;
}

/* The wait of a thread that most of the stretch went to; NONE if none took half of it. */
static uint32_t wait_main(const struct follower *f, uint32_t thread, uint64_t begin, uint64_t end)
{
	for (size_t i = waits_from(f, thread, begin); i < f->waits.len; i++) {
		const struct wait *wait = wait_at(f, i);

		if (wait->thread != thread || wait->begin_ns >= end)
			break;
		if (overlap(wait->begin_ns, wait->end_ns, begin, end) > (end - begin) / 2)
			return f->waits.at[i];
	}
	return NONE;
}

struct wait_path follower_path(struct follower *f, uint32_t position)
{
	const struct recording *rec = f->facts->rec;
	const struct wait *wait = &rec->waits.at[position];
	struct stretch stretch = stretch_of(wait);
	struct wait_path path = {.waits = {position}, .count = 1};
	const struct wait_part *parts;
	size_t count;

	while (path.count < WAIT_HOPS) {
		uint32_t thread = stretch.path[stretch.depth - 1];
		uint32_t next = wait_main(f, thread, stretch.begin, stretch.end);

		if (next == NONE)
			break;
		wait = &rec->waits.at[next];
		if (wait->waker == NONE || state_is_terminal(wait->state) ||
		    on_path(&stretch, wait->waker))
			break;
		path.waits[path.count++] = next;
		if (wait->begin_ns > stretch.begin)
			stretch.begin = wait->begin_ns;
		if (wait->end_ns < stretch.end)
			stretch.end = wait->end_ns;
		stretch.path[stretch.depth++] = wait->waker;
	}
	f->parts.len = 0;
	follow(f, &stretch);
	parts = follower_take(f, &count);
	path.cause = count ? parts[0] : (struct wait_part){.group = NONE, .state = STATE_COUNT};
	return path;
}
