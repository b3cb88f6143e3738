/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "unwind/tables.h"

/* The table of a file with that .eh_frame, which is freed. */
static struct unwind_table build_section(struct bytes *section, size_t code_size)
{
	struct elf_section eh_frame = {".eh_frame", section->at, section->len, .address = 0x400200};
	struct unwind_table table = build(make_elf(EM_X86_64, &eh_frame, 1, code_size));

	vec_free(section);
	return table;
}

/* Every word of a small table, worked out by hand from unwind_table.h. */
static void words_are_as_described(void **state)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct unwind_table table;
	static const uint32_t wanted[UNWIND_CHUNK] = {
		/* clang-format off */
		UNWIND_MAGIC, 4 /* rules */, 0 /* first page */, 1 /* pages */,
		0, 0,                   /* none */
		0x00010001, 0,          /* CFA = sp + 8 */
		0x00020001, 0,          /* CFA = sp + 16 */
		0x00020102, 0x0000fffe, /* CFA = fp + 16, fp at CFA - 16 */
		0, 7,                   /* the page's first row, and how many rows */
		0x00000000, 0x20000001, 0x20010002, 0x20100003, 0x20200000, 0x30000001, 0x3ff00000,
		/* clang-format on */
	};

	(void)state;
	put_fde(&section, cie, 0x402000, 0x1000 - 0x10, P(""));
	put_fde(&section, cie, 0x401000, 0x20, P("\x41\x0e\x10\x4f\x86\x02\x0d\x06"));
	table = build_section(&section, 0x2000);
	assert_int_equal(table.word_count, UNWIND_CHUNK);
	for (size_t i = 0; i < UNWIND_CHUNK; i++)
		if (table.words[i] != wanted[i])
			fail_msg("word %zu is %08x, not %08x", i, table.words[i], wanted[i]);
	unwind_table_free(&table);
}

static void offsets_and_gaps(void **state)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct unwind_table table;

	(void)state;
	/* In no order; two that only padding parts, two that more than that parts. */
	put_fde(&section, cie, 0x401100, 0x25, P("\x41\x0e\x10\x41\x0e\x08"));
	put_fde(&section, cie, 0x401030, 0x10, P(""));
	put_fde(&section, cie, 0x401130, 0x10, P(""));
	put_fde(&section, cie, 0x400100, 0x10, P(""));   /* not code */
	put_fde(&section, cie, 0x900000, 0x10, P(""));   /* nowhere */
	put_fde(&section, cie, 0x402ff0, 0x1000, P("")); /* longer than the code */
	table = build_section(&section, 0x2000);
	assert_int_equal(table.stats.fdes, 6);
	assert_int_equal(table.stats.elsewhere, 2);
	assert_int_equal(table.stats.skipped, 0);
	assert_int_equal(sp_offset(&table, 0x202f), 0);
	assert_int_equal(sp_offset(&table, 0x2030), 8);
	assert_int_equal(sp_offset(&table, 0x203f), 8);
	assert_int_equal(sp_offset(&table, 0x2040), 0);
	assert_int_equal(sp_offset(&table, 0x2100), 8);
	assert_int_equal(sp_offset(&table, 0x2101), 16);
	assert_int_equal(sp_offset(&table, 0x2102), 8);
	assert_int_equal(sp_offset(&table, 0x2124), 8);
	assert_int_equal(sp_offset(&table, 0x213f), 8);
	assert_int_equal(sp_offset(&table, 0x2140), 0);
	assert_int_equal(sp_offset(&table, 0x3fef), 0);
	assert_int_equal(sp_offset(&table, 0x3ff0), 8);
	assert_int_equal(sp_offset(&table, 0x4000), 0);
	assert_int_equal(sp_offset(&table, 1ull << 40), 0);
	/* Page start; [30 40) [100 101 102) [ff0 1000), the gap between [100 125) and [130 140) is
	 * one. */
	assert_int_equal(table.stats.rows, 9);
	unwind_table_free(&table);
}

