/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of programs of Go, which says less of its code than others. */
#include <fcntl.h>
#include <zlib.h>

#include "symbols/fixture.h"
#include "unwind/tables.h"

/* A .debug_frame as Go's compiler writes it, compressed as its linker does. */
static struct bytes go_frames(void)
{
	struct bytes section = {}, body = {};
	static const struct {
		uint64_t begin, length;
		const char *program;
		size_t size;
	} entries[] = {
		{0x401000, 0x40, P("\x13\x7e\x44\x13\x74\x60\x13\x7e")}, /* a frame of 40 bytes */
		{0x401040, 7, P("\x13\x7e")},                            /* runtime.goexit */
		{0x401060, 6, P("\x13\x7e")},                            /* runtime.mstart */
		{0x401080, 7, P("\x13\x7e")},                            /* neither */
	};

	put(&body, 4, UINT32_MAX);
	put_all(&body, P("\x03\x00\x01\x7c\x10\x0c\x07\x08\x05\x10\x02"));
	put_entry(&section, &body, false);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		put(&body, 4, 0);
		put(&body, 8, entries[i].begin);
		put(&body, 8, entries[i].length);
		put_all(&body, entries[i].program, entries[i].size);
		put_entry(&section, &body, false);
	}
	return section;
}

static void go_is_understood(void **state)
{
	(void)state;
	for (int go = 0; go < 2; go++) {
		struct bytes section = go_frames();
		uLongf packed_size = compressBound(section.len);
		Elf64_Chdr head = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = section.len};
		uint8_t *packed = malloc(sizeof(head) + packed_size);
		struct elf_section sections[] = {{".debug_frame", packed, 0, SHF_COMPRESSED},
						 {go ? ".gopclntab" : ".other", "", 0}};
		struct unwind_table table;
		struct unwind_rule rule;
		int fd;

		memcpy(packed, &head, sizeof(head));
		assert_int_equal(
			compress(packed + sizeof(head), &packed_size, section.at, section.len),
			Z_OK);
		sections[0].size = sizeof(head) + packed_size;
		fd = make_elf(EM_X86_64, sections, 2, 0x1000);
		assert_int_equal(pwrite(fd, "\x90\xe8\0\0\0\0\x90", 7, 0x2040), 7);
		assert_int_equal(pwrite(fd, "\xe8\0\0\0\0\xc3", 6, 0x2060), 6);
		assert_int_equal(pwrite(fd, "\xe8\0\0\0\0\x90\xc3", 7, 0x2080), 7);
		table = build(fd);
		assert_int_equal(table.stats.fdes, 4);
		assert_int_equal(sp_offset(&table, 0x2003), 8);
		assert_int_equal(unwind_table_find(&table, 0x2003).fp, UNWIND_FP_SAME);
		rule = unwind_table_find(&table, 0x2004);
		assert_int_equal(rule.cfa_offset, 6);
		assert_int_equal(rule.fp, go ? UNWIND_FP_SAVED : UNWIND_FP_SAME);
		assert_int_equal(rule.fp_offset, go ? -2 : 0);
		assert_int_equal(sp_offset(&table, 0x2024), 8);
		assert_int_equal(unwind_table_find(&table, 0x2041).cfa,
				 go ? UNWIND_END : UNWIND_SP);
		assert_int_equal(unwind_table_find(&table, 0x2065).cfa,
				 go ? UNWIND_END : UNWIND_SP);
		assert_int_equal(unwind_table_find(&table, 0x2085).cfa, UNWIND_SP);
		unwind_table_free(&table);
		vec_free(&section);
		free(packed);
	}
}

