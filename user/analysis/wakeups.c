/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase 3: who ended the long waits, from where, and what they were in the end. */
#include <stdlib.h>
#include <string.h>

#include "analysis/leaf.h"
#include "analysis/phases.h"
#include "analysis/wakeups.h"

#define WAKEUPS     30    /* told */
#define FOLLOWED    200   /* of each, the longest: what they were in the end */
#define MIN_SHARE   0.005 /* of the time of all long waits */
#define TERMINALS   5
#define PART_SHARE  0.03 /* a smaller part of the waits is not told */
#define NO_FUNCTION ((struct code){NONE, 0, 0})

/* A function: by its name, or by its begin. */
struct code {
	uint32_t module, name;
	uint64_t begin;
};

/* Waits of one kind in one place that one party ended from one place. */
struct kind {
	uint32_t victim, waker; /* groups; waker NONE = no thread */
	uint32_t state, end_number;
	uint8_t end, lock;
	struct code at, from;
	/* ---- not part of what it is ---- */
	uint32_t at_frame, from_frame; /* of the longest, NONE = not known */
	uint32_t longest;              /* position of the wait */
	uint64_t count, ns;
	bool blamed;
	VEC(uint32_t) waits;
};

struct kinds {
	struct analysis *a;
	VEC(struct kind) kinds;
	struct index by_key;
	uint64_t ns; /* of all */
};

/* ---- what a wait is ---- */

/* The frame that a stack stands for; NONE where it says nothing. */
static uint32_t frame_of(const struct recording *rec, uint32_t stack, uint32_t thread,
			 enum sample_kind kind)
{
	uint32_t process = rec->threads.at[thread].process, leaf;
	const struct stack *at;

	if (stack == NONE)
		return NONE;
	at = &rec->stacks.at[stack];
	leaf = stack_leaf(rec, at, kind, rec->processes.at[process].exe);
	return leaf < at->len ? rec->stack_frames.at[at->first + leaf] : NONE;
}

static struct code code_of(const struct recording *rec, uint32_t frame)
{
	const struct frame *at;

	if (frame == NONE)
		return NO_FUNCTION;
	at = &rec->frames.at[frame];
	return (struct code){at->module, at->function, at->function ? 0 : at->begin};
}

static bool code_equal(const struct code *a, const struct code *b)
{
	return a->module == b->module && a->name == b->name && a->begin == b->begin;
}

static bool kind_equal(const void *context, uint32_t position, const void *key)
{
	const struct kind *at = &((const struct kinds *)context)->kinds.at[position], *wanted = key;

	return at->victim == wanted->victim && at->waker == wanted->waker &&
	       at->state == wanted->state && at->lock == wanted->lock && at->end == wanted->end &&
	       at->end_number == wanted->end_number && code_equal(&at->at, &wanted->at) &&
	       code_equal(&at->from, &wanted->from);
}

static uint64_t code_hash(uint64_t hash, const struct code *code)
{
	return hash_mix(hash_mix(hash, (uint64_t)code->module << 32 | code->name), code->begin);
}

static uint64_t kind_hash(const struct kind *kind)
{
	uint64_t hash = hash_mix((uint64_t)kind->victim << 32 | kind->waker,
				 (uint64_t)kind->end_number << 32 | kind->state << 16 |
					 kind->end << 8 | kind->lock);

	return code_hash(code_hash(hash, &kind->at), &kind->from);
}

static struct kind kind_make(const struct analysis *a, const struct wait *wait)
{
	const struct recording *rec = a->rec;
	struct kind kind = {.victim = a->facts->threads[wait->thread].group,
			    .waker = NONE,
			    .state = wait->state,
			    .end_number = wait->end_number,
			    .end = wait->end,
			    .lock = wait->lock,
			    .from_frame = NONE};

	kind.at_frame = frame_of(rec, wait->stack, wait->thread, SAMPLE_OFFCPU);
	if (wait->waker != NONE) {
		kind.waker = a->facts->threads[wait->waker].group;
		kind.from_frame = frame_of(rec, wait->waker_stack, wait->waker, SAMPLE_WAKEUP);
	}
	kind.at = code_of(rec, kind.at_frame);
	kind.from = code_of(rec, kind.from_frame);
	kind.blamed = blame_waits_for(a->facts, kind.victim, kind.waker, wait->state) &&
		      (wait->state != STATE_WAIT_LOCK_USER || wait->lock);
	return kind;
}

