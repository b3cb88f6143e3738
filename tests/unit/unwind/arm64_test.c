/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of aarch64, where calls leave the return address in a register. */
#include "unwind/tables.h"

#include "unwind/cfi.h"

/* Units 4 and -8, return address in `ra`; CFA = sp + 0: what holds at the beginning of a function.
 */
static size_t put_arm64_cie(struct bytes *section, char ra)
{
	size_t offset = section->len;
	struct bytes body = {};

	put(&body, 4, 0);
	put_all(&body, P("\x01zR\0\x04\x78"));
	put(&body, 1, (uint64_t)ra);
	put_all(&body, P("\x01\x04\x0c\x1f\x00"));
	put_entry(section, &body, false);
	return offset;
}

static struct unwind_table build_arm64(int fd)
{
	struct unwind_table table = {};
	struct error error;

	assert_int_equal(unwind_table_build_for(EM_AARCH64, fd, &table, &error), 0);
	assert_true(unwind_table_check(table.words, table.word_count));
	return table;
}

/* The table of one function of 256 bytes at CODE_ADDRESS; frees the section. */
static struct unwind_table build_program(const char *program, size_t length, char ra)
{
	struct bytes section = {};
	size_t cie = put_arm64_cie(&section, ra);
	struct elf_section eh_frame = {".eh_frame", .address = 0x400200};
	struct unwind_table table;
	int fd;

	put_fde(&section, cie, CODE_ADDRESS, 0x100, program, length);
	eh_frame.bytes = section.at;
	eh_frame.size = section.len;
	fd = make_elf(EM_AARCH64, &eh_frame, 1, 0x1000);
	table = build_arm64(fd);
	close(fd);
	vec_free(&section);
	return table;
}

#define LOST UNWIND_FP_LOST

