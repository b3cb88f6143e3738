/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where threads wait, and how long: the sums of the context cache (bpf/core/context.bpf.h), taken
 * out of the kernel's map, and the last waits of each thread, out of its ledger → samples of the
 * open slice. A wait is filed when it ends.
 */
#ifndef STRAIT_CONTEXTS_H
#define STRAIT_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;
struct contexts;
struct wire_identity;
struct wire_ledger;
struct wire_thread;

/* `map` is the descriptor of the map; NULL: it cannot be mapped, or there is no memory. */
struct contexts *contexts_open(int map);
void contexts_close(struct contexts *contexts);

/*
 * From now on known places are walked again one in 512 times, not one in 64: where switches are so
 * many, a place that is taken for another is found out soon all the same.
 */
void contexts_check_rarely(struct session *session, bool rarely);

/* Takes what was waited since the last call. */
void contexts_drain(struct contexts *contexts, struct session *session);

/* What a thread's ledger has collected: of those of its parties that are new, a bit for each. */
void contexts_collected(struct session *session, const struct wire_identity *who,
			const struct wire_ledger *ledger, uint32_t parties);

/* The wait that a thread is in at the end of the window. */
void contexts_pending(struct session *session, const struct wire_thread *thread);

/* A struct wire_context_sum of the ring buffer. */
void contexts_sum(struct session *session, const void *record, size_t size);

#endif