/* Stripped it has no entries: the runtime's table tells the same. Go 1.20's form, by hand. */
static void go_is_understood_when_stripped(void **state)
{
	/* Four functions; their values at 188, the rows at 72 and the functions behind them. */
	static const uint64_t head[] = {4, 0, 0x401000, 0, 0, 0, 188, 72};
	static const uint32_t begins[] = {0, 0x40, 0x60, 0x80}, values[] = {1, 8, 8, 8};
	struct bytes section = {};
	struct elf_section sections[] = {{".gopclntab", NULL, 0}};
	struct unwind_table table;
	struct unwind_rule rule;
	uint8_t padding[0x80];
	int fd;

	(void)state;
	put(&section, 4, 0xfffffff1);
	put_all(&section, P("\x00\x00\x01\x08"));
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		put(&section, 8, head[i]);
	for (uint32_t i = 0; i < 4; i++) {
		put(&section, 4, begins[i]);
		put(&section, 4, 36 + 20 * i);
	}
	put(&section, 4, 0xa0);
	for (size_t i = 0; i < 4; i++) {
		put(&section, 4, begins[i]);
		put_all(&section, P("\0\0\0\0\0\0\0\0\0\0\0\0"));
		put(&section, 4, values[i]);
	}
	assert_int_equal(section.len, 188);
	/* 4 bytes of code, 32 with a frame of 40 bytes, 28; and 32 bytes. */
	put_all(&section, P("\x00\x02\x04\x50\x20\x4f\x1c\x00\x02\x20\x00"));
	sections[0].bytes = section.at;
	sections[0].size = section.len;
	fd = make_elf(EM_X86_64, sections, 1, 0x1000);
	memset(padding, 0xcc, sizeof(padding));
	assert_int_equal(pwrite(fd, padding, sizeof(padding), 0x2040), sizeof(padding));
	assert_int_equal(pwrite(fd, "\x90\xe8\0\0\0\0\x90", 7, 0x2040), 7);
	assert_int_equal(pwrite(fd, "\xe8\0\0\0\0\xc3", 6, 0x2060), 6);
	assert_int_equal(pwrite(fd, "\xe8\0\0\0\0\x90\xc3", 7, 0x2080), 7);
	table = build(fd);
	assert_int_equal(sp_offset(&table, 0x2003), 8);
	assert_int_equal(unwind_table_find(&table, 0x2003).fp, UNWIND_FP_SAME);
	rule = unwind_table_find(&table, 0x2004);
	assert_int_equal(rule.cfa_offset, 6);
	assert_int_equal(rule.fp, UNWIND_FP_SAVED);
	assert_int_equal(rule.fp_offset, -2);
	assert_int_equal(sp_offset(&table, 0x2024), 8);
	assert_int_equal(unwind_table_find(&table, 0x2041).cfa, UNWIND_END);
	assert_int_equal(unwind_table_find(&table, 0x2065).cfa, UNWIND_END);
	assert_int_equal(unwind_table_find(&table, 0x2085).cfa, UNWIND_SP);
	assert_int_equal(unwind_table_find(&table, 0x20a0).cfa, UNWIND_NONE);
	unwind_table_free(&table);
	vec_free(&section);
}

/* What Go's linker writes of a program, and what is made of it without that, byte by byte. */
static void both_tables_agree(const char *architecture, uint16_t machine)
{
	struct unwind_table whole = {}, stripped = {};
	uint64_t described = 0, apart = 0, left_out = 0, roots = 0;
	struct error error;
	char command[512];
	int fds[2];

	fixture_write("a.go", "package main\nimport \"fmt\"\nfunc main() { fmt.Println(1) }\n");
	snprintf(command, sizeof(command),
		 "command -v go >/dev/null && export HOME=$PWD GOCACHE=$PWD/cache GOARCH=%s "
		 "CGO_ENABLED=0 GOFLAGS=-mod=mod && unset ASAN_OPTIONS && "
		 "go build -o whole a.go >go.log 2>&1 && "
		 "go build -ldflags='-s -w' -o stripped a.go >go.log 2>&1",
		 architecture);
	if (system(command)) {
		print_message("no go that works here: left out\n");
		return;
	}
	fds[0] = open("whole", O_RDONLY);
	fds[1] = open("stripped", O_RDONLY);
	assert_int_equal(unwind_table_build_for(machine, fds[0], &whole, &error), 0);
	assert_int_equal(unwind_table_build_for(machine, fds[1], &stripped, &error), 0);
	for (uint64_t offset = 0x1000; offset < 0x80000; offset++) {
		struct unwind_rule a = unwind_table_find(&whole, offset);
		struct unwind_rule b = unwind_table_find(&stripped, offset);

		described += a.cfa != UNWIND_NONE;
		roots += b.cfa == UNWIND_END;
		/* On aarch64 the linker marks all functions that nothing calls, not these two. */
		if (machine == EM_AARCH64 && a.cfa == UNWIND_END)
			continue;
		if (a.cfa == UNWIND_NONE || !memcmp(&a, &b, sizeof(a)))
			continue;
		apart++;
		left_out += b.cfa == UNWIND_NONE;
	}
	print_message("%s: %lu bytes of code described, %lu otherwise when stripped\n",
		      architecture, described, apart);
	assert_in_range(described, 100000, 0x80000);
	assert_in_range(roots, 12, 96); /* two functions, with padding */
	assert_int_equal(apart, left_out);
	/* aarch64: runtime.asyncPreempt, which in the end puts its stack above where it began. */
	assert_in_range(left_out, 0, machine == EM_AARCH64 ? 64 : 0);
	unwind_table_free(&whole);
	unwind_table_free(&stripped);
	close(fds[0]);
	close(fds[1]);
}

static void both_tables_of_a_program_agree(void **state)
{
	(void)state;
	both_tables_agree("amd64", EM_X86_64);
	both_tables_agree("arm64", EM_AARCH64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_is_understood),
		cmocka_unit_test(go_is_understood_when_stripped),
		cmocka_unit_test(both_tables_of_a_program_agree),
	};

	return cmocka_run_group_tests_name("unwind/table_go", tests, fixture_make, fixture_remove);
}
