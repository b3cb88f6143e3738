/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of real files, of this machine and of others, against what binutils' readelf makes of the
 * same call frame information: at every row's first and last byte the same CFA and the same place
 * of the frame pointer, and of the return address where that may be anywhere.
 */
#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbols/opening.h"
#include "symbols/image.h"
#include "unwind/table.h"

#define MAX_COLUMNS 40

static const char *const registers[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
					"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static int register_number(const char *name, size_t length)
{
	/* DWARF's number, with the name after it, in columns; the name alone in the CFA's. */
	if (length > 1 && *name == 'r' && isdigit(name[1]))
		return atoi(name + 1);
	for (int i = 0; i < 16; i++)
		if (strlen(registers[i]) == length && !strncmp(name, registers[i], length))
			return i;
	return -1;
}

/* One line of readelf: the address, the CFA, and a column for each register that changes. */
struct line {
	uint64_t address;
	char cfa[32], fp[16], sp[16], ra[16];
};

struct comparison;

/* How readelf calls the registers of a machine, and when a rule is what a line says. */
struct machine {
	uint16_t elf;
	const char *fp, *sp;
	bool (*agrees)(struct comparison *c, const struct line *line, struct unwind_rule rule);
	uint32_t odd; /* entries of a file, at most, whose return column is another */
};

struct comparison {
	const struct machine *machine;
	const char *path;
	struct image image;
	struct unwind_table table;
	char columns[MAX_COLUMNS][8];
	int column_count;
	bool signal; /* of the entry at hand */
	int return_column;
	uint64_t end;
	struct line common, previous; /* the CIE's; the one whose end is not known yet */
	bool have_previous;
	unsigned long rows, equal, expressions, undescribed, elsewhere, ends;
};

static bool x86_agrees(struct comparison *c, const struct line *line, struct unwind_rule rule)
{
	const char *sign = strpbrk(line->cfa, "+-");
	long offset = sign ? strtol(sign, NULL, 10) : 0;
	int number = sign ? register_number(line->cfa, (size_t)(sign - line->cfa)) : -1, fp;

	if (c->signal)
		return rule.cfa == UNWIND_SIGNAL;
	if (!strcmp(line->ra, "u"))
		return rule.cfa == UNWIND_END;
	if (strcmp(line->ra, "c-8") || (*line->sp && strcmp(line->sp, "u")) || offset % 8) {
		c->undescribed++;
		return rule.cfa == UNWIND_NONE;
	}
	if (!strcmp(line->cfa, "exp")) {
		c->expressions++;
		if (rule.cfa == UNWIND_NONE)
			c->undescribed++;
		if (rule.cfa != UNWIND_DEREF_SP && rule.cfa != UNWIND_DEREF_FP &&
		    rule.cfa != UNWIND_PLT)
			return rule.cfa == UNWIND_NONE;
	} else if (number == 7) {
		if (rule.cfa == UNWIND_SP_FAR
			    ? ((long)rule.more << 18) + rule.cfa_offset * 8 != offset
			    : rule.cfa != UNWIND_SP || rule.cfa_offset * 8 != offset)
			return false;
	} else if (number == 6) {
		if (rule.cfa != UNWIND_FP || rule.cfa_offset * 8 != offset)
			return false;
	} else if (number < 0 || rule.cfa != UNWIND_REGISTER || rule.more != number ||
		   rule.cfa_offset * 8 != offset) {
		return false;
	}
	fp = register_number(line->fp, strlen(line->fp));
	if (!*line->fp || !strcmp(line->fp, "u") || !strcmp(line->fp, "s"))
		return rule.fp == UNWIND_FP_SAME;
	if (!strncmp(line->fp, "c-", 2) || !strncmp(line->fp, "c+", 2))
		return rule.fp == UNWIND_FP_SAVED && rule.fp_offset * 8 == atol(line->fp + 1);
	if (!strcmp(line->fp, "exp")) {
		c->expressions++;
		return rule.fp == UNWIND_FP_AT_FP || rule.fp == UNWIND_FP_SAVED ||
		       rule.fp == UNWIND_FP_LOST;
	}
	return fp >= 0 ? rule.fp == UNWIND_FP_REGISTER && rule.fp_offset == fp
		       : rule.fp == UNWIND_FP_LOST;
}

static const struct machine x86 = {EM_X86_64, "rbp", "rsp", x86_agrees};

/* The offset of "c-16" from the CFA; false for anything else. */
static bool at_offset(const char *text, long *offset)
{
	if (strncmp(text, "c-", 2) != 0 && strncmp(text, "c+", 2) != 0)
		return false;
	*offset = atol(text + 1);
	return true;
}

/* "u" is what readelf prints for unchanged registers, and for those of no caller, which are few. */
static bool arm64_agrees(struct comparison *c, const struct line *line, struct unwind_rule rule)
{
	const char *sign = strpbrk(line->cfa, "+-");
	long offset = sign ? strtol(sign, NULL, 10) : 0, place;
	bool by_sp = !strncmp(line->cfa, "sp", 2), by_fp = !strncmp(line->cfa, "x29", 3);

	if (c->signal)
		return rule.cfa == UNWIND_SIGNAL;
	if (rule.cfa == UNWIND_END) {
		c->ends++;
		return !strcmp(line->ra, "u");
	}
	/* A function of glibc (rawmemchr) keeps its return address in x15. */
	if (c->return_column != 30 || !strcmp(line->ra, "exp") || !(by_sp || by_fp) ||
	    (by_fp && offset > SHRT_MAX * 8) || offset % 8) {
		c->undescribed++;
		return rule.cfa == UNWIND_NONE;
	}
	if (offset > SHRT_MAX * 8)
		return rule.cfa == UNWIND_SP_FAR &&
		       ((long)rule.more << 18) + rule.cfa_offset * 8 == offset &&
		       rule.fp_offset ==
			       (at_offset(line->ra, &place) ? (offset + place) / 8 : -1) &&
		       rule.fp == (at_offset(line->fp, &place) ? UNWIND_FP_SAVED : UNWIND_FP_SAME);
	/* _dl_runtime_resolve() counts from 16 bytes too low. */
	if (at_offset(line->ra, &place) && place == 8) {
		rule.cfa_offset = (__s16)(rule.cfa_offset - 2);
		rule.more = (__s16)(rule.more + 2);
	}
	if (rule.cfa != (by_sp ? UNWIND_SP : UNWIND_FP) || rule.cfa_offset * 8 != offset)
		return false;
	if (at_offset(line->ra, &place) ? rule.more * 8 != place
					: rule.more || (*line->ra && strcmp(line->ra, "u") != 0))
		return false;
	if (at_offset(line->fp, &place))
		return rule.fp == UNWIND_FP_SAVED && rule.fp_offset * 8 == place;
	if (!*line->fp || !strcmp(line->fp, "u"))
		return rule.fp == UNWIND_FP_SAME;
	return rule.fp == UNWIND_FP_LOST;
}

static const struct machine arm64 = {EM_AARCH64, "x29", "sp", arm64_agrees, 1};

static void compare(struct comparison *c, const struct line *line, uint64_t end)
{
	const uint64_t ends[] = {line->address, end - 1};

	if (line->address >= end)
		return;
	if (!image_executable(&c->image, line->address)) {
		c->elsewhere++;
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct unwind_rule rule;
		uint64_t offset;

		assert_true(image_offset(&c->image, ends[i], &offset));
		rule = unwind_table_find(&c->table, offset);
		c->rows++;
		if (c->machine->agrees(c, line, rule))
			c->equal++;
		else if (c->rows - c->equal < 10)
			print_message("%s: %lx: %s fp %s ra %s, but %d fp %d: %d %d %d\n", c->path,
				      ends[i], line->cfa, line->fp, line->ra, rule.cfa, rule.fp,
				      rule.cfa_offset, rule.fp_offset, rule.more);
	}
}

static void entry_end(struct comparison *c)
{
	if (c->have_previous)
		compare(c, &c->previous, c->end);
	c->have_previous = false;
}

/* "OFFSET LENGTH ID FDE cie=OFFSET pc=BEGIN..END", or CIE "AUGMENTATION" */
static bool entry_begin(struct comparison *c, const char *text)
{
	static struct {
		char offset[32];
		bool signal;
		int return_column;
		struct line line;
	} commons[4096];
	static size_t count;
	static const struct comparison *owner;
	char offset[32], cie[32] = "";
	unsigned long begin = 0, end = 0;
	const char *at;

	if (owner != c)
		count = 0;
	owner = c;
	if (c->end == UINT64_MAX && count)
		commons[count - 1].line = c->common;
	if ((at = strstr(text, " CIE \""))) {
		entry_end(c);
		assert_int_equal(sscanf(text, "%31s", offset), 1);
		assert_true(count < 4096);
		strcpy(commons[count].offset, offset);
		commons[count].return_column = atoi(strstr(at, " ra=") + 4);
		commons[count++].signal = strchr(strchr(at, '"') + 1, 'S') != NULL;
		c->end = UINT64_MAX;
		c->column_count = 0;
		return true;
	}
	if (!(at = strstr(text, " FDE cie=")))
		return false;
	entry_end(c);
	assert_int_equal(sscanf(at, " FDE cie=%31s pc=%lx..%lx", cie, &begin, &end), 3);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(commons[i].offset, cie)) {
			c->signal = commons[i].signal;
			c->return_column = commons[i].return_column;
			c->common = commons[i].line;
		}
	c->end = end;
	c->previous = c->common;
	c->previous.address = begin;
	c->have_previous = true;
	return true;
}

