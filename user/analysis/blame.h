/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blame: for each group that had work, where its time went in the end.
 *
 * The one currency is the time in which groups had work to do: running, held back from running, or
 * waiting for something that is no idleness. Time spent waiting for a server is followed into what
 * that server did with its own time, and so on; time spent waiting for a mutex into what its holder
 * did with it (holders.h). The parts of a wait sum to the wait. Waiting that
 * nobody's work explains is idleness and appears nowhere.
 */
#ifndef STRAIT_BLAME_H
#define STRAIT_BLAME_H

#include "analysis/facts.h"

/* Waits for an interpreter's lock: no state of their own, known by their places. */
#define BLAME_INTERPRETER STATE_COUNT

/* Time of `victim` that ended up in `state` of `owner` (the same group, or one it waited for). */
struct blame_entry {
	uint32_t victim, owner;
	uint32_t party; /* READY_*: the group that had the CPU; NONE = not told apart */
	/* enum thread_state, READY_* all as READY_WOKEN but THROTTLED; or BLAME_INTERPRETER */
	uint8_t state;
	uint8_t ready; /* enum ready_cause, for READY_WOKEN */
	/* The owner held a mutex meanwhile, and somebody waited for it: the victim, or one it
	 * waited for. STATE_WAIT_LOCK_USER: it was the owner's code that held it. */
	bool by_lock;
	double ns;
};

struct blame {
	VEC(struct blame_entry) entries;
	/*
	 * Of each group: the time it had work, ns. 0 for groups that are no victims: kernel
	 * threads, idle ones, those outside the target.
	 */
	double *worked;
	double total; /* their sum, at least the window: what shares refer to */
};

/*
 * Whether a wait of `from` in such a state that a thread of `to` ends (NONE = no thread) is waiting
 * for `to`'s work, or for a device: such waits carry blame, others may be idleness. A wait for a
 * futex is, if the futex is a mutex that somebody held: the caller knows.
 */
bool blame_waits_for(const struct facts *facts, uint32_t from, uint32_t to,
		     enum thread_state state);

struct blame *blame_new(const struct facts *facts);
void blame_free(struct blame *blame);

/* What to sum; NONE or -1 = any. */
struct blame_filter {
	uint32_t victim, owner, party;
	int ready;       /* enum ready_cause, -1 = any */
	int by_lock;     /* of the entry: 0, 1, -1 = any */
	uint32_t states; /* bits 1 << enum thread_state */
};

#define BLAME_ANY(state_bits)                                                                      \
	((struct blame_filter){.victim = NONE,                                                     \
			       .owner = NONE,                                                      \
			       .party = NONE,                                                      \
			       .ready = -1,                                                        \
			       .by_lock = -1,                                                      \
			       .states = (state_bits)})

double blame_sum(const struct blame *blame, const struct blame_filter *filter);
/* The victim that lost most to what the filter selects; NONE if none did. Its ns in *ns. */
uint32_t blame_top_victim(const struct blame *blame, const struct blame_filter *filter, double *ns);
/* The owner of most of what the filter selects; NONE if there is none. */
uint32_t blame_top_owner(const struct blame *blame, const struct blame_filter *filter);
/* Who had the CPU during most of what the filter selects; NONE if none was told apart. */
uint32_t blame_top_party(const struct blame *blame, const struct blame_filter *filter);

#endif