static const struct {
	const char *what, *program;
	size_t length;
	struct unwind_rule rule; /* cfa, fp, base_saved, cfa_offset, fp_offset, more */
} cases[] = {
	{"nothing", P(""), {UNWIND_SP, 0, 0, 0, 0, 0}},
	{"room, no call", P("\x0e\x20"), {UNWIND_SP, 0, 0, 4, 0, 0}},
	{"a frame record", P("\x0e\x20\x9d\x04\x9e\x03"), {UNWIND_SP, 1, 0, 4, -4, -3}},
	{"a frame record, by x29",
	 P("\x0e\x20\x9d\x04\x9e\x03\x0d\x1d"),
	 {UNWIND_FP, 1, 0, 4, -4, -3}},
	{"the return address alone", P("\x0e\x10\x9e\x02"), {UNWIND_SP, 0, 0, 2, 0, -2}},
	{"apart", P("\x0e\x40\x9d\x08\x9e\x01"), {UNWIND_SP, 1, 0, 8, -8, -1}},
	{"signed", P("\x2d\x0e\x20\x9d\x04\x9e\x03"), {UNWIND_SP, 1, 0, 4, -4, -3}},
	{"signed with the place", P("\x2c\x0e\x10\x9e\x02"), {UNWIND_SP, 0, 0, 2, 0, -2}},
	{"restored", P("\x0e\x20\x9d\x04\x9e\x03\xdd\xde\x0e\x00"), {UNWIND_SP, 0, 0, 0, 0, 0}},
	{"ra undefined", P("\x07\x1e"), {UNWIND_END}},
	{"ra kept", P("\x08\x1e"), {UNWIND_SP, 0, 0, 0, 0, 0}},
	{"ra in itself", P("\x09\x1e\x1e"), {UNWIND_SP, 0, 0, 0, 0, 0}},
	{"ra in another register", P("\x09\x1e\x0f"), {UNWIND_NONE}},
	{"ra at the CFA, where nothing is saved", P("\x9e\x00"), {UNWIND_NONE}},
	{"ra of no whole unit", P("\x10\x1e\x02\x8f\x7c"), {UNWIND_NONE}},
	{"ra by its address", P("\x0e\x10\x10\x1e\x02\x8f\x08"), {UNWIND_SP, 0, 0, 2, 0, -1}},
	{"ra far", P("\x0e\x20\x05\x1e\x80\x80\x04"), {UNWIND_NONE}},
	{"fp in a register", P("\x09\x1d\x09"), {UNWIND_SP, LOST, 0, 0, 0, 0}},
	{"fp undefined", P("\x07\x1d"), {UNWIND_SP, LOST, 0, 0, 0, 0}},
	{"x86-64's base", P("\x0e\x10\x83\x02"), {UNWIND_SP, 0, 0, 2, 0, 0}},
	{"a vector register", P("\x0e\x10\x05\x48\x02"), {UNWIND_SP, 0, 0, 2, 0, 0}},
	{"CFA by x0", P("\x0c\x00\x00"), {UNWIND_NONE}},
	{"a frame of 293 KiB",
	 P("\x0e\xf0\xa7\x12\x9d\xfe\xa4\x02\x9e\xfd\xa4\x02"),
	 {UNWIND_SP_FAR, UNWIND_FP_SAVED, 0, 4734, 1, 1}},
	{"the same, the return address alone",
	 P("\x0e\xf0\xa7\x12\x9e\xfe\xa4\x02"),
	 {UNWIND_SP_FAR, 0, 0, 4734, 0, 1}},
	{"the same, nothing saved yet", P("\x0e\xf0\xa7\x12"), {UNWIND_SP_FAR, 0, 0, 4734, -1, 1}},
	{"the same, the frame pointer alone", P("\x0e\xf0\xa7\x12\x9d\xfe\xa4\x02"), {UNWIND_NONE}},
	{"the same, apart", P("\x0e\xf0\xa7\x12\x9d\x04\x9e\xfd\xa4\x02"), {UNWIND_NONE}},
	{"the same, by x29",
	 P("\x0e\xf0\xa7\x12\x0d\x1d\x9d\xfe\xa4\x02\x9e\xfd\xa4\x02"),
	 {UNWIND_NONE}},
	{"ra above the CFA", P("\x0e\xd0\x01\x11\x1e\x7f"), {UNWIND_SP, 0, 0, 28, 0, -1}},
	{"ra above the CFA, fp below",
	 P("\x0e\x20\x9d\x02\x11\x1e\x7f"),
	 {UNWIND_SP, UNWIND_FP_SAVED, 0, 6, -4, -1}},
	{"ra above the CFA, a frame of the largest size",
	 P("\x0e\xf8\xff\x0f\x11\x1e\x7f"),
	 {UNWIND_SP, 0, 0, 32767, 0, 1}},
	{"sp saved", P("\x9f\x03"), {UNWIND_NONE}},
};

static void each_rule_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct unwind_table table = build_program(cases[i].program, cases[i].length, 30);
		struct unwind_rule rule = unwind_table_find(&table, CODE_OFFSET + 0xff);

		assert_int_equal(table.stats.skipped, 0);
		if (memcmp(&rule, &cases[i].rule, sizeof(rule)) != 0)
			fail_msg("%s: cfa %d fp %d: %d %d %d", cases[i].what, rule.cfa, rule.fp,
				 rule.cfa_offset, rule.fp_offset, rule.more);
		unwind_table_free(&table);
	}
}

/* rawmemchr() of glibc returns by x15. */
static void other_return_columns_are_skipped(void **state)
{
	struct unwind_table table = build_program(P(""), 15);

	(void)state;
	assert_int_equal(table.stats.skipped, 1);
	assert_int_equal(table.stats.pages, 0);
	unwind_table_free(&table);
}

/* The rules of one architecture mean something else to the other's programs. */
static void other_machines_have_no_rules(void **state)
{
	struct bytes section = {};
	size_t cie = put_arm64_cie(&section, 30);
	struct elf_section eh_frame = {".eh_frame", .address = 0x400200};
	struct unwind_table table = {};
	struct error error;
	int fd;

	(void)state;
	put_fde(&section, cie, CODE_ADDRESS, 0x100, P(""));
	eh_frame.bytes = section.at;
	eh_frame.size = section.len;
	fd = make_elf(EM_AARCH64, &eh_frame, 1, 0x1000);
	assert_int_equal(unwind_table_build_for(EM_X86_64, fd, &table, &error), 0);
	assert_int_equal(table.stats.pages, 0);
	unwind_table_free(&table);
	close(fd);
	vec_free(&section);
}

