/* SPDX-License-Identifier: BSD-2-Clause */
/* Code of x86-64 that no entry describes, known by its instructions. */
#include <fcntl.h>

#include "unwind/tables.h"

#include "symbols/image.h"

/* The table of a file whose .init is `size` bytes at `address`, and has this code. */
static struct unwind_table build_startup(uint64_t address, uint64_t size, const char *code,
					 size_t length)
{
	/* What the section's header says of its place in the file is not what runs. */
	char zero[512] = {};
	struct elf_section init = {".init", zero, size, .address = address};
	int fd = make_elf(EM_X86_64, &init, 1, 0x1000);

	assert_int_equal(pwrite(fd, code, length, CODE_OFFSET), length);
	return build(fd);
}

#define ENTER "\x48\x83\xec\x08"
#define LEAVE "\x48\x83\xc4\x08\xc3"
#define GMON  "\x48\x8b\x05\xbd\xaf\x01\x00\x48\x85\xc0\x74\x02\xff\xd0"

static const struct {
	const char *what, *code;
	size_t length;
	int enter; /* bytes until there is room, 0 = is not known */
} cases[] = {
	{"glibc", P(ENTER GMON LEAVE), 4},
	{"glibc, _fini", P(ENTER LEAVE), 4},
	{"with a landing pad", P("\xf3\x0f\x1e\xfa" ENTER GMON LEAVE), 8},
	{"static", P(ENTER "\x48\xc7\xc0\0\0\0\0\x48\x85\xc0\x74\x02\xff\xd0" LEAVE), 4},
	{"calls", P(ENTER GMON "\xe8\x01\x02\x03\x04\x90\xe8\xff\xff\xff\xff" LEAVE), 4},
	{"musl", P("\x50\x58\xc3"), 1},
	{"musl, calls", P("\x50\xe8\x01\x02\x03\x04\x58\xc3"), 1},
	{"nothing", P(""), 0},
	{"more room", P("\x48\x83\xec\x18\x48\x83\xc4\x18\xc3"), 0},
	{"one and the other", P(ENTER "\x58\xc3"), 0},
	{"another push", P(ENTER "\x53\x5b" LEAVE), 0},
	{"no return", P(ENTER GMON "\x48\x83\xc4\x08"), 0},
	{"no end", P(ENTER GMON), 0},
	{"more behind the end", P(ENTER LEAVE "\x90"), 0},
	{"an operand is cut", P(ENTER "\xe8\x48\x83"), 0},
	{"all of it a call", P(ENTER "\xe8" LEAVE), 0},
};

static void startup_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = cases[i].length, enter = (size_t)cases[i].enter;
		struct unwind_table table =
			build_startup(CODE_ADDRESS, length, cases[i].code, length);

		for (size_t at = 0; at <= length; at++) {
			int wanted = at < enter || at + 1 == length ? 8 : 16;

			if (!enter || at == length)
				wanted = 0;
			if (sp_offset(&table, CODE_OFFSET + at) != wanted)
				fail_msg("%s: %d at byte %zu", cases[i].what,
					 sp_offset(&table, CODE_OFFSET + at), at);
		}
		unwind_table_free(&table);
	}
}

/* Larger than any, beyond the file, where no code is. */
static void impossible_sections_have_no_rules(void **state)
{
	static const struct {
		uint64_t address, size;
	} places[] = {{CODE_ADDRESS, 300},
		      {CODE_ADDRESS + 0x1000 - 4, 9},
		      {0x900000, 9},
		      {UINT64_MAX - 2, 9},
		      {0x400000, 9}};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct unwind_table table =
			build_startup(places[i].address, places[i].size, P(ENTER LEAVE));

		assert_int_equal(table.stats.pages, 0);
		unwind_table_free(&table);
	}
}

/* The entry that a file has for the same place holds. */
static void entries_come_first(void **state)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	char code[] = ENTER LEAVE;
	struct elf_section parts[2] = {
		{".init", code, sizeof(code) - 1, .address = CODE_ADDRESS},
		{".eh_frame", .address = 0x400200},
	};
	struct unwind_table table;
	int fd;

	(void)state;
	put_fde(&section, cie, CODE_ADDRESS, sizeof(code) - 1, P("\x0e\x20"));
	parts[1].bytes = section.at;
	parts[1].size = section.len;
	fd = make_elf(EM_X86_64, parts, 2, 0x1000);
	assert_int_equal(pwrite(fd, code, sizeof(code) - 1, CODE_OFFSET), sizeof(code) - 1);
	table = build(fd);
	assert_int_equal(sp_offset(&table, CODE_OFFSET + 5), 32);
	unwind_table_free(&table);
	vec_free(&section);
}

/* A file of this machine's compiler and C library: this test. */
static void own_startup_is_known(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct unwind_table table;
	struct image image;

	(void)state;
#ifndef __x86_64__
	skip();
#endif
	assert_int_equal(image_open(&image, fd), 0);
	table = build(dup(fd));
	for (int i = 0; i < 2; i++) {
		const struct image_section *section = image_section(&image, i ? ".fini" : ".init");

		assert_non_null(section);
		assert_int_equal(sp_offset(&table, section->offset), 8);
		assert_int_equal(sp_offset(&table, section->offset + section->size - 2), 16);
		assert_int_equal(sp_offset(&table, section->offset + section->size - 1), 8);
	}
	image_close(&image);
	unwind_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(startup_is_known),
		cmocka_unit_test(impossible_sections_have_no_rules),
		cmocka_unit_test(entries_come_first),
		cmocka_unit_test(own_startup_is_known),
	};

	return cmocka_run_group_tests_name("unwind/x86", tests, NULL, NULL);
}
