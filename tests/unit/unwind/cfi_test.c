/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "unwind/frames.h"

#include "unwind/cfi.h"

/* What a sink was told. */
struct told {
	uint64_t begin[8], end[8];
	int ranges, good, bad;
	struct {
		uint64_t address;
		struct unwind_rule rule;
	} rows[64];
	int row_count;
};

static bool told_begin(void *context, uint64_t begin, uint64_t end)
{
	struct told *told = context;

	assert_true(told->ranges < 8);
	told->begin[told->ranges] = begin;
	told->end[told->ranges++] = end;
	return true;
}

static void told_row(void *context, uint64_t address, const struct unwind_rule *rule)
{
	struct told *told = context;

	assert_true(told->row_count < 64);
	told->rows[told->row_count].address = address;
	told->rows[told->row_count++].rule = *rule;
}

static void told_end(void *context, bool good)
{
	struct told *told = context;

	good ? told->good++ : told->bad++;
}

static struct cfi_counts read_section(struct bytes *section, uint64_t address, bool debug,
				      struct told *told)
{
	const struct cfi_sink sink = {told_begin, told_row, told_end, told};
	const struct cfi_section input = {section->at, section->len, address, debug};
	struct cfi_counts counts = {};

	*told = (struct told){};
	cfi_read(&input, cfi_machine(EM_X86_64), &sink, &counts);
	vec_free(section);
	return counts;
}

/* Runs a program for [0x1000, 0x1100) after what holds at a call; returns whether it is good. */
static bool run(const void *program, size_t length, struct told *told)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct cfi_counts counts;

	put_fde(&section, cie, 0x1000, 0x100, program, length);
	counts = read_section(&section, 0, false, told);
	assert_int_equal(counts.entries, 1);
	assert_int_equal(counts.skipped, told->bad);
	assert_int_equal(told->good + told->bad, 1);
	return told->good;
}

#define P(text) text, sizeof(text) - 1

