/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/cfi_program.h"

/* DW_CFA_*: DWARF 5, 7.24; the last four are GNU's and ARM's. */
enum {
	OP_ADVANCE = 0x40, /* these three hold their operand in the low six bits */
	OP_OFFSET = 0x80,
	OP_RESTORE = 0xc0,
	OP_NOP = 0x00,
	OP_SET_LOC,
	OP_ADVANCE_1,
	OP_ADVANCE_2,
	OP_ADVANCE_4,
	OP_OFFSET_EXTENDED,
	OP_RESTORE_EXTENDED,
	OP_UNDEFINED,
	OP_SAME_VALUE,
	OP_REGISTER,
	OP_REMEMBER_STATE,
	OP_RESTORE_STATE,
	OP_DEF_CFA,
	OP_DEF_CFA_REGISTER,
	OP_DEF_CFA_OFFSET,
	OP_DEF_CFA_EXPRESSION,
	OP_EXPRESSION,
	OP_OFFSET_EXTENDED_SF,
	OP_DEF_CFA_SF,
	OP_DEF_CFA_OFFSET_SF,
	OP_VAL_OFFSET,
	OP_VAL_OFFSET_SF,
	OP_VAL_EXPRESSION,
	OP_NEGATE_RA_STATE_WITH_PC = 0x2c, /* the return address is signed: rules need not say */
	OP_NEGATE_RA_STATE = 0x2d,
	OP_ARGS_SIZE = 0x2e,
	OP_NEGATIVE_OFFSET = 0x2f,
};

struct run {
	const struct cfi_common *common;
	const struct cfi_machine *machine;
	const struct cfi_section *section;
	const struct cfi_sink *sink; /* NULL: the program of a CIE, which describes no code */
	struct cursor code;
	uint64_t at, end;
	bool changed; /* since the last row */
	struct cfi_state now;
	struct cfi_state remembered[CFI_STATES];
	unsigned int depth;
};

static int64_t scaled(uint64_t value, int64_t unit)
{
	return (int64_t)(value * (uint64_t)unit);
}

/* Where the value of a register is kept; NULL: that register is not followed. */
static struct cfi_value *register_value(struct run *run, struct cfi_state *state, uint64_t number)
{
	if (number == run->machine->fp)
		return &state->saved[CFI_FP];
	if (number == run->machine->sp)
		return &state->saved[CFI_SP];
	if (number == run->machine->ra)
		return &state->saved[CFI_RA];
	if (number == UNWIND_BASE)
		return &state->saved[CFI_BASE];
	return NULL;
}

static void register_set(struct run *run, uint64_t number, struct cfi_value value)
{
	struct cfi_value *kept = register_value(run, &run->now, number);

	if (!kept)
		return;
	*kept = value;
	run->changed = true;
}

static void register_offset(struct run *run, uint64_t number, enum cfi_kind kind, int64_t offset)
{
	register_set(run, number, (struct cfi_value){.kind = kind, .offset = offset});
}

static void register_restore(struct run *run, uint64_t number)
{
	struct cfi_state initial = run->common->initial;
	const struct cfi_value *value = register_value(run, &initial, number);

	if (value)
		register_set(run, number, *value);
}

static struct cfi_value expression_read(struct run *run, enum cfi_kind kind)
{
	uint64_t length = cursor_uleb(&run->code);
	struct cfi_value value = {.kind = kind, .expression = run->code.at};

	cursor_skip(&run->code, length);
	value.length = run->code.bad ? 0 : (uint32_t)length;
	return value;
}

static void row_put(struct run *run)
{
	struct unwind_rule rule;

	if (!run->changed || run->at >= run->end)
		return;
	rule = cfi_rule(run->common, run->machine, &run->now);
	run->sink->row(run->sink->context, run->at, &rule);
	run->changed = false;
}

static void move_to(struct run *run, uint64_t address)
{
	if (!run->sink || address < run->at) {
		run->code.bad = true;
		return;
	}
	if (address > run->at)
		row_put(run);
	run->at = address;
}

static void advance(struct run *run, uint64_t delta)
{
	move_to(run, run->at + delta * run->common->code_unit);
}

static void state_remember(struct run *run)
{
	if (run->depth == CFI_STATES)
		run->code.bad = true;
	else
		run->remembered[run->depth++] = run->now;
}

static void state_restore(struct run *run)
{
	if (!run->depth) {
		run->code.bad = true;
		return;
	}
	run->now = run->remembered[--run->depth];
	run->changed = true;
}

static void cfa_set(struct run *run, uint64_t number, int64_t offset)
{
	run->now.cfa = (struct cfi_value){.kind = CFI_REGISTER, .number = number, .offset = offset};
	run->changed = true;
}

/* Instructions about the CFA; false: this is none of them. */
static bool step_cfa(struct run *run, uint8_t op)
{
	struct cursor *code = &run->code;
	int64_t unit = run->common->data_unit;
	uint64_t number;

	switch (op) {
	case OP_DEF_CFA:
		number = cursor_uleb(code);
		cfa_set(run, number, (int64_t)cursor_uleb(code));
		return true;
	case OP_DEF_CFA_SF:
		number = cursor_uleb(code);
		cfa_set(run, number, scaled((uint64_t)cursor_sleb(code), unit));
		return true;
	case OP_DEF_CFA_REGISTER:
		cfa_set(run, cursor_uleb(code), run->now.cfa.offset);
		return true;
	/* An expression stays one, as libgcc has it. */
	case OP_DEF_CFA_OFFSET:
		run->now.cfa.offset = (int64_t)cursor_uleb(code);
		break;
	case OP_DEF_CFA_OFFSET_SF:
		run->now.cfa.offset = scaled((uint64_t)cursor_sleb(code), unit);
		break;
	case OP_DEF_CFA_EXPRESSION:
		run->now.cfa = expression_read(run, CFI_EXPRESSION);
		break;
	default:
		return false;
	}
	run->changed = true;
	return true;
}