static void the_first_of_overlapping_holds(void **state)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct unwind_table table;

	(void)state;
	put_fde(&section, cie, 0x401200, 0x100, P("\x0e\x10\x60\x0e\x18\x60\x0e\x20"));
	put_fde(&section, cie, 0x401200, 0x100, P("\x0e\x28"));
	put_fde(&section, cie, 0x401180, 0xb0, P("\x0e\x30"));
	put_fde(&section, cie, 0x401210, 0x10, P("\x0e\x38"));
	table = build_section(&section, 0x2000);
	assert_int_equal(sp_offset(&table, 0x2180), 48);
	assert_int_equal(sp_offset(&table, 0x2210), 48);
	assert_int_equal(sp_offset(&table, 0x222f), 48);
	assert_int_equal(sp_offset(&table, 0x2230), 24);
	assert_int_equal(sp_offset(&table, 0x223f), 24);
	assert_int_equal(sp_offset(&table, 0x2240), 32);
	assert_int_equal(sp_offset(&table, 0x22ff), 32);
	assert_int_equal(sp_offset(&table, 0x2300), 0);
	unwind_table_free(&table);
}

static void pages_go_on(void **state)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct unwind_table table;

	(void)state;
	/* [0x18000, 0x40000) of the file, which ends with a page; then one far away. */
	put_fde(&section, cie, 0x18000 + CODE_DELTA, 0x28000, P("\x04\x00\x80\x00\x00\x0e\x10"));
	put_fde(&section, cie, 0x70001 + CODE_DELTA, 0x8, P(""));
	table = build_section(&section, 0x100000);
	assert_int_equal(table.words[2], 1);
	assert_int_equal(table.stats.pages, 7);
	/* 10000: none, 8; 20000: 16 at once; 30000: 16; 40000, 50000, 60000: none; 70000: none, 8,
	 * none */
	assert_int_equal(table.stats.rows, 10);
	assert_int_equal(sp_offset(&table, 0x17fff), 0);
	assert_int_equal(sp_offset(&table, 0x18000), 8);
	assert_int_equal(sp_offset(&table, 0x1ffff), 8);
	assert_int_equal(sp_offset(&table, 0x20000), 16);
	assert_int_equal(sp_offset(&table, 0x30000), 16);
	assert_int_equal(sp_offset(&table, 0x3ffff), 16);
	assert_int_equal(sp_offset(&table, 0x40000), 0);
	assert_int_equal(sp_offset(&table, 0x70000), 0);
	assert_int_equal(sp_offset(&table, 0x70001), 8);
	assert_int_equal(sp_offset(&table, 0x70008), 8);
	assert_int_equal(sp_offset(&table, 0x70009), 0);
	unwind_table_free(&table);
}

static void rules_find_no_place(void **state)
{
	struct bytes section = {}, program = {};
	size_t cie = put_plain_cie(&section);
	struct unwind_table table;

	(void)state;
	for (uint32_t i = 0; i < 70000; i++) {
		put(&program, 1, 0x0e);
		put_uleb(&program, 8 * (i % 30000 + 1));
		put(&program, 1, 0x86);
		put_uleb(&program, i / 30000 + 2);
		put(&program, 1, 0x41);
	}
	put_fde(&section, cie, 0x401000, 70000, program.at, program.len);
	vec_free(&program);
	table = build_section(&section, 0x20000);
	assert_int_equal(table.stats.rules, 65536);
	/* All but the first, which is none; 70001 states make rows, the last at the end. */
	assert_int_equal(table.stats.lost, 70000 - 65535);
	assert_int_equal(sp_offset(&table, 0x2000 + 65534), 8 * 5535);
	assert_int_equal(sp_offset(&table, 0x2000 + 65535), 0);
	assert_int_equal(sp_offset(&table, 0x2000 + 69999), 0);
	unwind_table_free(&table);
}