static void same_rule(const struct unwind_table *table, uint64_t address, struct unwind_rule wanted)
{
	struct unwind_rule rule = unwind_table_find(table, address - CODE_DELTA);

	if (memcmp(&rule, &wanted, sizeof(rule)) != 0)
		fail_msg("%lx: cfa %d fp %d: %d %d %d", address, rule.cfa, rule.fp, rule.cfa_offset,
			 rule.fp_offset, rule.more);
}

static void linkage_tables_are_known(void **state)
{
	const struct unwind_rule none = {}, called = {.cfa = UNWIND_SP},
				 pushed = {.cfa = UNWIND_SP, .cfa_offset = 2, .more = -1};
	uint32_t plain[16] = {0xa9bf7bf0}, landing[24] = {0xd503245f, 0xa9bf7bf0}, other[8] = {};
	const struct elf_section plts[] = {
		{".plt", plain, sizeof(plain), .address = CODE_ADDRESS + 0x40},
		{".plt", landing, sizeof(landing), .address = CODE_ADDRESS + 0x40},
		{".plt", other, sizeof(other), .address = CODE_ADDRESS + 0x40},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int fd = make_elf(EM_AARCH64, &plts[i], 1, 0x1000);
		struct unwind_table table = build_arm64(fd);
		uint64_t begin = plts[i].address;

		same_rule(&table, begin - 4, none);
		same_rule(&table, begin, called);
		same_rule(&table, begin + 4, i == 0 ? pushed : called);
		same_rule(&table, begin + 8, i < 2 ? pushed : called);
		same_rule(&table, begin + 28, i < 2 ? pushed : called);
		same_rule(&table, begin + plts[i].size - 4, called);
		same_rule(&table, begin + plts[i].size, none);
		unwind_table_free(&table);
		close(fd);
	}
}

/* The vDSO describes its trampoline no more; the handler's return address is its first byte. */
static void trampolines_are_known(void **state)
{
	const struct unwind_rule none = {}, signal = {.cfa = UNWIND_SIGNAL};
	const uint32_t code[] = {0xd503201f, 0xd2801168, 0xd4000001, 0x1f2003d5, 0xd2801168,
				 0xd4000001, 0xd65f03c0, 0xd2801168, 0xd503201f};
	int fd = make_elf(EM_AARCH64, NULL, 0, 0x1000);
	struct unwind_table table;

	(void)state;
	assert_int_equal(pwrite(fd, code, sizeof(code), CODE_OFFSET + 0x80), sizeof(code));
	table = build_arm64(fd);
	same_rule(&table, CODE_ADDRESS + 0x7c, none);
	same_rule(&table, CODE_ADDRESS + 0x80, signal);
	same_rule(&table, CODE_ADDRESS + 0x84 - 1, signal);
	same_rule(&table, CODE_ADDRESS + 0x94, signal);
	same_rule(&table, CODE_ADDRESS + 0x98, none);
	same_rule(&table, CODE_ADDRESS + 0x9c, none);
	unwind_table_free(&table);
	close(fd);
}