static void kinds_add(struct kinds *kinds, uint32_t position)
{
	const struct recording *rec = kinds->a->rec;
	const struct wait *wait = &rec->waits.at[position];
	struct kind kind = kind_make(kinds->a, wait), *at;
	uint64_t ns = wait->end_ns - wait->begin_ns, hash = kind_hash(&kind);
	uint32_t found = index_find(&kinds->by_key, hash, kind_equal, kinds, &kind);

	if (found == INDEX_NONE) {
		found = (uint32_t)kinds->kinds.len;
		index_add(&kinds->by_key, hash, found);
		kind.longest = position;
		vec_push(&kinds->kinds, kind);
	}
	at = &kinds->kinds.at[found];
	at->count++;
	at->ns += ns;
	kinds->ns += ns;
	vec_push(&at->waits, position);
	wait = &rec->waits.at[at->longest];
	if (ns > wait->end_ns - wait->begin_ns) {
		at->longest = position;
		at->at_frame = kind.at_frame;
		at->from_frame = kind.from_frame;
	}
}

/* What has a cause in somebody's work first, then what took longest. */
static int by_worth(const void *a, const void *b)
{
	const struct kind *left = a, *right = b;

	if (left->blamed != right->blamed)
		return left->blamed ? -1 : 1;
	if (left->ns != right->ns)
		return left->ns < right->ns ? 1 : -1;
	return left->longest < right->longest ? -1 : 1;
}

/* ---- as places ---- */

static const char *text_of(struct analysis *a, uint32_t string)
{
	const char *text = string_get(a->rec, string);

	return *text ? document_text(a->doc, "%s", text) : NULL;
}

struct place wakeup_place(struct analysis *a, uint32_t group, uint32_t thread, uint32_t frame)
{
	const struct thread *at = &a->rec->threads.at[thread];
	struct place place = group == NONE ? place_process(a, at->process) : place_group(a, group);
	const struct frame *code;

	/* Rows of a table: the container says enough. */
	place.cgroup = NULL;
	place.thread = text_of(a, at->comm);
	if (place.thread && place.process && !strcmp(place.thread, place.process))
		place.thread = NULL;
	if (frame == NONE)
		return place;
	code = &a->rec->frames.at[frame];
	place.function = text_of(a, code->function);
	place.begin = code->function ? 0 : code->begin;
	if (code->module < a->rec->modules.len)
		place.module = text_of(a, a->rec->modules.at[code->module].path);
	place.file = text_of(a, code->file);
	place.line = code->line;
	return place;
}

static struct place place_part(struct analysis *a, const struct wait_part *part)
{
	struct place place = place_group(a, part->group);

	place.cgroup = NULL;
	if (part->state == STATE_RUN_USER && part->group != NONE)
		place_function(a, &place, functions_hottest(a->functions, part->group));
	return place;
}

static const char *part_name(uint32_t state)
{
	if (state == STATE_COUNT)
		return "not known";
	return state == STATE_RUN_USER ? "running" : state_name(state);
}

static const char *ended_by(struct analysis *a, const struct kind *kind)
{
	if (kind->end == WAIT_END_SOFTIRQ && softirq_name(kind->end_number))
		return document_text(a->doc, "softirq %s", softirq_name(kind->end_number));
	if (kind->end == WAIT_END_SOFTIRQ || kind->end == WAIT_END_IRQ)
		return document_text(a->doc, "%s %u", wait_end_name(kind->end), kind->end_number);
	return kind->end == WAIT_END_CALL ? "call by another CPU" : wait_end_name(kind->end);
}

/* ---- what the waits were in the end ---- */

static int by_length(const void *a, const void *b, void *recording)
{
	const struct recording *rec = recording;
	const struct wait *left = &rec->waits.at[*(const uint32_t *)a];
	const struct wait *right = &rec->waits.at[*(const uint32_t *)b];
	uint64_t l = left->end_ns - left->begin_ns, r = right->end_ns - right->begin_ns;

	if (l != r)
		return l < r ? 1 : -1;
	return left < right ? -1 : left > right;
}

static void terminals_tell(struct analysis *a, struct follower *follower, struct kind *kind,
			   struct wakeup *row)
{
	const struct wait_part *parts;
	double sum = 0;
	size_t count;

	if (kind->waits.len)
		qsort_r(kind->waits.at, kind->waits.len, sizeof(*kind->waits.at), by_length,
			(void *)a->rec);
	for (size_t i = 0; i < kind->waits.len && i < FOLLOWED; i++)
		if (!follower_add(follower, kind->waits.at[i]))
			break;
	parts = follower_take(follower, &count);
	for (size_t i = 0; i < count; i++)
		sum += parts[i].ns;
	for (size_t i = 0; i < count && i < TERMINALS && parts[i].ns > PART_SHARE * sum; i++)
		vec_push(&row->terminals, (struct terminal){.what = part_name(parts[i].state),
							    .who = place_part(a, &parts[i]),
							    .share = parts[i].ns / sum});
}

static void link_add(struct wakeup *row, const char *id, struct place where)
{
	vec_push(&row->chain, (struct link){.id = id, .where = where});
}

