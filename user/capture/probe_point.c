/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A decoder for the few instructions that compilers put at a function's begin. What it does not
 * know ends the search. Encodings: Intel SDM, volume 2. What the kernel does itself: push, jumps,
 * calls and nop (arch/x86/kernel/uprobes.c, branch_setup_ops() and push_setup_ops(), since 4.17).
 */
#include "capture/probe_point.h"

#include <string.h>

/* Registers by their number in an instruction. */
enum { RDX = 2, RSP = 4, RSI = 6, RDI = 7 };

struct instruction {
	const uint8_t *at;
	size_t left; /* bytes that may be read */
	uint8_t rex; /* its low four bits, 0 = none */
	bool word;   /* the prefix 66 */
	uint8_t opcode, modrm;
};

/* The register that the instruction's `rm` or `reg` names. */
static int modrm_rm(const struct instruction *in)
{
	return (in->modrm & 7) | (in->rex & 1) << 3;
}

static int modrm_reg(const struct instruction *in)
{
	return (in->modrm >> 3 & 7) | (in->rex & 4) << 1;
}

static bool modrm_is_register(const struct instruction *in)
{
	return in->modrm >> 6 == 3;
}

/* Length of a ModRM byte and what belongs to it, 0 where the code ends before. */
static size_t modrm_length(const uint8_t *at, size_t left)
{
	size_t length = 1;
	int mod, rm;

	if (!left)
		return 0;
	mod = *at >> 6;
	rm = *at & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (left < 2)
			return 0;
		length = 2;
		if (mod == 0 && (at[1] & 7) == 5)
			length += 4;
	} else if (mod == 0 && rm == 5) {
		length += 4;
	}
	if (mod == 1)
		length += 1;
	if (mod == 2)
		length += 4;
	return length <= left ? length : 0;
}

/* May this register have another value, for all that is read at the probe? */
static bool register_is_free(int number)
{
	return number != RDX && number != RSI && number != RDI && number != RSP;
}

/* Bytes of an immediate operand behind ModRM; -1: not an instruction that is known. */
static int operand_bytes(const struct instruction *in)
{
	switch (in->opcode) {
	case 0x31: /* xor, by register or into one */
	case 0x33:
	case 0x38: /* cmp */
	case 0x39:
	case 0x3a:
	case 0x3b:
	case 0x84: /* test */
	case 0x85:
	case 0x89: /* mov */
	case 0x8b:
	case 0x8d: /* lea */
		return 0;
	case 0x80: /* cmp, sub with a byte */
	case 0x83:
		return 1;
	case 0x81: /* the same with more; and mov */
	case 0xc7:
		return in->word ? 2 : 4;
	default:
		return -1;
	}
}

/* Bytes that `sub $n, %rsp` takes from the stack pointer; 0 = it is another instruction. */
static uint32_t stack_taken(const struct instruction *in, const uint8_t *operand)
{
	int32_t bytes = 0;

	if ((in->opcode != 0x83 && in->opcode != 0x81) || in->word || in->rex != 8 ||
	    in->modrm != 0xec)
		return 0;
	if (in->opcode == 0x83)
		bytes = *operand < 128 ? *operand : 0; /* else it is negative */
	else
		memcpy(&bytes, operand, sizeof(bytes));
	return bytes > 0 && bytes < PROBE_DEPTH ? (uint32_t)bytes : 0;
}

/* With a ModRM byte: does it leave all arguments and the stack pointer as they are? */
static bool instruction_is_harmless(const struct instruction *in)
{
	switch (in->opcode) {
	case 0x80:
	case 0x81:
	case 0x83: /* of eight operations on numbers cmp alone changes nothing */
		return (in->modrm >> 3 & 7) == 7;
	case 0x33:
	case 0x8b:
	case 0x8d:
		return register_is_free(modrm_reg(in));
	case 0xc7:
		if (in->modrm >> 3 & 7)
			return false;
		__attribute__((fallthrough));
	case 0x31:
	case 0x89:
		return !modrm_is_register(in) || register_is_free(modrm_rm(in));
	default:
		return true; /* cmp and test */
	}
}

