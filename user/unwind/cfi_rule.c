/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <string.h>

#include "unwind/cfi_program.h"

#define UNIT     8  /* bytes: what offsets of rules count */
#define FAR_BITS 18 /* bytes of UNWIND_SP_FAR that `more` does not tell */

/* DW_OP_*: DWARF 5, 7.7.1. */
enum {
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S,
	OP_CONST2U,
	OP_CONST2S,
	OP_CONST4U,
	OP_CONST4S,
	OP_CONSTU = 0x10,
	OP_CONSTS,
	OP_AND = 0x1a,
	OP_MINUS = 0x1c,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST,
	OP_SHL,
	OP_GE = 0x2a,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
};

/* (register + offset), or the word at it + more. */
struct place {
	uint64_t number;
	int64_t offset, more;
	bool deref;
};

static int64_t add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* A constant, if `op` is one that pushes it. */
static bool constant_read(struct cursor *c, uint8_t op, int64_t *value)
{
	if (op >= OP_LIT0 && op <= OP_LIT31)
		*value = op - OP_LIT0;
	else if (op == OP_CONST1U || op == OP_CONST2U || op == OP_CONST4U)
		*value = (int64_t)cursor_fixed(c, 1u << ((op - OP_CONST1U) / 2));
	else if (op == OP_CONST1S)
		*value = (int64_t)(int8_t)cursor_fixed(c, 1);
	else if (op == OP_CONST2S)
		*value = (int16_t)cursor_fixed(c, 2);
	else if (op == OP_CONST4S)
		*value = (int32_t)cursor_fixed(c, 4);
	else if (op == OP_CONSTU)
		*value = (int64_t)cursor_uleb(c);
	else if (op == OP_CONSTS)
		*value = cursor_sleb(c);
	else
		return false;
	return true;
}

/* The expressions that compilers and assemblers write; false: it is another one. */
static bool place_read(const struct cfi_value *value, struct place *place)
{
	struct cursor c = {value->expression, value->expression + value->length};
	uint8_t op = (uint8_t)cursor_fixed(&c, 1);
	struct place read = {};

	if (op < OP_BREG0 || op > OP_BREG31)
		return false;
	read.number = op - OP_BREG0;
	read.offset = cursor_sleb(&c);
	while (!c.bad && c.at < c.end) {
		int64_t *sum = read.deref ? &read.more : &read.offset, operand;

		op = *c.at++;
		if (op == OP_DEREF && !read.deref) {
			read.deref = true;
		} else if (op == OP_PLUS_UCONST) {
			*sum = add(*sum, (int64_t)cursor_uleb(&c));
		} else if (constant_read(&c, op, &operand)) {
			op = (uint8_t)cursor_fixed(&c, 1);
			if (op == OP_MINUS)
				operand = (int64_t)(0 - (uint64_t)operand);
			else if (op != OP_PLUS)
				return false;
			*sum = add(*sum, operand);
		} else {
			return false;
		}
	}
	*place = read;
	return !c.bad;
}

/*
 * What linkers write for their procedure linkage tables, whose entries of 16 bytes push one word:
 * sp + 8 + ((pc & 15) >= limit) * 8. The limit is where the push has been done: 11, or 9 or 5 in
 * the forms with endbr64 and bnd.
 */
static bool plt_read(const struct cfi_value *value, const struct cfi_machine *machine, int *limit)
{
	const uint8_t plt[] = {OP_BREG0 + machine->sp,
			       8,
			       OP_BREG0 + machine->ra,
			       0,
			       OP_LIT0 + 15,
			       OP_AND,
			       OP_LIT0 + 11,
			       OP_GE,
			       OP_LIT0 + 3,
			       OP_SHL,
			       OP_PLUS};
	uint8_t copy[sizeof(plt)];

	if (value->length != sizeof(plt))
		return false;
	memcpy(copy, value->expression, sizeof(copy));
	*limit = copy[6] - OP_LIT0;
	copy[6] = plt[6];
	return *limit >= 0 && *limit < 16 && !memcmp(copy, plt, sizeof(plt));
}

static bool in_units(int64_t bytes, __s16 *units)
{
	if (bytes % UNIT || bytes / UNIT < SHRT_MIN || bytes / UNIT > SHRT_MAX)
		return false;
	*units = (__s16)(bytes / UNIT);
	return true;
}

