/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* x86-64: a call leaves the return address on the stack, right below the caller's frame. */
#ifndef STRAIT_FRAME_X86_BPF_H
#define STRAIT_FRAME_X86_BPF_H

static __always_inline void frame_begin(struct unwind *u)
{
}

static __always_inline __u64 frame_return_at(const struct unwind *u)
{
	return u->sp - 8;
}

/* No rule for this code: it may keep frame pointers. 0 in it marks the outermost frame (ABI). */
static __always_inline enum step unwind_by_frame_pointer(struct unwind *u)
{
	__u64 words[2]; /* the caller's frame pointer, the return address */

	if (!u->fp)
		return unwind_stop(u, WIRE_END_ROOT);
	if (u->fp & 7 || u->fp < u->sp || u->fp - u->sp > FRAME_JUMP)
		return unwind_stop(u, WIRE_END_NO_RULE);
	if (bpf_probe_read_user(words, sizeof(words), (void *)u->fp))
		return unwind_stop(u, WIRE_END_NO_RULE);
	return unwind_to(u, u->fp + 16, words[0], words[1]);
}

/*
 * The kernel's frame under a signal handler: struct ucontext begins where the handler's return
 * leaves the stack pointer; its registers (struct sigcontext) begin at byte 40 and are r8 … r15,
 * rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
 */
static __always_inline enum step unwind_signal(struct unwind *u)
{
	__u64 context = u->sp + 40;

	if (bpf_probe_read_user(&u->registers[8], 8 * sizeof(__u64), (void *)context) ||
	    !user_word(context + 64, &u->registers[5]) ||
	    !user_word(context + 72, &u->registers[4]) ||
	    !user_word(context + 80, &u->registers[6]) ||
	    !user_word(context + 88, &u->registers[3]) ||
	    !user_word(context + 96, &u->registers[1]) ||
	    !user_word(context + 104, &u->registers[0]) ||
	    !user_word(context + 112, &u->registers[2]) ||
	    !user_word(context + 120, &u->registers[7]) || !user_word(context + 128, &u->pc))
		return unwind_stop(u, WIRE_END_UNREADABLE);
	u->sp = u->registers[7];
	u->fp = u->registers[6];
	u->is_return = 0;
	u->registers_known = 1;
	return STEP_ON;
}

static __always_inline enum step unwind_by_rule(struct unwind *u, __u64 rule)
{
	__u64 cfa_offset = (__s64)(__s16)(rule >> 16) * 8,
	      fp_offset = (__s64)(__s16)(rule >> 32) * 8;
	__u64 more = (__s64)(__s16)(rule >> 48), cfa, fp = u->fp;
	__u64 pc;

	switch (rule & 0xff) {
	case UNWIND_SP:
		cfa = u->sp + cfa_offset;
		break;
	case UNWIND_SP_FAR:
		cfa = u->sp + cfa_offset + (more << 18);
		break;
	case UNWIND_FP:
		cfa = u->fp + cfa_offset;
		break;
	case UNWIND_REGISTER:
		/*
		 * Below the innermost frame a guess: hand-written code (aes-gcm) keeps its frame in
		 * a register that the helper it called has left alone.
		 */
		cfa = u->registers[more & 15] + cfa_offset;
		if (!u->registers_known && (cfa & 7 || cfa - u->sp > GUESS_JUMP))
			return unwind_stop(u, WIRE_END_NO_RULE);
		break;
	case UNWIND_DEREF_SP:
		if (!user_word(u->sp + cfa_offset, &cfa))
			return unwind_stop(u, WIRE_END_UNREADABLE);
		cfa += more * 8;
		break;
	case UNWIND_DEREF_FP:
		if (!user_word(u->fp + cfa_offset, &cfa))
			return unwind_stop(u, WIRE_END_UNREADABLE);
		cfa += more * 8;
		break;
	case UNWIND_PLT:
		cfa = u->sp + 8 + ((u->pc & 15) >= more ? 8 : 0);
		break;
	case UNWIND_SIGNAL:
		return unwind_signal(u);
	case UNWIND_END:
		return unwind_stop(u, WIRE_END_ROOT);
	default:
		return unwind_by_frame_pointer(u);
	}
	if (cfa <= u->sp || cfa - u->sp > FRAME_JUMP)
		return unwind_stop(u, WIRE_END_LOOP);
	if (!stack_word(u, cfa, cfa - 8, &pc))
		return unwind_stop(u, WIRE_END_UNREADABLE);
	switch (rule >> 8 & 0x7f) {
	case UNWIND_FP_SAME:
		break;
	case UNWIND_FP_SAVED:
		if (!stack_word(u, cfa, cfa + fp_offset, &fp))
			return unwind_stop(u, WIRE_END_UNREADABLE);
		break;
	case UNWIND_FP_AT_FP:
		if (!user_word(u->fp + fp_offset, &fp))
			return unwind_stop(u, WIRE_END_UNREADABLE);
		break;
	case UNWIND_FP_REGISTER:
		fp = u->registers_known ? u->registers[fp_offset / 8 & 15] : FP_LOST;
		break;
	default:
		fp = FP_LOST;
	}
	/* base_saved */
	if (rule & 1 << 15 && !user_word(cfa + more * 8, &u->registers[UNWIND_BASE]))
		return unwind_stop(u, WIRE_END_UNREADABLE);
	return unwind_to(u, cfa, fp, pc);
}

#endif