/* Functions without entries, in a file with a trampoline: of the vDSO, known by instructions. */
static void functions_of_the_vdso_are_known(void **state)
{
	const struct unwind_rule none = {}, bare = {.cfa = UNWIND_SP},
				 framed = {UNWIND_SP, UNWIND_FP_SAVED, 0, 16, -16, -15};
	const uint32_t ret = 0xd65f03c0, nop = 0xd503201f;
	const uint32_t code[] = {
		nop,        0xd2801168, 0xd4000001,      /* the trampoline */
		0x52800000, ret,        nop,        ret, /* no frame */
		nop,        0xa9b87bfd, nop,             /* stp x29, x30, [sp, #-128]! */
		0xa8c87bfd, ret,        nop,             /* ldp x29, x30, [sp], #128 */
		0xa8c87bfd, ret,        0xd10043ff, ret, /* sub sp, sp, #16 */
	};
	Elf64_Sym symbols[] = {
		{},
		{.st_value = CODE_ADDRESS + 12, .st_size = 16, .st_info = STT_FUNC},
		{.st_value = CODE_ADDRESS + 28, .st_size = 32, .st_info = STT_FUNC},
		{.st_value = CODE_ADDRESS + 60, .st_size = 8, .st_info = STT_FUNC},
		{.st_value = CODE_ADDRESS + 0xff0, .st_size = 0x1000, .st_info = STT_FUNC},
		{.st_value = 0x1234, .st_size = UINT64_MAX, .st_info = STT_FUNC},
	};
	const struct elf_section parts[] = {{".dynsym", symbols, sizeof(symbols)},
					    {".eh_frame", "\0\0\0\0", 4, .address = 0x400200}};

	(void)state;
	for (size_t count = 1; count <= 2; count++) {
		int fd = make_elf(EM_AARCH64, parts, count, 0x1000);
		struct unwind_table table;

		assert_int_equal(pwrite(fd, code, sizeof(code), CODE_OFFSET), sizeof(code));
		table = build_arm64(fd);
		/* One that has entries has said what there is to say. */
		same_rule(&table, CODE_ADDRESS + 12, count == 1 ? bare : none);
		if (count == 1) {
			same_rule(&table, CODE_ADDRESS + 24, bare);
			same_rule(&table, CODE_ADDRESS + 32, bare);
			same_rule(&table, CODE_ADDRESS + 36, framed);
			same_rule(&table, CODE_ADDRESS + 40, framed);
			same_rule(&table, CODE_ADDRESS + 44, bare);
			same_rule(&table, CODE_ADDRESS + 48, framed);
			same_rule(&table, CODE_ADDRESS + 56, bare);
			same_rule(&table, CODE_ADDRESS + 60, none);
			same_rule(&table, CODE_ADDRESS + 0xff0, none);
		}
		unwind_table_free(&table);
		close(fd);
	}
}

/* _init and _fini have no entries; what they are is read where they run. */
static void startup_is_known(void **state)
{
	const struct unwind_rule none = {}, bare = {.cfa = UNWIND_SP},
				 framed = {UNWIND_SP, UNWIND_FP_SAVED, 0, 2, -2, -1};
	/* stp x29, x30, [sp, #-16]!; mov x29, sp; bl; ldp x29, x30, [sp], #16 */
	uint32_t code[] = {0xd503201f, 0xa9bf7bfd, 0x910003fd, 0x94000000, 0xa8c17bfd, 0xd65f03c0};
	const struct elf_section init = {".init", code, sizeof(code), .address = CODE_ADDRESS};

	(void)state;
	for (int i = 0; i < 3; i++) {
		int fd = make_elf(EM_AARCH64, &init, 1, 0x1000);
		struct unwind_table table;

		if (i == 1)
			code[3] = 0xd10043ff; /* sub sp, sp, #16 */
		else if (i == 2)
			code[5] = 0xd503201f; /* no return at the end */
		assert_int_equal(pwrite(fd, code, sizeof(code), CODE_OFFSET), sizeof(code));
		table = build_arm64(fd);
		same_rule(&table, CODE_ADDRESS, i ? none : bare);
		same_rule(&table, CODE_ADDRESS + 4, i ? none : bare);
		same_rule(&table, CODE_ADDRESS + 8, i ? none : framed);
		same_rule(&table, CODE_ADDRESS + 16, i ? none : framed);
		same_rule(&table, CODE_ADDRESS + 20, i ? none : bare);
		same_rule(&table, CODE_ADDRESS + 24, none);
		unwind_table_free(&table);
		close(fd);
		code[3] = 0x94000000;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_is_known),
		cmocka_unit_test(other_return_columns_are_skipped),
		cmocka_unit_test(other_machines_have_no_rules),
		cmocka_unit_test(linkage_tables_are_known),
		cmocka_unit_test(trampolines_are_known),
		cmocka_unit_test(functions_of_the_vdso_are_known),
		cmocka_unit_test(startup_is_known),
	};

	return cmocka_run_group_tests_name("unwind/arm64", tests, NULL, NULL);
}
