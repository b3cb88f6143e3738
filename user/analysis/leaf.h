/* SPDX-License-Identifier: BSD-2-Clause */
/* What a stack stands for: whose work it is, and which of its functions is the place. */
#ifndef STRAIT_LEAF_H
#define STRAIT_LEAF_H

#include "model/recording.h"

/* Whether a stack is inside an interrupt: the thread below it did not ask for that work. */
bool stack_in_interrupt(const struct recording *rec, const struct stack *stack);

/* Whether a stack is inside tracing, ours or others': without that the thread would not be there.
 */
bool stack_in_tracing(const struct recording *rec, const struct stack *stack);

/*
 * The position in the stack of the frame that is the place: the leaf of what runs, who asked for it
 * where something else works or nothing does; never one that says nothing. `exe` is the string of
 * the process' executable.
 */
uint32_t stack_leaf(const struct recording *rec, const struct stack *stack, enum sample_kind kind,
		    uint32_t exe);

#endif
