/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * aarch64: a call leaves the return address in x30, and who calls on saves it anywhere in its
 * frame. Functions that call keep frame records (the caller's x29, and x30), chained through x29. A
 * record does not tell where its frame ends, so behind one the stack pointer is only a lower bound.
 */
#ifndef STRAIT_FRAME_ARM64_BPF_H
#define STRAIT_FRAME_ARM64_BPF_H

/*
 * Addresses of user code have 48 bits, unless a program asks for more. A signed return address
 * (pointer authentication) has its signature above.
 */
#define ADDRESS_MASK ((1ULL << 48) - 1)

static __always_inline void frame_begin(struct unwind *u)
{
	/* The first return address may be in x30 alone (arch_link()). */
	u->return_at = u->sp;
	u->sp_unknown = 0;
}

static __always_inline __u64 frame_return_at(const struct unwind *u)
{
	return u->return_at;
}

/* No rule for this code: goes by the frame record. 0 marks the outermost one (ABI). */
static __always_inline enum step unwind_by_frame_pointer(struct unwind *u)
{
	__u64 words[2]; /* the caller's x29, and the return address */

	if (!u->fp)
		return unwind_stop(u, WIRE_END_ROOT);
	if (u->fp & 7 || u->fp < u->sp || u->fp - u->sp > FRAME_JUMP)
		return unwind_stop(u, WIRE_END_NO_RULE);
	if (bpf_probe_read_user(words, sizeof(words), (void *)u->fp))
		return unwind_stop(u, WIRE_END_NO_RULE);
	u->return_at = u->fp + 8;
	u->sp_unknown = 1;
	return unwind_to(u, u->fp + 16, words[0], words[1] & ADDRESS_MASK);
}

/*
 * The kernel's frame under a signal handler begins where the handler's return leaves the stack
 * pointer: struct siginfo of 128 bytes, struct ucontext, whose struct sigcontext begins at byte 176
 * with the address of a fault, and then has x0 to x30, sp and pc.
 */
static __always_inline enum step unwind_signal(struct unwind *u)
{
	struct {
		__u64 registers[ARCH_REGISTERS], pc;
	} *from = (void *)u->sp + 128 + 176 + 8;

	if (u->sp_unknown ||
	    bpf_probe_read_user(u->registers, sizeof(u->registers), &from->registers) ||
	    !user_word((__u64)&from->pc, &u->pc))
		return unwind_stop(u, WIRE_END_UNREADABLE);
	u->sp = u->registers[ARCH_SP];
	u->fp = u->registers[ARCH_FP];
	u->is_return = 0;
	u->registers_known = 1;
	return STEP_ON;
}

/*
 * The words of the frame that a rule is about; the return address is read first. It mostly lies at
 * the frame's lower end, right above the frame pointer.
 */
static __always_inline bool saved_word(struct unwind *u, __u64 address, __u64 *word)
{
	return stack_word(u, address + UNWIND_SAVED - sizeof(*word), address, word);
}

static __always_inline enum step unwind_by_rule(struct unwind *u, __u64 rule)
{
	__u64 cfa_offset = (__s64)(__s16)(rule >> 16) * 8, fp = u->fp, cfa, pc;
	__s64 fp_offset = (__s16)(rule >> 32) * 8, more = (__s16)(rule >> 48);
	__u64 return_at, fp_at; /* return_at 0: in x30 */

	switch (rule & 0xff) {
	case UNWIND_SP:
		if (u->sp_unknown)
			return unwind_by_frame_pointer(u);
		cfa = u->sp + cfa_offset;
		return_at = more ? cfa + more * 8 : 0;
		fp_at = cfa + fp_offset;
		break;
	case UNWIND_SP_FAR:
		if (u->sp_unknown)
			return unwind_by_frame_pointer(u);
		cfa = u->sp + cfa_offset + (more << 18);
		return_at = fp_offset < 0 ? 0 : u->sp + fp_offset;
		fp_at = return_at - 8;
		break;
	case UNWIND_FP:
		cfa = u->fp + cfa_offset;
		return_at = more ? cfa + more * 8 : 0;
		fp_at = cfa + fp_offset;
		break;
	case UNWIND_SIGNAL:
		return unwind_signal(u);
	case UNWIND_END:
		return unwind_stop(u, WIRE_END_ROOT);
	default:
		return unwind_by_frame_pointer(u);
	}
	/* Only what calls nobody has its return address in x30 still. */
	if (!return_at && !u->registers_known)
		return unwind_by_frame_pointer(u);
	/* Which may have no frame at all. */
	if (cfa < u->sp + !!return_at || cfa - u->sp > FRAME_JUMP)
		return unwind_stop(u, WIRE_END_LOOP);
	pc = u->registers[ARCH_LINK];
	if (return_at) {
		u->return_at = return_at;
		if (!saved_word(u, return_at, &pc))
			return unwind_stop(u, WIRE_END_UNREADABLE);
	}
	switch (rule >> 8 & 0x7f) {
	case UNWIND_FP_SAME:
		break;
	case UNWIND_FP_SAVED:
		if (!saved_word(u, fp_at, &fp))
			return unwind_stop(u, WIRE_END_UNREADABLE);
		break;
	default:
		fp = FP_LOST;
	}
	u->sp_unknown = 0;
	return unwind_to(u, cfa, fp, pc & ADDRESS_MASK);
}

#endif
