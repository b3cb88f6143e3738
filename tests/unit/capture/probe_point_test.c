/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/probe_point.h"

/* In memory of its own size, so that what is read behind it is seen. */
static struct probe_point find(const void *code, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	struct probe_point point;

	assert_non_null(copy);
	memcpy(copy, code, length);
	point = probe_point_find(copy, length);
	free(copy);
	return point;
}

struct entry {
	const char *what;
	size_t length;
	uint8_t code[16];
	uint32_t ahead, depth;
	bool stepped;
};

static void begins_of_known_functions(void **state)
{
	static const struct entry entries[] = {
		{"push %r12", 2, {0x41, 0x54}, 0, 0, false},
		{"push %rbx", 1, {0x53}, 0, 0, false},
		{"endbr64; push %rbx", 5, {0xf3, 0x0f, 0x1e, 0xfa, 0x53}, 4, 0, false},
		{"test %rdi,%rdi; je", 5, {0x48, 0x85, 0xff, 0x74, 0x10}, 3, 0, false},
		{"cmp $0x1000,%rdi; ja far",
		 13,
		 {0x48, 0x81, 0xff, 0, 0x10, 0, 0, 0x0f, 0x87, 0x93, 0, 0, 0},
		 7,
		 0,
		 false},
		{"cmpb $0,x(%rip); push %r12",
		 9,
		 {0x80, 0x3d, 1, 2, 3, 4, 0, 0x41, 0x54},
		 7,
		 0,
		 false},
		{"mov %rdi,%rax; jmp", 5, {0x48, 0x89, 0xf8, 0xeb, 0}, 3, 0, false},
		{"sub $0x18,%rsp; test; je",
		 9,
		 {0x48, 0x83, 0xec, 0x18, 0x48, 0x85, 0xff, 0x74, 0},
		 7,
		 24,
		 false},
		{"sub $0x1000,%rsp; nop",
		 8,
		 {0x48, 0x81, 0xec, 0, 0x10, 0, 0, 0x90},
		 7,
		 4096,
		 false},
		{"xor %eax,%eax; push", 3, {0x31, 0xc0, 0x50}, 2, 0, false},
		{"mov $1,%eax; push", 6, {0xb8, 1, 0, 0, 0, 0x50}, 5, 0, false},
		{"movabs $1,%r11; push",
		 11,
		 {0x49, 0xbb, 1, 0, 0, 0, 0, 0, 0, 0, 0x50},
		 10,
		 0,
		 false},
		{"nopw 0(%rax,%rax); push",
		 10,
		 {0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x53},
		 9,
		 0,
		 false},
		{"lea 7(%rdi),%rax; jmp", 6, {0x48, 0x8d, 0x47, 7, 0xeb, 0}, 4, 0, false},
		{"mov %rdi,8(%rsp); push", 6, {0x48, 0x89, 0x7c, 0x24, 8, 0x53}, 5, 0, false},
		/* From here on something that matters is gone before, or nobody knows. */
		{"mov %rsi,%rdi; push", 4, {0x48, 0x89, 0xf7, 0x53}, 0, 0, true},
		{"mov (%rax),%rdx; push", 4, {0x48, 0x8b, 0x10, 0x53}, 0, 0, true},
		{"xor %esi,%esi; push", 3, {0x31, 0xf6, 0x53}, 0, 0, true},
		{"xor (%rax),%edi; push", 3, {0x33, 0x38, 0x53}, 0, 0, true},
		{"mov $1,%edi; push", 6, {0xbf, 1, 0, 0, 0, 0x53}, 0, 0, true},
		{"mov $1,%rdi; push", 8, {0x48, 0xc7, 0xc7, 1, 0, 0, 0, 0x53}, 0, 0, true},
		{"add $8,%rdi; push", 5, {0x48, 0x83, 0xc7, 8, 0x53}, 0, 0, true},
		{"add $8,%rsp; push", 5, {0x48, 0x83, 0xc4, 8, 0x53}, 0, 0, true},
		{"lea 8(%rsp),%rsp; push", 6, {0x48, 0x8d, 0x64, 0x24, 8, 0x53}, 0, 0, true},
		{"sub $-8,%rsp; push", 5, {0x48, 0x83, 0xec, 0xf8, 0x53}, 0, 0, true},
		{"16-bit push", 2, {0x66, 0x53}, 0, 0, true},
		{"16-bit jump", 6, {0x66, 0xe9, 0, 0, 0, 0}, 0, 0, true},
		{"push of 8 bytes, spelled long", 2, {0x48, 0x53}, 0, 0, true},
		{"ret", 1, {0xc3}, 0, 0, true},
		{"mov %fs:0x28,%rax", 9, {0x64, 0x48, 0x8b, 4, 0x25, 0x28, 0, 0, 0}, 0, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const struct entry *entry = &entries[i];
		struct probe_point point = find(entry->code, entry->length);

		if (point.ahead != entry->ahead || point.depth != entry->depth ||
		    point.stepped != entry->stepped)
			fail_msg("%s: %u ahead, depth %u, %s", entry->what, point.ahead,
				 point.depth, point.stepped ? "stepped" : "emulated");
	}
}

/* Cut anywhere, an instruction that is not all there is not one. */
static void code_that_is_cut(void **state)
{
	static const uint8_t code[] = {0x48, 0x81, 0xff, 0, 0x10, 0, 0, 0x0f, 0x87, 0x93, 0, 0, 0};

	(void)state;
	for (size_t length = 0; length < sizeof(code); length++)
		assert_true(find(code, length).stepped);
	assert_false(find(code, sizeof(code)).stepped);
}

static void any_bytes_will_do(void **state)
{
	uint8_t code[PROBE_CODE + 16] = {};
	uint32_t found = 0;

	(void)state;
	srandom(4711);
	for (int i = 0; i < 200000; i++) {
		size_t length = (size_t)random() % sizeof(code);
		struct probe_point point;

		for (size_t j = 0; j < length; j++)
			code[j] = (uint8_t)random();
		/* Much of what is known begins so. */
		if (length && i % 2)
			code[0] = 0x48;
		point = find(code, length);
		assert_true(point.stepped ? !point.ahead && !point.depth
					  : point.ahead < length && point.ahead < PROBE_CODE);
		assert_in_range(point.depth, 0, 65535);
		found += !point.stepped;
	}
	assert_in_range(found, 1000, 150000);
}

/* ---- against a disassembler ---- */

struct function {
	uint8_t code[PROBE_CODE];
	char name[PROBE_CODE][16]; /* of the instruction that begins there, "" = none does */
	size_t length;
};

static void check_function(const struct function *function, uint32_t counts[2])
{
	struct probe_point point;
	const char *name;

	if (!function->length)
		return;
	point = find(function->code, function->length);
	name = function->name[point.ahead];
	counts[point.stepped]++;
	if (!point.stepped && *name != 'j' && strcmp(name, "push") != 0 &&
	    strcmp(name, "call") != 0 && strcmp(name, "nop") != 0 && strcmp(name, "xchg") != 0)
		fail_msg("%u bytes ahead there is '%s'", point.ahead, name);
}

/* "  98930:\t41 54                \tpush   %r12" */
static void take_line(struct function *function, const char *line)
{
	const char *bytes = strchr(line, '\t'), *name = bytes ? strchr(bytes + 1, '\t') : NULL;
	size_t at = function->length;
	unsigned int byte;
	int used;

	if (!name || at >= PROBE_CODE)
		return;
	sscanf(name + 1, "%15s", function->name[at]);
	for (bytes++; function->length < PROBE_CODE && bytes < name &&
		      sscanf(bytes, " %2x%n", &byte, &used) == 1;
	     bytes += used)
		function->code[function->length++] = (uint8_t)byte;
}

static void every_function_of_the_c_library(void **state)
{
	/* That this test itself has mapped. */
	FILE *objdump = popen("objdump -d -w $(sed -n 's/.* r-xp .* \\(.*libc\\.so.*\\)/\\1/p' "
			      "/proc/$PPID/maps) 2>/dev/null",
			      "r");
	struct function function = {};
	uint32_t counts[2] = {};
	char line[1024];

	(void)state;
	assert_non_null(objdump);
	while (fgets(line, sizeof(line), objdump)) {
		if (line[0] != ' ' && strstr(line, ">:")) {
			check_function(&function, counts);
			memset(&function, 0, sizeof(function));
		} else if (line[0] == ' ') {
			take_line(&function, line);
		}
	}
	check_function(&function, counts);
	pclose(objdump);
	if (!(counts[0] + counts[1]))
		skip();
	assert_in_range(counts[0], 50, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_of_known_functions),
		cmocka_unit_test(code_that_is_cut),
		cmocka_unit_test(any_bytes_will_do),
		cmocka_unit_test(every_function_of_the_c_library),
	};

	return cmocka_run_group_tests_name("capture/probe_point", tests, NULL, NULL);
}