static const struct {
	const char *what, *program;
	size_t length;
	struct unwind_rule rule; /* cfa, fp, base_saved, cfa_offset, fp_offset, more */
} cases[] = {
	{"nothing", P(""), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"def_cfa_offset", P("\x0e\x10"), {UNWIND_SP, 0, 0, 2, 0, 0}},
	{"def_cfa_offset, the biggest", P("\x0e\xf8\xff\x0f"), {UNWIND_SP, 0, 0, 32767, 0, 0}},
	{"def_cfa_offset, far", P("\x0e\x80\x80\x10"), {UNWIND_SP_FAR, 0, 0, 0, 0, 1}},
	{"def_cfa_offset, too big", P("\x0e\x80\x80\x80\x80\x20"), {UNWIND_NONE}},
	{"def_cfa_offset, no multiple of 8", P("\x0e\x0c"), {UNWIND_NONE}},
	{"def_cfa_register", P("\x0e\x10\x0d\x06"), {UNWIND_FP, 0, 0, 2, 0, 0}},
	{"def_cfa", P("\x0c\x0a\x08"), {UNWIND_REGISTER, 0, 0, 1, 0, 10}},
	{"def_cfa, no general register", P("\x0c\x11\x08"), {UNWIND_NONE}},
	{"def_cfa_sf", P("\x12\x06\x7e"), {UNWIND_FP, 0, 0, 2, 0, 0}},
	{"def_cfa_offset_sf", P("\x13\x7d"), {UNWIND_SP, 0, 0, 3, 0, 0}},
	{"offset", P("\x0e\x10\x86\x02"), {UNWIND_SP, UNWIND_FP_SAVED, 0, 2, -2, 0}},
	{"a frame of 514 KiB",
	 P("\x0e\xd0\x91\x20\x86\x02"),
	 {UNWIND_SP_FAR, UNWIND_FP_SAVED, 0, 282, -2, 2}},
	{"offset of another register", P("\x0e\x10\x8c\x02"), {UNWIND_SP, 0, 0, 2, 0, 0}},
	{"offset of the base", P("\x0e\x10\x83\x02"), {UNWIND_SP, 0, 1, 2, 0, -2}},
	{"offset of the base, a deref",
	 P("\x83\x02\x0f\x03\x76\x78\x06"),
	 {UNWIND_DEREF_FP, 0, 0, -1, 0, 0}},
	{"offset_extended", P("\x05\x06\x03"), {UNWIND_SP, UNWIND_FP_SAVED, 0, 1, -3, 0}},
	{"offset_extended_sf", P("\x11\x06\x7e"), {UNWIND_SP, UNWIND_FP_SAVED, 0, 1, 2, 0}},
	{"negative_offset", P("\x2f\x06\x02"), {UNWIND_SP, UNWIND_FP_SAVED, 0, 1, 2, 0}},
	{"restore", P("\x86\x02\xc6"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"restore_extended", P("\x86\x02\x06\x06"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"undefined", P("\x07\x06"), {UNWIND_SP, UNWIND_FP_LOST, 0, 1, 0, 0}},
	{"same_value", P("\x86\x02\x08\x06"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"register", P("\x09\x06\x03"), {UNWIND_SP, UNWIND_FP_REGISTER, 0, 1, 3, 0}},
	{"register, itself", P("\x86\x02\x09\x06\x06"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"register, no general one", P("\x09\x06\x11"), {UNWIND_SP, UNWIND_FP_LOST, 0, 1, 0, 0}},
	{"val_offset", P("\x14\x06\x02"), {UNWIND_SP, UNWIND_FP_LOST, 0, 1, 0, 0}},
	{"val_offset_sf", P("\x15\x06\x02"), {UNWIND_SP, UNWIND_FP_LOST, 0, 1, 0, 0}},
	{"val_expression", P("\x16\x06\x02\x76\x00"), {UNWIND_SP, UNWIND_FP_LOST, 0, 1, 0, 0}},
	{"remember, restore", P("\x0a\x0e\x40\x86\x02\x0b"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"no meaning here", P("\x2e\x10\x2d\x00\x0e\x10"), {UNWIND_SP, 0, 0, 2, 0, 0}},
	/* The return address, and the stack pointer. */
	{"ra undefined", P("\x07\x10"), {UNWIND_END}},
	{"ra elsewhere", P("\x90\x02"), {UNWIND_NONE}},
	{"ra in a register", P("\x09\x10\x05"), {UNWIND_NONE}},
	{"ra kept", P("\x08\x10"), {UNWIND_NONE}},
	{"ra elsewhere, restored", P("\x90\x02\xd0"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"ra by its address", P("\x10\x10\x02\x77\x00"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	{"ra by another address", P("\x10\x10\x02\x77\x08"), {UNWIND_NONE}},
	{"sp saved", P("\x87\x03"), {UNWIND_NONE}},
	{"sp is the CFA", P("\x14\x07\x00"), {UNWIND_SP, 0, 0, 1, 0, 0}},
	/* Expressions. */
	{"breg7", P("\x0f\x02\x77\x10"), {UNWIND_SP, 0, 0, 2, 0, 0}},
	{"breg6, deref", P("\x0f\x03\x76\x78\x06"), {UNWIND_DEREF_FP, 0, 0, -1, 0, 0}},
	{"plus_uconst", P("\x0f\x06\x77\xf8\x00\x06\x23\x08"), {UNWIND_DEREF_SP, 0, 0, 15, 0, 1}},
	{"lit, plus", P("\x0f\x05\x77\x08\x06\x38\x22"), {UNWIND_DEREF_SP, 0, 0, 1, 0, 1}},
	{"const1u, minus",
	 P("\x0f\x06\x77\x08\x06\x08\x10\x1c"),
	 {UNWIND_DEREF_SP, 0, 0, 1, 0, -2}},
	{"deref, deref", P("\x0f\x04\x77\x08\x06\x06"), {UNWIND_NONE}},
	{"another register, deref", P("\x0f\x03\x7a\x08\x06"), {UNWIND_NONE}},
	{"mul", P("\x0f\x05\x77\x08\x38\x1e\x06"), {UNWIND_NONE}},
	{"no operand", P("\x0f\x01\x77"), {UNWIND_NONE}},
	{"empty", P("\x0f\x00"), {UNWIND_NONE}},
	{"plt",
	 P("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"),
	 {UNWIND_PLT, 0, 0, 0, 0, 11}},
	{"plt with endbr64",
	 P("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x39\x2a\x33\x24\x22"),
	 {UNWIND_PLT, 0, 0, 0, 0, 9}},
	{"nearly a plt", P("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x34\x24\x22"), {UNWIND_NONE}},
	{"saved at sp + 0, exactly a place from the CFA",
	 P("\x0e\x10\x10\x06\x02\x77\x00"),
	 {UNWIND_SP, UNWIND_FP_SAVED, 0, 2, -2, 0}},
	{"saved at fp + 8",
	 P("\x0c\x06\x10\x10\x06\x02\x76\x08"),
	 {UNWIND_FP, UNWIND_FP_SAVED, 0, 2, -1, 0}},
	{"saved at fp + 0 of a realigned stack",
	 P("\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00"),
	 {UNWIND_DEREF_FP, UNWIND_FP_AT_FP, 0, -1, 0, 0}},
	{"saved at sp + 0 of a realigned stack",
	 P("\x0f\x03\x77\x08\x06\x10\x06\x02\x77\x00"),
	 {UNWIND_DEREF_SP, UNWIND_FP_LOST, 0, 1, 0, 0}},
	{"saved where a word says",
	 P("\x10\x06\x03\x76\x00\x06"),
	 {UNWIND_SP, UNWIND_FP_LOST, 0, 1, 0, 0}},
};

static void each_rule_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct unwind_rule *rule;
		struct told told = {};

		if (!run(cases[i].program, cases[i].length, &told))
			fail_msg("%s: broken", cases[i].what);
		rule = &told.rows[told.row_count - 1].rule;
		if (told.row_count != 1 || memcmp(rule, &cases[i].rule, sizeof(*rule)) != 0)
			fail_msg("%s: %d rows, cfa %d fp %d: %d %d %d", cases[i].what,
				 told.row_count, rule->cfa, rule->fp, rule->cfa_offset,
				 rule->fp_offset, rule->more);
	}
}

static void broken_programs_are_told(void **state)
{
	static const struct {
		const char *program;
		size_t length;
	} broken[] = {
		{P("\x3f")},                 /* no such instruction */
		{P("\x0b")},                 /* nothing to restore */
		{P("\x0e")},                 /* no operand */
		{P("\x0e\x80")},             /* half an operand */
		{P("\x0f\x7f\x77")},         /* an expression that ends outside */
		{P("\x04\x01")},             /* half an address */
		{P("\x01\0\0\0\0\0\0\0\0")}, /* backwards */
		{P("\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a")},
	};
	struct told told = {};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char program[32] = {};
		size_t nops = 0;

		/* Entries are padded with nops: put them in front, so that the program ends the
		 * entry. */
		while ((nops + broken[i].length) % 4 != 3)
			nops++;
		memcpy(program + nops, broken[i].program, broken[i].length);
		if (run(program, nops + broken[i].length, &told))
			fail_msg("program %zu is taken for good", i);
	}
}

static void locations_advance(void **state)
{
	struct told told = {};
	const uint64_t wanted[] = {0x1000, 0x1001, 0x1011, 0x1021, 0x1031, 0x1080};

	(void)state;
	assert_true(run(P("\x41\x0e\x10\x02\x10\x0e\x18\x03\x10\x00\x0e\x20\x04\x10\x00\x00\x00"
			  "\x0e\x28\x01\x80\x10\x00\x00\x00\x00\x00\x00\x0e\x30"),
			&told));
	assert_int_equal(told.row_count, 6);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(told.rows[i].address, wanted[i]);
		assert_int_equal(told.rows[i].rule.cfa_offset, i + 1);
	}
	/* What is said about code behind the end is not told, nor that nothing changes. */
	assert_true(run(P("\x41\x41\x0e\x10\x03\x00\x02\x0e\x18"), &told));
	assert_int_equal(told.row_count, 2);
	assert_int_equal(told.rows[1].address, 0x1002);
	assert_int_equal(told.rows[1].rule.cfa_offset, 2);
}

static void addresses_in_all_encodings(void **state)
{
	/* Of the section at 0x10000, the FDE's address is at 0x10000 + `field`. */
	const uint64_t base = 0x10000;
	static const struct {
		uint8_t encoding, size;
		bool relative, good;
	} encodings[] = {
		{0x00, 8, false, true},  {0x02, 2, false, true},  {0x03, 4, false, true},
		{0x04, 8, false, true},  {0x0a, 2, false, true},  {0x0b, 4, false, true},
		{0x0c, 8, false, true},  {0x1a, 2, true, true},   {0x1b, 4, true, true},
		{0x1c, 8, true, true},   {0x10, 8, true, true},   {0x05, 8, false, false},
		{0x3b, 4, false, false}, {0x9b, 4, false, false}, {0x50, 8, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		struct bytes section = {}, body = {};
		char encoding = (char)encodings[i].encoding;
		size_t cie = put_cie(&section, "zR", &encoding, 1), field = section.len + 8;
		uint64_t begin = encodings[i].relative ? 0xc000 : 0x1234;
		struct cfi_counts counts;
		struct told told = {};

		put(&body, 4, section.len + 4 - cie);
		put(&body, encodings[i].size, encodings[i].relative ? begin - base - field : begin);
		put(&body, encodings[i].size, 0x10);
		put_uleb(&body, 0);
		put_entry(&section, &body, false);
		counts = read_section(&section, base, false, &told);
		assert_int_equal(counts.entries, 1);
		assert_int_equal(counts.skipped, !encodings[i].good);
		assert_int_equal(told.good, encodings[i].good);
		if (encodings[i].good) {
			assert_int_equal(told.begin[0], begin);
			assert_int_equal(told.end[0], begin + 0x10);
		}
	}
}

static void augmentations(void **state)
{
	struct bytes section = {};
	struct cfi_counts counts;
	struct told told = {};
	size_t cie;

	(void)state;
	/* A personality of 4 bytes, a language's data, then the encoding of addresses. */
	cie = put_cie(&section, "zPLR", "\x1b\x01\x02\x03\x04\x1b\x04", 7);
	put_fde(&section, cie, 0x1000, 0x10, P(""));
	put(&section, 4, 0); /* an end in the middle */
	cie = put_cie(&section, "zRS", "\x04", 1);
	put_fde(&section, cie, 0x2000, 0x10, P(""));
	cie = put_cie(&section, "zRQ", "\x04", 1);
	put_fde(&section, cie, 0x3000, 0x10, P(""));
	put_fde(&section, 0x7fffff, 0x4000, 0x10, P(""));    /* of no CIE */
	put_fde(&section, section.len, 0x5000, 0x10, P("")); /* of itself */
	put_fde(&section, put_plain_cie(&section), 0x6000, 0x10, P("\x0e\x10"));
	counts = read_section(&section, 0, false, &told);
	assert_int_equal(counts.entries, 6);
	assert_int_equal(counts.skipped, 3);
	assert_int_equal(told.ranges, 3);
	assert_int_equal(told.begin[0], 0x1000);
	assert_int_equal(told.rows[0].rule.cfa, UNWIND_SP);
	assert_int_equal(told.begin[1], 0x2000);
	assert_int_equal(told.rows[1].rule.cfa, UNWIND_SIGNAL);
	assert_int_equal(told.begin[2], 0x6000);
	assert_int_equal(told.rows[2].rule.cfa_offset, 2);
}

/* As Go's and others' compilers write it: identifiers of all ones, offsets from the beginning. */
static void debug_frame_form(void **state)
{
	for (int wide = 0; wide < 2; wide++) {
		struct bytes section = {}, body = {};
		struct cfi_counts counts;
		struct told told = {};

		(void)state;
		put(&body, wide ? 8 : 4, UINT64_MAX);
		put_all(&body, "\x04\x00\x08\x00\x01\x7c\x10", 7); /* version 4, units 1 and -4 */
		put_all(&body, P("\x0c\x07\x08\x05\x10\x02"));
		put_entry(&section, &body, wide);
		put(&body, wide ? 8 : 4, 0);
		put(&body, 8, 0x1000);
		put(&body, 8, 0x10);
		put_all(&body, P("\x42\x13\x7c"));
		put_entry(&section, &body, wide);
		counts = read_section(&section, 0, true, &told);
		assert_int_equal(counts.entries, 1);
		assert_int_equal(counts.skipped, 0);
		assert_int_equal(told.row_count, 2);
		assert_int_equal(told.rows[1].address, 0x1002);
		assert_int_equal(told.rows[1].rule.cfa, UNWIND_SP);
		assert_int_equal(told.rows[1].rule.cfa_offset, 2);
	}
}

/* Many entries that all make one long program be run come to an end soon. */
static void work_is_bounded(void **state)
{
	struct bytes section = {}, body = {};
	size_t cies[32];
	struct cfi_counts counts;
	struct told *told = calloc(1, sizeof(*told));

	(void)state;
	for (int i = 0; i < 32; i++) {
		cies[i] = section.len;
		put(&body, 4, 0);
		put_all(&body, P("\x01zR\x00\x01\x78\x10\x01\x04" AT_CALL));
		for (int nop = 0; nop < 100000; nop++)
			put(&body, 1, 0);
		put_entry(&section, &body, false);
	}
	/* Alternating, so that what was read of a CIE is not found again. None has any code. */
	for (int i = 0; i < 100000; i++)
		put_fde(&section, cies[i % 32], 0x1000, 0, P(""));
	counts = read_section(&section, 0, false, told);
	assert_int_equal(counts.entries, 100000);
	assert_true(counts.skipped > 50000);
	free(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_is_known), cmocka_unit_test(broken_programs_are_told),
		cmocka_unit_test(locations_advance),  cmocka_unit_test(addresses_in_all_encodings),
		cmocka_unit_test(augmentations),      cmocka_unit_test(debug_frame_form),
		cmocka_unit_test(work_is_bounded),
	};

	return cmocka_run_group_tests_name("unwind/cfi", tests, NULL, NULL);
}