static void line_take(struct comparison *c, char *text)
{
	char *words[MAX_COLUMNS];
	struct line line = {};
	int count = 0;

	if (entry_begin(c, text))
		return;
	for (char *word = strtok(text, " \n"); word && count < MAX_COLUMNS;
	     word = strtok(NULL, " \n"))
		if (*word != '(')
			words[count++] = word;
	if (count >= 2 && !strcmp(words[0], "LOC")) {
		for (c->column_count = 0; c->column_count < count; c->column_count++)
			snprintf(c->columns[c->column_count], 8, "%s", words[c->column_count]);
		return;
	}
	if (count < 2 || count != c->column_count || strlen(words[0]) != 16)
		return;
	line.address = strtoull(words[0], NULL, 16);
	snprintf(line.cfa, sizeof(line.cfa), "%s", words[1]);
	for (int i = 2; i < count; i++) {
		char *to = !strcmp(c->columns[i], c->machine->fp)   ? line.fp
			   : !strcmp(c->columns[i], c->machine->sp) ? line.sp
			   : !strcmp(c->columns[i], "ra")           ? line.ra
								    : NULL;

		if (to)
			snprintf(to, sizeof(line.fp), "%s", words[i]);
	}
	if (c->end == UINT64_MAX) {
		c->common = line;
		return;
	}
	if (c->have_previous)
		compare(c, &c->previous, line.address);
	c->previous = line;
	c->have_previous = true;
}