/* Describes a frame that is too large for one field, and no other. */
static bool far_units(int64_t bytes, struct unwind_rule *rule)
{
	if (bytes % UNIT || bytes / UNIT <= SHRT_MAX || bytes >> FAR_BITS > SHRT_MAX)
		return false;
	rule->cfa = UNWIND_SP_FAR;
	rule->more = (__s16)(bytes >> FAR_BITS);
	rule->cfa_offset = (__s16)((bytes & ((1 << FAR_BITS) - 1)) / UNIT);
	return true;
}

/* Sets the part of the rule that says where the CFA is; `cfa` as a place where it is one. */
static bool cfa_describe(const struct cfi_machine *machine, const struct cfi_value *value,
			 struct unwind_rule *rule, struct place *cfa)
{
	int limit;

	if (value->kind == CFI_REGISTER) {
		*cfa = (struct place){.number = value->number, .offset = value->offset};
	} else if (value->kind != CFI_EXPRESSION) {
		return false;
	} else if (plt_read(value, machine, &limit)) {
		*cfa = (struct place){.number = machine->ra};
		rule->cfa = UNWIND_PLT;
		rule->more = (__s16)limit;
		return true;
	} else if (!place_read(value, cfa)) {
		return false;
	}
	if (cfa->number == machine->sp && !cfa->deref && far_units(cfa->offset, rule))
		return true;
	if (!in_units(cfa->offset, &rule->cfa_offset) || !in_units(cfa->more, &rule->more))
		return false;
	if (cfa->number == machine->sp) {
		rule->cfa = cfa->deref ? UNWIND_DEREF_SP : UNWIND_SP;
	} else if (cfa->number == machine->fp) {
		rule->cfa = cfa->deref ? UNWIND_DEREF_FP : UNWIND_FP;
	} else if (!cfa->deref && cfa->number < machine->registers) {
		rule->cfa = UNWIND_REGISTER;
		rule->more = (__s16)cfa->number;
	} else {
		return false;
	}
	return true;
}

/* How far from the CFA a register is saved, where that is a constant. */
static bool saved_offset(const struct cfi_value *value, const struct unwind_rule *rule,
			 const struct place *cfa, int64_t *offset)
{
	struct place place;

	if (value->kind == CFI_OFFSET) {
		*offset = value->offset;
		return true;
	}
	if (value->kind != CFI_EXPRESSION || rule->cfa == UNWIND_PLT || cfa->deref ||
	    !place_read(value, &place) || place.deref || place.number != cfa->number)
		return false;
	*offset = add(place.offset, -cfa->offset);
	return true;
}

static void fp_describe(const struct cfi_machine *machine, const struct cfi_value *value,
			const struct place *cfa, struct unwind_rule *rule)
{
	struct place place;
	int64_t offset;

	rule->fp = UNWIND_FP_LOST;
	if (value->kind == CFI_UNSPECIFIED || value->kind == CFI_SAME) {
		rule->fp = UNWIND_FP_SAME;
	} else if (value->kind == CFI_REGISTER && value->number == machine->fp) {
		rule->fp = UNWIND_FP_SAME;
	} else if (value->kind == CFI_REGISTER && value->number < machine->registers) {
		rule->fp = UNWIND_FP_REGISTER;
		rule->fp_offset = (__s16)value->number;
	} else if (saved_offset(value, rule, cfa, &offset)) {
		if (in_units(offset, &rule->fp_offset))
			rule->fp = UNWIND_FP_SAVED;
	} else if (value->kind == CFI_EXPRESSION && place_read(value, &place) && !place.deref &&
		   place.number == machine->fp && in_units(place.offset, &rule->fp_offset)) {
		rule->fp = UNWIND_FP_AT_FP;
	}
}

static bool is_kept(const struct cfi_value *value, uint8_t number)
{
	return value->kind == CFI_UNSPECIFIED || value->kind == CFI_SAME ||
	       (value->kind == CFI_REGISTER && value->number == number);
}

/*
 * Whether the return address is where rules can have it. With a link register it is there still, or
 * anywhere in the frame, if that is found by the stack or frame pointer.
 */
