/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "analysis/replay_open.h"

bool replay_state_idle(enum thread_state state, bool lock)
{
	switch (state) {
	case STATE_WAIT_POLL:
	case STATE_WAIT_REMOTE:
	case STATE_WAIT_LOCAL:
	case STATE_WAIT_OTHER:
		return true;
	case STATE_WAIT_LOCK_USER:
		return !lock;
	default:
		return false;
	}
}

bool *replay_open_locks(const struct recording *rec)
{
	size_t n = rec->threads.len;
	double *all = calloc(n + 1, sizeof(*all)), *held = calloc(n + 1, sizeof(*held));
	bool *locks = calloc(n + 1, sizeof(*locks));

	if (!all || !held || !locks)
		abort();
	vec_each(&rec->ledger, row)
		if (row->state == STATE_WAIT_LOCK_USER && row->thread < n)
			all[row->thread] += (double)row->ns;
	vec_each(&rec->samples, sample)
		if (sample->kind == SAMPLE_LOCK && sample->thread < n)
			held[sample->thread] += (double)sample->weight;
	for (size_t i = 0; i < n; i++)
		locks[i] = held[i] > all[i] / 2;
	free(all);
	free(held);
	return locks;
}

/* The recorded wait that is under way at the end of the excerpt, of each thread that has one. */
static void ends_find(struct replay_opens *opens, const uint32_t *position)
{
	const struct recording *rec = opens->rec;

	vec_each(&rec->waits, wait) {
		struct replay_open *open;

		if (wait->begin_ns > opens->end_ns || wait->end_ns <= opens->end_ns ||
		    wait->thread >= rec->threads.len || position[wait->thread] == NONE)
			continue;
		open = &opens->at.at[position[wait->thread]];
		open->until = wait->end_ns;
		open->waker = wait->waker < rec->threads.len ? position[wait->waker] : NONE;
	}
}

/*
 * Whether the thread that ends a wait is under way until the end of the excerpt. One that waits
 * itself must be done with that before: so nobody waits for himself in the end.
 */
static bool waker_lasts(const struct replay_opens *opens, const struct replay_open *open)
{
	const struct replay_open *waker;

	if (open->waker == NONE || open->waker == open->at)
		return false;
	waker = &opens->at.at[open->waker];
	if (waker->works)
		return opens->trace->threads.at[open->waker].steps.len > 0;
	return waker->waits && !replay_state_idle(waker->state, waker->lock) &&
	       waker->until < open->until;
}

static void wait_close(struct replay_opens *opens, struct replay_open *open)
{
	struct replay_thread *thread = &opens->trace->threads.at[open->at];
	bool idle = replay_state_idle(open->state, open->lock);
	struct replay_step step = {
		.kind = STEP_SLEEP, .state = open->state, .lock = open->lock, .ns = open->ns};

	if (!waker_lasts(opens, open)) {
		open->waker = NONE;
		if (idle)
			return; /* not part of the work */
	}
	if (open->waker != NONE)
		step.kind = STEP_WAIT;
	if (!idle && open->state != STATE_WAIT_TIMER)
		thread->active_ns += open->ns;
	open->step = (uint32_t)thread->steps.len;
	vec_push(&thread->steps, step);
	thread->end_ns = opens->trace->length_ns;
}

void replay_open_close(struct replay_opens *opens, const uint32_t *position)
{
	vec_each(&opens->at, open) {
		open->until = 0;
		open->waker = NONE;
	}
	ends_find(opens, position);
	vec_each(&opens->at, open)
		if (open->waits)
			wait_close(opens, open);
		else
			open->waker = NONE;
	/* Behind all that the threads do themselves. */
	vec_each(&opens->at, open)
		if (open->waker != NONE)
			vec_push(&opens->trace->threads.at[open->waker].steps,
				 (struct replay_step){.kind = STEP_WAKE,
						      .thread = open->at,
						      .step = open->step});
}
