/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stack ids of the kernel side → stacks of the recording. Frames are stamped with module and offset
 * when they arrive, so that nothing depends on the process still being there afterwards.
 */
#ifndef STRAIT_STACKS_H
#define STRAIT_STACKS_H

#include "model/recording.h"
#include "symbols/symbols.h"
#include "wire.h"

struct stacks;

struct stacks *stacks_new(struct recording *rec, struct symbols *symbols);
void stacks_free(struct stacks *stacks);

/* The frames of an id, at first sight. `size` is the record's. */
void stacks_kernel_arrived(struct stacks *stacks, const struct wire_stack *record, size_t size);
void stacks_user_arrived(struct stacks *stacks, const struct wire_user_stack *record, size_t size);

/* The stack made of a kernel and a user part (ids, 0 = none): its position in the recording. */
uint32_t stacks_join(struct stacks *stacks, uint64_t kernel_id, uint64_t user_id);

/*
 * Names all frames that have no name yet, and drops the tracing's own frames. To be called at the
 * end; and before, where names must not be lost if the recording is cut: then `quick` leaves what
 * can be looked up later (see symbols_resolve_quick()) to the end.
 */
void stacks_name(struct stacks *stacks, bool quick);
/* symbols_fetch(), after stacks_name(). */
struct symbols_fetched stacks_fetch(struct stacks *stacks, const struct symbols_fetch *fetch);

#endif