/* Does the kernel do it itself? */
static bool instruction_is_emulated(const struct instruction *in)
{
	if (in->word)
		return false;
	if (in->opcode >= 0x50 && in->opcode <= 0x57)
		return in->rex == 0 || in->rex == 1;
	if (in->rex)
		return false;
	return (in->opcode >= 0x70 && in->opcode <= 0x7f) || in->opcode == 0x90 ||
	       in->opcode == 0xe8 || in->opcode == 0xe9 || in->opcode == 0xeb;
}

/* jcc with four bytes, endbr64, and nops of more than one byte; the latter are stepped through. */
static bool instruction_is_two_byte(const struct instruction *in, const uint8_t *at, size_t left,
				    bool *emulated, size_t *length)
{
	size_t rest;

	*emulated = false;
	if (left >= 4 && !memcmp(at, "\xf3\x0f\x1e\xfa", 4)) {
		*length = 4;
		return true;
	}
	if (in->opcode != 0x0f || left < 2)
		return false;
	if (at[1] >= 0x80 && at[1] <= 0x8f && !in->word && !in->rex) {
		*emulated = true;
		*length = 6;
		return left >= 6;
	}
	rest = at[1] == 0x1f ? modrm_length(at + 2, left - 2) : 0;
	*length = 2 + rest;
	return rest > 0;
}

/* mov of a number into a register: its length, 0 = another instruction, or the register counts. */
static size_t immediate_length(const struct instruction *in)
{
	int number = (in->opcode & 7) | (in->rex & 1) << 3;

	if (in->opcode < 0xb8 || in->opcode > 0xbf || in->word || !register_is_free(number))
		return 0;
	return 1 + (in->rex & 8 ? 8 : 4);
}

/* Where one instruction leads: what was found, what is behind it, or nothing. */
enum step { STEP_ON, STEP_FOUND, STEP_END };

static enum step instruction_step(const uint8_t *code, size_t length, struct probe_point *point,
				  size_t *at)
{
	struct instruction in = {.at = code + *at, .left = length - *at};
	size_t prefixes = 0, size;
	bool emulated;
	int operand;

	if (in.left && in.at[0] == 0x66)
		in.word = ++prefixes;
	if (prefixes < in.left && (in.at[prefixes] & 0xf0) == 0x40)
		in.rex = in.at[prefixes++] & 0xf;
	if (prefixes >= in.left)
		return STEP_END;
	in.opcode = in.at[prefixes];
	if (instruction_is_two_byte(&in, in.at + prefixes, in.left - prefixes, &emulated, &size)) {
		*at += prefixes + size;
		return emulated ? STEP_FOUND : STEP_ON;
	}
	/* A bare REX, 40 to 47 without bits, is not looked for: no compiler writes it here. */
	if (instruction_is_emulated(&in))
		return STEP_FOUND;
	if (in.word && in.opcode == 0x90) {
		*at += prefixes + 1;
		return STEP_ON;
	}
	size = immediate_length(&in);
	if (size) {
		*at += prefixes + size;
		return *at <= length ? STEP_ON : STEP_END;
	}
	size = modrm_length(in.at + prefixes + 1, in.left - prefixes - 1);
	operand = operand_bytes(&in);
	if (!size || operand < 0 || prefixes + 1 + size + (size_t)operand > in.left)
		return STEP_END;
	in.modrm = in.at[prefixes + 1];
	*at += prefixes + 1 + size + (size_t)operand;
	if (stack_taken(&in, code + *at - operand)) {
		point->depth += stack_taken(&in, code + *at - operand);
		return point->depth < PROBE_DEPTH ? STEP_ON : STEP_END;
	}
	return instruction_is_harmless(&in) ? STEP_ON : STEP_END;
}

struct probe_point probe_point_find(const uint8_t *code, size_t length)
{
	struct probe_point point = {};
	size_t at = 0;

	if (length > PROBE_CODE)
		length = PROBE_CODE;
	while (at < length) {
		size_t begin = at;
		enum step step = instruction_step(code, length, &point, &at);

		point.ahead = (uint32_t)begin;
		if (step == STEP_FOUND)
			return point;
		if (step == STEP_END)
			break;
	}
	return (struct probe_point){.stepped = true};
}
