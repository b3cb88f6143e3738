/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "unwind/x86.h"

#define MAX_STARTUP  256 /* bytes; C libraries have 3 to 33 */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* An instruction by its first bytes; what follows them is an operand. */
struct instruction {
	uint8_t length, known;
	uint8_t bytes[4];
};

/* What makes room for one word, and what gives it back: glibc's, and musl's. */
static const struct room {
	struct instruction enter, leave;
} rooms[] = {
	{{4, 4, {0x48, 0x83, 0xec, 0x08}}, {4, 4, {0x48, 0x83, 0xc4, 0x08}}}, /* sub, add 8, rsp */
	{{1, 1, {0x50}}, {1, 1, {0x58}}},                                     /* push, pop rax */
};
static const struct instruction landing = {4, 4, {0xf3, 0x0f, 0x1e, 0xfa}}; /* endbr64 */
static const struct instruction ret = {1, 1, {0xc3}};

/* In between: "call __gmon_start__, if there is one", and calls. None of these moves the stack. */
static const struct instruction inner[] = {
	{7, 3, {0x48, 0x8b, 0x05}}, /* mov …(%rip), %rax */
	{7, 3, {0x48, 0xc7, 0xc0}}, /* mov $…, %rax, in static programs */
	{3, 3, {0x48, 0x85, 0xc0}}, /* test %rax, %rax */
	{2, 1, {0x74}},             /* je */
	{2, 2, {0xff, 0xd0}},       /* call *%rax */
	{5, 1, {0xe8}},             /* call */
	{1, 1, {0x90}},             /* nop */
};

struct code {
	uint8_t bytes[MAX_STARTUP];
	size_t size, at;
};

/* Goes on behind the instruction if it is the next. */
static bool code_skip(struct code *code, const struct instruction *instruction)
{
	if (code->size - code->at < instruction->length ||
	    memcmp(code->bytes + code->at, instruction->bytes, instruction->known) != 0)
		return false;
	code->at += instruction->length;
	return true;
}

static bool code_skip_inner(struct code *code)
{
	for (size_t i = 0; i < COUNT(inner); i++)
		if (code_skip(code, &inner[i]))
			return true;
	return false;
}

/* Whether the code is one such function to its last byte; where it has room, from `*enter` on. */
static bool is_startup(struct code *code, const struct room *room, uint64_t *enter)
{
	code->at = 0;
	code_skip(code, &landing);
	if (!code_skip(code, &room->enter))
		return false;
	*enter = code->at;
	while (code_skip_inner(code))
		;
	return code_skip(code, &room->leave) && code_skip(code, &ret) && code->at == code->size;
}

/*
 * crti.o has the first instructions of _init and _fini, crtn.o the last ones; neither has entries.
 * The first touch of most libraries' code is the first byte of _init.
 */
void x86_startup_tell(const struct image *image, const struct image_section *section,
		      const struct cfi_sink *sink)
{
	const struct unwind_rule bare = {.cfa = UNWIND_SP, .cfa_offset = 1},
				 roomy = {.cfa = UNWIND_SP, .cfa_offset = 2};
	struct code code = {.size = section->size};
	uint64_t address = section->address, offset, enter;
	size_t kind = 0;

	if (section->size > sizeof(code.bytes) || !image_offset(image, address, &offset) ||
	    !image_read(image, offset, code.bytes, code.size))
		return;
	while (kind < COUNT(rooms) && !is_startup(&code, &rooms[kind], &enter))
		kind++;
	if (kind == COUNT(rooms) || !sink->begin(sink->context, address, address + code.size))
		return;
	sink->row(sink->context, address, &bare);
	sink->row(sink->context, address + enter, &roomy);
	sink->row(sink->context, address + code.size - ret.length, &bare);
	sink->end(sink->context, true);
}