static bool return_describe(const struct cfi_machine *machine, const struct cfi_value *value,
			    const struct place *cfa, struct unwind_rule *rule)
{
	int64_t offset;

	if (!machine->link)
		return saved_offset(value, rule, cfa, &offset) && offset == machine->ra_offset;
	if (rule->cfa != UNWIND_SP && rule->cfa != UNWIND_FP)
		return false;
	if (is_kept(value, machine->ra))
		return true;
	return saved_offset(value, rule, cfa, &offset) && offset && in_units(offset, &rule->more);
}

/*
 * The rest of a frame that is too large for one field, with a link register: the return address is
 * told from the stack pointer then, and the frame pointer is kept, or saved right below it.
 */
static bool far_describe(const struct cfi_machine *machine, const struct cfi_state *state,
			 const struct place *cfa, struct unwind_rule *rule)
{
	const struct cfi_value *ra = &state->saved[CFI_RA], *fp = &state->saved[CFI_FP];
	int64_t at, below;

	rule->fp = is_kept(fp, machine->fp) ? UNWIND_FP_SAME : UNWIND_FP_SAVED;
	if (is_kept(ra, machine->ra)) {
		rule->fp_offset = -1;
		return rule->fp == UNWIND_FP_SAME;
	}
	if (!saved_offset(ra, rule, cfa, &at) ||
	    !in_units(add(cfa->offset, at), &rule->fp_offset) || rule->fp_offset < 0)
		return false;
	return rule->fp == UNWIND_FP_SAME ||
	       (saved_offset(fp, rule, cfa, &below) && below == add(at, -UNIT));
}

/*
 * A return address above the CFA shows that the caller's frame is not there yet: glibc's
 * _dl_runtime_resolve(), which is in every stack of lazy binding, counts from below the two words
 * that the linkage table pushed. Stack pointers are multiples of 16.
 */
static void cfa_mend(struct unwind_rule *rule)
{
	int shift = (rule->more + 2) & ~1;

	if (rule->more <= 0 || rule->cfa_offset > SHRT_MAX - shift ||
	    (rule->fp == UNWIND_FP_SAVED && rule->fp_offset < SHRT_MIN + shift))
		return;
	rule->cfa_offset = (__s16)(rule->cfa_offset + shift);
	rule->more = (__s16)(rule->more - shift);
	if (rule->fp == UNWIND_FP_SAVED)
		rule->fp_offset = (__s16)(rule->fp_offset - shift);
}

/* Where the base register is saved, if that is all there is to say of it. */
static void base_describe(const struct cfi_value *value, const struct place *cfa,
			  struct unwind_rule *rule)
{
	int64_t offset;

	if ((rule->cfa == UNWIND_SP || rule->cfa == UNWIND_FP) &&
	    saved_offset(value, rule, cfa, &offset) && in_units(offset, &rule->more))
		rule->base_saved = true;
}

/* The caller's stack pointer must be the CFA, as after any call. */
static bool sp_is_cfa(const struct cfi_value *value)
{
	return value->kind == CFI_UNSPECIFIED || (value->kind == CFI_VALUE && !value->offset);
}

struct unwind_rule cfi_rule(const struct cfi_common *common, const struct cfi_machine *machine,
			    const struct cfi_state *state)
{
	const struct unwind_rule none = {.cfa = UNWIND_NONE};
	struct unwind_rule rule = none;
	struct place cfa = {};

	if (common->augmentation.signal)
		return (struct unwind_rule){.cfa = UNWIND_SIGNAL};
	if (state->saved[CFI_RA].kind == CFI_UNDEFINED)
		return (struct unwind_rule){.cfa = UNWIND_END};
	if (!cfa_describe(machine, &state->cfa, &rule, &cfa) || !sp_is_cfa(&state->saved[CFI_SP]))
		return none;
	if (machine->link && rule.cfa == UNWIND_SP_FAR)
		return far_describe(machine, state, &cfa, &rule) ? rule : none;
	if (!return_describe(machine, &state->saved[CFI_RA], &cfa, &rule))
		return none;
	fp_describe(machine, &state->saved[CFI_FP], &cfa, &rule);
	if (!machine->link) {
		base_describe(&state->saved[CFI_BASE], &cfa, &rule);
		return rule;
	}
	if (rule.fp != UNWIND_FP_SAME && rule.fp != UNWIND_FP_SAVED) {
		rule.fp = UNWIND_FP_LOST;
		rule.fp_offset = 0;
	}
	cfa_mend(&rule);
	return rule;
}
