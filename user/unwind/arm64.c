/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <stdlib.h>

#include "symbols/section.h"
#include "unwind/arm64.h"

/* Instructions, which are little endian always. */
#define PUSH      0xa9bf7bf0u /* stp x16, x30, [sp, #-16]! */
#define SIGRETURN 0xd2801168u /* mov x8, #139 */
#define CALL      0xd4000001u /* svc #0 */
#define NOP       0xd503201fu
#define NOP_FILL  0x1f2003d5u /* as linker scripts write it */
#define WIDTH     4

/* Frame records: stp x29, x30, [sp, #-n]! and ldp x29, x30, [sp], #n; n / 8 in bits 15 to 21. */
#define RECORD_MASK 0xffc07fffu
#define RECORD_PUSH 0xa9807bfdu
#define RECORD_POP  0xa8c07bfdu
#define RETURN      0xd65f03c0u
/* add or sub sp, sp, #n */
#define ADJUST_MASK 0xbf8003ffu
#define ADJUST      0x910003ffu

#define BRANCH_MASK 0xfc000000u /* bl */
#define BRANCH      0x94000000u
#define GO_NOP      0xaa0003e0u /* mov x0, x0 */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define MAX_SECTION (16u << 20)
/* The kernel's vDSO has a page or two, musl's C library 400 KiB; nothing else returns so. */
#define MAX_SEGMENT   (1u << 20)
#define MAX_FUNCTIONS 64 /* of the vDSO: some five */
#define MAX_STARTUP   64 /* instructions; C libraries have 3 to 8 */

/*
 * Linkers do not describe the entries of procedure linkage tables: they jump on, with everything as
 * it was at the call. The first one, for what is not bound yet, pushes two words for the dynamic
 * linker, the return address among them.
 */
static void plt_tell(const struct image *image, const struct cfi_sink *sink)
{
	const struct unwind_rule called = {.cfa = UNWIND_SP},
				 pushed = {.cfa = UNWIND_SP, .cfa_offset = 2, .more = -1};
	const struct image_section *plt = image_section(image, ".plt");
	uint32_t code[2];
	uint64_t after = 0;

	if (!plt || plt->size < sizeof(code) || plt->size > MAX_SECTION ||
	    plt->address + plt->size < plt->address ||
	    !image_read(image, plt->offset, code, sizeof(code)))
		return;
	if (code[0] == PUSH)
		after = WIDTH;
	else if (code[1] == PUSH) /* where a landing pad comes first (BTI) */
		after = 2 * WIDTH;
	if (!sink->begin(sink->context, plt->address, plt->address + plt->size))
		return;
	sink->row(sink->context, plt->address, &called);
	if (after) {
		sink->row(sink->context, plt->address + after, &pushed);
		sink->row(sink->context, plt->address + 8 * WIDTH, &called);
	}
	sink->end(sink->context, true);
}

/* The words of an executable segment, and where they lie. */
struct code {
	const uint32_t *words;
	uint64_t address, count;
};

/*
 * The kernel describes its trampoline no more since Linux 5.8 (87676cfca141); unwinders know it by
 * its two instructions. The handler returns to the first, and is looked up right before it; in the
 * call it is behind the second. Returns whether there is one.
 */
static bool trampolines_tell(const struct code *code, const struct cfi_sink *sink)
{
	const struct unwind_rule rule = {.cfa = UNWIND_SIGNAL};
	bool found = false;

	for (uint64_t i = 1; i + 1 < code->count; i++) {
		uint64_t begin = code->address + (i - 1) * WIDTH, length = 3;
		uint32_t next = i + 2 < code->count ? code->words[i + 2] : 0;

		if (code->words[i] != SIGRETURN || code->words[i + 1] != CALL)
			continue;
		found = true;
		if (!next || next == NOP || next == NOP_FILL)
			length++;
		if (!sink->begin(sink->context, begin, begin + length * WIDTH))
			continue;
		sink->row(sink->context, begin, &rule);
		sink->end(sink->context, true);
	}
	return found;
}

/*
 * A function that no entry describes, by its instructions, one after the other: it has no frame, or
 * one that is a frame record at its lower end, which code behind an early return has too. False: it
 * moves its stack in another way.
 */