/* Does the number of a register follow the instruction, other than of the CFA's? */
static bool names_register(uint8_t op)
{
	switch (op) {
	case OP_OFFSET_EXTENDED:
	case OP_OFFSET_EXTENDED_SF:
	case OP_NEGATIVE_OFFSET:
	case OP_VAL_OFFSET:
	case OP_VAL_OFFSET_SF:
	case OP_RESTORE_EXTENDED:
	case OP_UNDEFINED:
	case OP_SAME_VALUE:
	case OP_REGISTER:
	case OP_EXPRESSION:
	case OP_VAL_EXPRESSION:
		return true;
	default:
		return false;
	}
}

/* Instructions about where a register is saved. */
static void step_register(struct run *run, uint8_t op)
{
	struct cursor *code = &run->code;
	int64_t unit = run->common->data_unit;
	uint64_t number = cursor_uleb(code);

	switch (op) {
	case OP_OFFSET_EXTENDED:
		register_offset(run, number, CFI_OFFSET, scaled(cursor_uleb(code), unit));
		break;
	case OP_OFFSET_EXTENDED_SF:
		register_offset(run, number, CFI_OFFSET, scaled((uint64_t)cursor_sleb(code), unit));
		break;
	case OP_NEGATIVE_OFFSET:
		register_offset(run, number, CFI_OFFSET, scaled(0 - cursor_uleb(code), unit));
		break;
	case OP_VAL_OFFSET:
		register_offset(run, number, CFI_VALUE, scaled(cursor_uleb(code), unit));
		break;
	case OP_VAL_OFFSET_SF:
		register_offset(run, number, CFI_VALUE, scaled((uint64_t)cursor_sleb(code), unit));
		break;
	case OP_RESTORE_EXTENDED:
		register_restore(run, number);
		break;
	case OP_UNDEFINED:
		register_offset(run, number, CFI_UNDEFINED, 0);
		break;
	case OP_SAME_VALUE:
		register_offset(run, number, CFI_SAME, 0);
		break;
	case OP_REGISTER:
		register_set(run, number,
			     (struct cfi_value){.kind = CFI_REGISTER, .number = cursor_uleb(code)});
		break;
	case OP_EXPRESSION:
		register_set(run, number, expression_read(run, CFI_EXPRESSION));
		break;
	case OP_VAL_EXPRESSION:
		register_set(run, number, expression_read(run, CFI_VALUE_EXPRESSION));
		break;
	}
}

static void step_other(struct run *run, uint8_t op)
{
	struct cursor *code = &run->code;

	switch (op) {
	case OP_NOP:
	case OP_NEGATE_RA_STATE_WITH_PC:
	case OP_NEGATE_RA_STATE:
		break;
	case OP_ARGS_SIZE:
		cursor_uleb(code);
		break;
	case OP_SET_LOC:
		move_to(run, cfi_address(code, run->section, run->common->augmentation.encoding));
		break;
	case OP_ADVANCE_1:
		advance(run, cursor_fixed(code, 1));
		break;
	case OP_ADVANCE_2:
		advance(run, cursor_fixed(code, 2));
		break;
	case OP_ADVANCE_4:
		advance(run, cursor_fixed(code, 4));
		break;
	case OP_REMEMBER_STATE:
		state_remember(run);
		break;
	case OP_RESTORE_STATE:
		state_restore(run);
		break;
	default:
		code->bad = true;
	}
}

static bool run_all(struct run *run)
{
	struct cursor *code = &run->code;

	while (code->at < code->end && !code->bad) {
		uint8_t op = *code->at++, operand = op & 0x3f;

		switch (op & 0xc0) {
		case OP_ADVANCE:
			advance(run, operand);
			break;
		case OP_OFFSET:
			register_offset(run, operand, CFI_OFFSET,
					scaled(cursor_uleb(code), run->common->data_unit));
			break;
		case OP_RESTORE:
			register_restore(run, operand);
			break;
		default:
			if (names_register(op))
				step_register(run, op);
			else if (!step_cfa(run, op))
				step_other(run, op);
		}
	}
	return !code->bad;
}

bool cfi_run_common(struct cfi_common *common, const struct cfi_machine *machine,
		    const struct cfi_section *section, struct cursor program)
{
	struct run run = {
		.common = common, .machine = machine, .section = section, .code = program};

	if (!run_all(&run))
		return false;
	common->initial = run.now;
	return true;
}

bool cfi_run(const struct cfi_common *common, const struct cfi_machine *machine,
	     const struct cfi_section *section, struct cursor program, uint64_t begin, uint64_t end,
	     const struct cfi_sink *sink)
{
	struct run run;

	/* Not the remembered states: that is more to clear than most programs have to do. */
	run.common = common;
	run.machine = machine;
	run.section = section;
	run.sink = sink;
	run.code = program;
	run.at = begin;
	run.end = end;
	run.changed = true;
	run.now = common->initial;
	run.depth = 0;
	if (!run_all(&run))
		return false;
	row_put(&run);
	return true;
}