/* Cause first: what the last waker did, then each wait on the way back to the victim's. */
static void chain_tell(struct analysis *a, struct follower *follower, const struct kind *kind,
		       struct wakeup *row)
{
	struct wait_path path = follower_path(follower, kind->longest);

	link_add(row, part_name(path.cause.state), place_part(a, &path.cause));
	for (uint32_t i = path.count; i-- > 0;) {
		const struct wait *wait = &a->rec->waits.at[path.waits[i]];
		uint32_t group = a->facts->threads[wait->thread].group, waker;
		struct place where =
			wakeup_place(a, group, wait->thread,
				     frame_of(a->rec, wait->stack, wait->thread, SAMPLE_OFFCPU));

		link_add(row, state_name(wait->state), where);
		if (wait->waker == NONE)
			continue;
		waker = a->facts->threads[wait->waker].group;
		row->chain.at[row->chain.len - 1].woken_by = wakeup_place(
			a, waker, wait->waker,
			frame_of(a->rec, wait->waker_stack, wait->waker, SAMPLE_WAKEUP));
	}
}

static void kind_tell(struct analysis *a, struct follower *follower, struct kind *kind)
{
	const struct wait *longest = &a->rec->waits.at[kind->longest];
	struct wakeup *row = vec_extend(&a->doc->wakeups, 1);

	row->rank = (uint32_t)a->doc->wakeups.len;
	row->state = kind->lock ? "mutex" : state_name(kind->state);
	row->waits = wakeup_place(a, kind->victim, longest->thread, kind->at_frame);
	row->ended_by = ended_by(a, kind);
	row->count = kind->count;
	row->seconds = (double)kind->ns / 1e9;
	row->longest_ms = (double)(longest->end_ns - longest->begin_ns) / 1e6;
	row->blamed = kind->blamed;
	if (kind->end != WAIT_END_THREAD || longest->waker == NONE)
		return;
	row->wakes = wakeup_place(a, kind->waker, longest->waker, kind->from_frame);
	terminals_tell(a, follower, kind, row);
	chain_tell(a, follower, kind, row);
}

/* ---- in the chains of findings ---- */

/* The long waits of one group that another ended most, in work that is blamed. */
static const struct wakeup *wakeup_between(const struct document *doc, uint32_t victim,
					   uint32_t waker, bool mutex)
{
	vec_each(&doc->wakeups, row)
		if (row->blamed && row->waits.pid == victim && row->wakes.pid == waker &&
		    (!mutex || !strcmp(row->state, "mutex")))
			return row;
	return NULL;
}

/* Who waits in a chain is woken by one that comes before it there. */
static void findings_link(struct document *doc)
{
	vec_each(&doc->bottlenecks, finding)
		for (size_t i = 1; i < finding->chain.len; i++) {
			struct link *link = &finding->chain.at[i], *before = link - 1;
			bool same = link->where.pid == before->where.pid;
			const struct wakeup *row;

			if (!link->where.pid || !before->where.pid)
				continue;
			row = wakeup_between(doc, link->where.pid, before->where.pid, same);
			if (row)
				link->woken_by = row->wakes;
		}
}

/* ---- what is known of them ---- */

static void coverage_of_waits(struct analysis *a)
{
	const struct recording *rec = a->rec;
	double known = 0, all = 0;

	vec_each(&rec->waits, wait) {
		double ns = (double)(wait->end_ns - wait->begin_ns);
		const struct stack *stack;

		if (wait->waker == NONE)
			continue;
		all += ns;
		if (wait->waker_stack == NONE)
			continue;
		stack = &rec->stacks.at[wait->waker_stack];
		if (stack->len > stack->kernel_len ||
		    rec->processes.at[rec->threads.at[wait->waker].process].kernel)
			known += ns;
	}
	a->doc->coverage.waits_single = rec->waits.len;
	if (all > 0)
		a->doc->coverage.wakers_placed = known / all;
	a->doc->coverage.polls_untold =
		(uint64_t)facts_point_sum(a->facts, "waits.polls_untold", NULL);
}

void wakeups_find(struct analysis *a)
{
	struct kinds kinds = {.a = a};
	struct follower *follower = follower_new(a->facts);

	for (uint32_t i = 0; i < a->rec->waits.len; i++)
		if (a->facts->threads[a->rec->waits.at[i].thread].group != NONE)
			kinds_add(&kinds, i);
	vec_sort(&kinds.kinds, by_worth);
	vec_each(&kinds.kinds, kind)
		if (a->doc->wakeups.len < WAKEUPS &&
		    (double)kind->ns >= MIN_SHARE * (double)kinds.ns)
			kind_tell(a, follower, kind);
	findings_link(a->doc);
	coverage_of_waits(a);
	vec_each(&kinds.kinds, kind)
		vec_free(&kind->waits);
	vec_free(&kinds.kinds);
	index_free(&kinds.by_key);
	follower_free(follower);
}
