/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits that are longer than an excerpt shows: nothing in it tells how they end. The recording's
 * single waits say when, and by whom. If that thread works on until the end of the excerpt, the
 * wait is over when it is done with what it does there; else it takes as long as it took.
 *
 * Without them, threads that wait for long would count with the time alone in which they do not.
 */
#ifndef STRAIT_REPLAY_OPEN_H
#define STRAIT_REPLAY_OPEN_H

#include "analysis/replay_trace.h"

/* What a thread of the trace does when the excerpt ends. */
struct replay_open {
	uint32_t at;   /* position in the trace's threads */
	uint8_t state; /* of its wait: enum thread_state */
	bool waits, lock;
	bool works;     /* it runs, or could */
	uint64_t ns;    /* of the wait, within the excerpt */
	uint64_t until; /* when the wait ends, since the window began; 0 = not known */
	uint32_t waker; /* who ends it: position in the trace's threads, NONE = not known */
	uint32_t step;  /* the one that was made of it */
};

struct replay_opens {
	const struct recording *rec;
	struct replay_trace *trace; /* with all other steps */
	uint64_t end_ns;            /* of the excerpt, since the window began */
	VEC(struct replay_open) at; /* of each thread of the trace */
};

/* Whether a wait of this kind, ended from outside, is one for work to arrive. */
bool replay_state_idle(enum thread_state state, bool lock);

/* Adds the steps. position: of the threads of the recording in the trace, NONE = not in it. */
void replay_open_close(struct replay_opens *opens, const uint32_t *position);

/*
 * Of each thread of the recording: most of its waits for futexes are for mutexes that others hold.
 * The caller frees it.
 */
bool *replay_open_locks(const struct recording *rec);

#endif