static bool function_rows(const struct code *code, uint64_t at, uint64_t end,
			  const struct cfi_sink *sink)
{
	const struct unwind_rule bare = {.cfa = UNWIND_SP};
	struct unwind_rule framed = bare;

	sink->row(sink->context, code->address + at * WIDTH, &bare);
	for (; at < end; at++) {
		uint32_t word = code->words[at];
		__s16 units = (__s16)((word >> 15 & 0x7f) - (word & 1u << 21 ? 0x80 : 0));
		uint64_t next = code->address + (at + 1) * WIDTH;

		if ((word & ADJUST_MASK) == ADJUST)
			return false;
		if ((word & RECORD_MASK) == RECORD_PUSH) {
			framed = (struct unwind_rule){.cfa = UNWIND_SP,
						      .fp = UNWIND_FP_SAVED,
						      .cfa_offset = (__s16)-units,
						      .fp_offset = units,
						      .more = (__s16)(units + 1)};
			sink->row(sink->context, next, &framed);
		} else if ((word & RECORD_MASK) == RECORD_POP) {
			sink->row(sink->context, next, &bare);
		} else if (word == RETURN) {
			sink->row(sink->context, next, &framed);
		}
	}
	return true;
}

/* The functions of the vDSO, which has no call frame information on this architecture. */
static void functions_tell(const struct image *image, const struct code *code,
			   const struct cfi_sink *sink)
{
	const struct image_section *section = image_section(image, ".dynsym");
	uint64_t count = section ? section->size / sizeof(Elf64_Sym) : 0;

	for (uint64_t i = 0; i < count && i < MAX_FUNCTIONS; i++) {
		uint64_t begin, words;
		Elf64_Sym symbol;

		if (!image_read(image, section->offset + i * sizeof(symbol), &symbol,
				sizeof(symbol)))
			return;
		begin = (symbol.st_value - code->address) / WIDTH;
		words = symbol.st_size / WIDTH;
		if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value % WIDTH ||
		    begin >= code->count || words > code->count - begin || !words)
			continue;
		if (sink->begin(sink->context, symbol.st_value, symbol.st_value + words * WIDTH))
			sink->end(sink->context, function_rows(code, begin, begin + words, sink));
	}
}

/* crti.o has the first instructions of _init and _fini, crtn.o the last ones, without entries. */
void arm64_startup_tell(const struct image *image, const struct image_section *section,
			const struct cfi_sink *sink)
{
	uint32_t words[MAX_STARTUP];
	struct code code = {words, section->address, section->size / WIDTH};
	uint64_t offset;

	if (!code.count || section->size > sizeof(words) ||
	    !image_offset(image, section->address, &offset) ||
	    !image_read(image, offset, words, section->size) || words[code.count - 1] != RETURN ||
	    !sink->begin(sink->context, code.address, code.address + section->size))
		return;
	sink->end(sink->context, function_rows(&code, 0, code.count, sink));
}

/*
 * runtime.goexit: nop, call, without a frame. runtime.mstart: a frame of 16 bytes for its one call,
 * without the look at the stack's end that the compiler begins functions with.
 */
bool arm64_is_go_root(const struct image *image, uint64_t offset, uint64_t length)
{
	static const uint32_t start[] = {
		0xf81f0ffe,             /* str x30, [sp, #-16]! */
		0xf81f83fd,             /* stur x29, [sp, #-8] */
		0xd10023fd,             /* sub x29, sp, #8 */
		BRANCH,     0xa97ffbfd, /* ldp x29, x30, [sp, #-8] */
		0x910043ff,             /* add sp, sp, #16 */
		RETURN,
	};
	uint32_t code[COUNT(start)] = {};

	if (length < sizeof(code[0]) * 2 || length > 2 * sizeof(code) ||
	    !image_read(image, offset, code, length < sizeof(code) ? length : sizeof(code)))
		return false;
	if (code[0] == GO_NOP && (code[1] & BRANCH_MASK) == BRANCH)
		return true;
	for (size_t i = 0; i < COUNT(start); i++)
		if ((start[i] == BRANCH ? code[i] & BRANCH_MASK : code[i]) != start[i])
			return false;
	return length >= sizeof(code);
}

void arm64_collect(const struct image *image, const struct cfi_sink *sink)
{
	plt_tell(image, sink);
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];
		struct code code = {.address = segment->address,
				    .count = segment->file_size / WIDTH};
		uint32_t *words;

		if (!(segment->flags & PF_X) || segment->file_size > MAX_SEGMENT)
			continue;
		words = malloc(segment->file_size + 1);
		if (!words)
			abort();
		code.words = words;
		if (image_read(image, segment->offset, words, segment->file_size) &&
		    trampolines_tell(&code, sink) && !image_section(image, ".eh_frame"))
			functions_tell(image, &code, sink);
		free(words);
	}
}