static void files_without_tables(void **state)
{
	struct elf_section empty = {".eh_frame", "", 0}, none = {".text", "x", 1};
	const uint16_t machines[] = {EM_X86_64, EM_X86_64, EM_386};
	struct unwind_table untouched = {(uint32_t *)1, 2, {}};
	struct bytes section = {};
	struct error error;
	int fd;

	(void)state;
	put_fde(&section, put_plain_cie(&section), 0x401000, 0x10, P(""));
	for (int i = 0; i < 3; i++) {
		struct elf_section foreign = {".eh_frame", section.at, section.len};
		struct elf_section *sections[] = {&empty, &none, &foreign};
		struct unwind_table table = build(make_elf(machines[i], sections[i], 1, 0x1000));

		assert_int_equal(table.word_count, UNWIND_CHUNK);
		assert_int_equal(table.stats.pages, 0);
		assert_int_equal(table.stats.rules, 1);
		assert_int_equal(table.stats.rows, 0);
		assert_int_equal(sp_offset(&table, 0x2000), 0);
		unwind_table_free(&table);
	}
	vec_free(&section);
	fd = memfd_create("strait-test", MFD_CLOEXEC);
	assert_int_equal(write(fd, "text", 4), 4);
	assert_int_equal(unwind_table_build(fd, &untouched, &error), -ENOEXEC);
	assert_ptr_equal(untouched.words, (uint32_t *)1);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 4); /* still open */
	close(fd);
}

/* A table with every kind of rule and two pages. */
static struct unwind_table varied_table(void)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);

	put_fde(&section, cie, 0x401000, 0x20, P("\x41\x0c\x0a\x08\x41\x09\x06\x03"));
	put_fde(&section, cie, 0x401100, 0x20000,
		P("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"));
	put_fde(&section, cie, 0x440000, 0x10, P("\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00"));
	return build_section(&section, 0x50000);
}

/* Where the second word of such a rule is. */
static uint32_t second_word(const struct unwind_table *table, uint8_t cfa, uint8_t fp)
{
	for (uint32_t i = 0; i < table->words[1]; i++) {
		const uint32_t word = UNWIND_HEADER + 2 * i;

		if ((table->words[word] & 0xffff) == (cfa | (uint32_t)fp << 8))
			return word + 1;
	}
	fail_msg("no such rule");
	return 0;
}

static void faults_of_tables_are_seen(void **state)
{
	struct unwind_table good = varied_table();
	const uint32_t rules = good.words[1], pages = good.words[3];
	const uint32_t first_page = UNWIND_HEADER + 2 * rules, rows = first_page + pages + 1;
	const uint32_t end = rows + good.stats.rows;
	const struct {
		uint32_t word, value;
	} faults[] = {
		{0, UNWIND_MAGIC + 1},
		{1, 0},
		{1, 65537},
		{1, rules + 1},
		{1, 60000},
		{2, 65536},
		{3, pages + 1},
		{3, UINT32_MAX},
		{UNWIND_HEADER, UNWIND_SP},
		{UNWIND_HEADER + 1, 1},
		{UNWIND_HEADER + 2, 0x0001000a}, /* no such CFA */
		{UNWIND_HEADER + 2, 0x00010501}, /* no such fp */
		{second_word(&good, UNWIND_REGISTER, UNWIND_FP_SAME), 16u << 16},
		{second_word(&good, UNWIND_REGISTER, UNWIND_FP_SAME), 0xffffu << 16},
		{second_word(&good, UNWIND_REGISTER, UNWIND_FP_REGISTER), 10u << 16 | 16},
		{second_word(&good, UNWIND_PLT, UNWIND_FP_SAME), 16u << 16},
		{first_page, 1},
		{first_page + 1, 0},
		{first_page + 1, UINT32_MAX},
		{first_page + pages, good.stats.rows + 1},
		{first_page + pages, 0},
		{rows, 0x00010000},
		{rows, rules},
		{rows + 2, good.words[rows + 1]},
		{end - 1, 0xffff},
		{end, 1},
		{UNWIND_CHUNK - 1, 1},
	};

	(void)state;
	assert_true(pages >= 4);
	assert_false(unwind_table_check(good.words, 0));
	assert_false(unwind_table_check(good.words, UNWIND_CHUNK - 1));
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		uint32_t kept = good.words[faults[i].word];

		good.words[faults[i].word] = faults[i].value;
		if (unwind_table_check(good.words, good.word_count))
			fail_msg("fault %zu is not seen", i);
		good.words[faults[i].word] = kept;
		assert_true(unwind_table_check(good.words, good.word_count));
	}
	unwind_table_free(&good);
}