/* Returns the number of comparisons. */
static unsigned long compare_file(int fd, const char *path, const struct machine *machine)
{
	struct comparison *c = calloc(1, sizeof(*c));
	char command[256], text[1024];
	struct error error;
	unsigned long rows, different;
	FILE *output;

	c->machine = machine;
	c->path = path;
	assert_int_equal(unwind_table_build_for(machine->elf, fd, &c->table, &error), 0);
	assert_true(unwind_table_check(c->table.words, c->table.word_count));
	assert_in_range(c->table.stats.skipped, 0, machine->odd);
	assert_int_equal(image_open(&c->image, fd), 0);
	snprintf(command, sizeof(command),
		 "LC_ALL=C readelf --debug-dump=frames-interp /proc/%d/fd/%d 2>/dev/null", getpid(),
		 fd);
	output = popen(command, "r");
	assert_non_null(output);
	while (fgets(text, sizeof(text), output))
		line_take(c, text);
	pclose(output);
	entry_end(c);
	print_message("%s: %lu of %lu places agree; expressions %lu, not described %lu\n", path,
		      c->equal, c->rows, c->expressions, c->undescribed);
	rows = c->rows;
	different = c->rows - c->equal;
	/* Code whose return address is not at the CFA - 8: longjmp's ends, context switches. */
	assert_true(c->undescribed <= rows / 500 + 4 * machine->odd);
	assert_true(c->ends * 500 <= rows);
	unwind_table_free(&c->table);
	image_close(&c->image);
	free(c);
	assert_int_equal(different, 0);
	return rows;
}

struct file {
	const char *path;
	const struct machine *machine;
	unsigned long least; /* comparisons */
};

static void file_agrees(void **state)
{
	const struct file *file = *state;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		print_message("%s: not here\n", file->path);
		skip();
	}
	assert_true(compare_file(fd, file->path, file->machine) >= file->least);
}

#if defined(__aarch64__)
#define HOST &arm64
#else
#define HOST &x86
#endif

static void vdso_agrees(void **state)
{
	int fd = file_open_vdso();

	(void)state;
	assert_true(fd >= 0);
	assert_true(compare_file(fd, "vDSO", HOST) >= 4);
}

#define FILE_AGREES(path, machine, least)                                                          \
	{                                                                                          \
		path, file_agrees, NULL, NULL, &(struct file)                                      \
		{                                                                                  \
			path, machine, least                                                       \
		}                                                                                  \
	}

/* Those of other machines come with the cross compiler. */
int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_AGREES("/lib/x86_64-linux-gnu/libc.so.6", &x86, 10000),
		FILE_AGREES("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", &x86, 10000),
		FILE_AGREES("/lib64/ld-linux-x86-64.so.2", &x86, 1000),
		FILE_AGREES("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", &x86, 10000),
		FILE_AGREES("/usr/aarch64-linux-gnu/lib/libc.so.6", &arm64, 10000),
		FILE_AGREES("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1", &arm64, 1000),
		FILE_AGREES("/usr/aarch64-linux-gnu/lib/libstdc++.so.6", &arm64, 10000),
		FILE_AGREES("/usr/bin/python3", HOST, 10000),
		FILE_AGREES("/bin/bash", HOST, 1000),
		FILE_AGREES("/proc/self/exe", HOST, 1000),
		cmocka_unit_test(vdso_agrees),
	};

	return cmocka_run_group_tests_name("unwind/readelf", tests, NULL, NULL);
}
