/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From one frame of a walk to its caller's. What is particular to an architecture is in
 * frame_*.bpf.h, which all have:
 *
 *   frame_begin(u)             a walk begins; its registers are set
 *   unwind_by_rule(u, rule)    goes to the caller by a rule of the table, 0 = there is none
 *   frame_return_at(u)         where the return address lies by which the walk came to its frame
 */
#ifndef STRAIT_FRAME_BPF_H
#define STRAIT_FRAME_BPF_H

#include "core/compat.bpf.h"
#include "core/unwind.bpf.h"

#define FRAME_JUMP (64ULL << 20) /* no frame is larger */
#define GUESS_JUMP (64ULL << 10)
#define FP_LOST    1 /* no frame pointer: those are aligned; 0 would mean the root */

static __always_inline bool user_word(__u64 address, __u64 *word)
{
	return !bpf_probe_read_user(word, sizeof(*word), (void *)address);
}

/*
 * A word of the stack of the frame that ends at `cfa`. A read takes the words around the return
 * address with it: copying them costs less than asking for one, and the next frames are there.
 */
static __always_inline bool stack_word(struct unwind *u, __u64 cfa, __u64 address, __u64 *word)
{
	__u64 offset = address - u->window_at, begin;

	if (offset >= sizeof(u->window) || offset & 7) {
		begin = cfa - u->sp > UNWIND_SAVED ? cfa - UNWIND_SAVED : u->sp;
		offset = address - begin;
		if (offset >= sizeof(u->window) || offset & 7)
			return user_word(address, word);
		u->window_at = begin;
		if (bpf_probe_read_user(u->window, sizeof(u->window), (void *)begin)) {
			u->window_at = UNWIND_NOWHERE;
			return user_word(address, word);
		}
	}
	barrier_var(offset); /* or clang drops the mask, which the verifier wants to see */
	*word = u->window[offset / sizeof(__u64) & (UNWIND_WINDOW - 1)];
	return true;
}

enum step { STEP_ON, STEP_END };

static __always_inline enum step unwind_stop(struct unwind *u, enum wire_stack_end end)
{
	/* With a table missing even a root that was reached may be the wrong one. */
	u->stack.end = u->no_table ? WIRE_END_NO_TABLE : end;
	return STEP_END;
}

/* The caller is known: goes there. */
static __always_inline enum step unwind_to(struct unwind *u, __u64 cfa, __u64 fp, __u64 pc)
{
	if (!pc)
		return unwind_stop(u, WIRE_END_ROOT);
	u->pc = pc;
	u->sp = cfa;
	u->fp = fp;
	u->is_return = 1;
	u->registers_known = 0;
	return STEP_ON;
}

#if defined(__TARGET_ARCH_x86)
#include "core/frame_x86.bpf.h"
#elif defined(__TARGET_ARCH_arm64)
#include "core/frame_arm64.bpf.h"
#endif

#endif