/* Builds from damaged bytes; whatever comes out is a table that keeps to its form. */
static void build_damaged(const uint8_t *bytes, size_t length)
{
	int fd = memfd_create("strait-test", MFD_CLOEXEC);
	struct unwind_table table = {};
	struct error error;

	assert_int_equal(write(fd, bytes, length), length);
	if (!unwind_table_build(fd, &table, &error))
		assert_true(unwind_table_check(table.words, table.word_count));
	unwind_table_free(&table);
	close(fd);
}

static void damaged_files_do_no_harm(void **state)
{
	struct bytes section = {};
	size_t cie = put_cie(&section, "zPLR", "\x1b\x01\x02\x03\x04\x1b\x04", 7), length;
	uint8_t *bytes, *copy;
	struct elf_section eh_frame;
	int fd;

	(void)state;
	put_fde(&section, cie, 0x401000, 0x20, P("\x41\x0e\x10\x86\x02\x4f\x0a\x0d\x06\x41\x0b"));
	put_fde(&section, cie, 0x401080, 0x20,
		P("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22"));
	put_fde(&section, cie, 0x401100, 0x20, P("\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00"));
	eh_frame = (struct elf_section){".eh_frame", section.at, section.len, .address = 0x400200};
	fd = make_elf(EM_X86_64, &eh_frame, 1, 0x40);
	length = (size_t)lseek(fd, 0, SEEK_END);
	bytes = malloc(length);
	copy = malloc(length);
	assert_int_equal(pread(fd, bytes, length, 0), length);
	close(fd);
	for (size_t cut = 0; cut < length; cut += cut < 0x2000 ? 97 : 1)
		build_damaged(bytes, cut);
	for (size_t at = 0; at < length; at++) {
		/* Between the headers and the code there is nothing. */
		if (at == 0x100)
			at = 0x2000;
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, bytes, length);
			copy[at] ^= (uint8_t)(1 << bit);
			build_damaged(copy, length);
		}
		memcpy(copy, bytes, length);
		memset(copy + at, 0xff, length - at < 8 ? length - at : 8);
		build_damaged(copy, length);
	}
	vec_free(&section);
	free(bytes);
	free(copy);
}

/* How many rules of a file's table tell where the base register is. */
static size_t bases_in(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct unwind_table table = {};
	size_t count = 0;
	struct error error;

	if (fd < 0)
		skip();
	assert_int_equal(unwind_table_build(fd, &table, &error), 0);
	for (uint32_t i = 0; i < table.words[1]; i++) {
		struct unwind_rule rule;

		memcpy(&rule, table.words + UNWIND_HEADER + 2 * i, sizeof(rule));
		count += rule.base_saved;
	}
	assert_true(unwind_table_check(table.words, table.word_count));
	unwind_table_free(&table);
	close(fd);
	return count;
}

/* The dynamic linker finds frames by it (_dl_runtime_resolve), the C library none. */
static void the_base_is_followed_where_it_is_needed(void **state)
{
	(void)state;
	assert_true(bases_in("/lib64/ld-linux-x86-64.so.2") > 0);
	assert_int_equal(bases_in("/lib/x86_64-linux-gnu/libc.so.6"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_is_followed_where_it_is_needed),
		cmocka_unit_test(words_are_as_described),
		cmocka_unit_test(offsets_and_gaps),
		cmocka_unit_test(the_first_of_overlapping_holds),
		cmocka_unit_test(pages_go_on),
		cmocka_unit_test(rules_find_no_place),
		cmocka_unit_test(files_without_tables),
		cmocka_unit_test(faults_of_tables_are_seen),
		cmocka_unit_test(damaged_files_do_no_harm),
	};

	return cmocka_run_group_tests_name("unwind/table", tests, NULL, NULL);
}
