/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/go.h"
#include "symbols/section.h"
#include "unwind/arm64.h"
#include "unwind/cfi.h"
#include "unwind/table.h"
#include "unwind/table_layout.h"
#include "unwind/x86.h"

/* The biggest files in use, browsers and their debug builds, stay below a tenth of these. */
#define MAX_SECTION (256u << 20) /* bytes */
#define MAX_SPANS   (4u << 20)
#define MAX_ROWS    (16u << 20)
/* Functions begin at multiples of this; what lies between two is not run. */
#define ALIGNMENT 16
#define HOLE      32         /* bytes */
#define FAR_FRAME (1u << 18) /* bytes; UNWIND_SP_FAR */

/* The code that one entry describes; all offsets are those of the file. */
struct span {
	uint32_t begin, end;
	uint32_t row, rows; /* the first one's index, and how many */
};

struct row {
	uint32_t offset, rule;
};

struct builder {
	const struct image *image;
	const struct cfi_machine *machine;
	struct rule_set rules;
	VEC(struct span) spans;
	VEC(struct row) rows;
	uint64_t delta; /* from addresses of the entry at hand to offsets */
	bool go;        /* the section at hand is of Go's compiler */
	bool root;      /* the entry at hand is where a goroutine or one of Go's threads begins */
	bool full;      /* the entry at hand has more rows than there is place for */
	struct unwind_stats stats;
};

/* ---- collecting, in the order of the sections ---- */

static const struct image_segment *code_at(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (segment->flags & PF_X && address >= segment->address &&
		    address - segment->address < segment->file_size)
			return segment;
	}
	return NULL;
}

/*
 * Where all stacks of Go end: runtime.goexit (nop, call, nop), whose caller no word on the stack
 * names, and runtime.mstart (call, ret). Go's linker does not mark them as outermost; nothing else
 * looks like them, as a compiled function that calls has a frame.
 */
static bool is_go_root(const struct image *image, uint64_t offset, uint64_t length)
{
	uint8_t code[7];

	if (image->machine == EM_AARCH64)
		return arm64_is_go_root(image, offset, length);
	if (length != 6 && length != 7)
		return false;
	if (!image_read(image, offset, code, length))
		return false;
	if (length == 6)
		return code[0] == 0xe8 && code[5] == 0xc3;
	return code[0] == 0x90 && code[1] == 0xe8 && code[6] == 0x90;
}

static bool span_begin(void *context, uint64_t begin, uint64_t end)
{
	struct builder *builder = context;
	const struct image_segment *segment = code_at(builder->image, begin);
	uint64_t limit, offset;

	if (!segment) {
		builder->stats.elsewhere++;
		return false;
	}
	limit = segment->address + segment->file_size;
	if (end > limit)
		end = limit;
	builder->delta = segment->offset - segment->address;
	offset = begin + builder->delta;
	if (offset > UINT32_MAX || end - begin > UINT32_MAX - offset ||
	    builder->spans.len == MAX_SPANS) {
		builder->stats.skipped++;
		return false;
	}
	builder->full = false;
	builder->root = builder->go && is_go_root(builder->image, offset, end - begin);
	vec_push(&builder->spans, (struct span){
					  .begin = (uint32_t)offset,
					  .end = (uint32_t)(end + builder->delta),
					  .row = (uint32_t)builder->rows.len,
				  });
	return true;
}

/*
 * Go's compiler says where the CFA is, not that a function with a frame saves the frame pointer in
 * the frame's first word (cmd/internal/obj/x86, preprocess), or on aarch64 below its last one
 * (cmd/internal/obj/arm64, likewise). The entry says "unchanged" then.
 */
static void go_amend(const struct builder *builder, struct unwind_rule *rule)
{
	__s16 call = (__s16)(builder->machine->call_offset / 8);
	__s16 last = builder->machine->link ? rule->cfa_offset : call;

	if (builder->root)
		*rule = (struct unwind_rule){.cfa = UNWIND_END};
	if (rule->cfa != UNWIND_SP || rule->fp != UNWIND_FP_SAME || rule->cfa_offset <= call)
		return;
	rule->fp = UNWIND_FP_SAVED;
	rule->fp_offset = (__s16)(-last - 1);
}

static void span_row(void *context, uint64_t address, const struct unwind_rule *given)
{
	struct builder *builder = context;
	const struct span *span = &builder->spans.at[builder->spans.len - 1];
	uint64_t offset = address + builder->delta;
	struct unwind_rule rule = *given;
	struct row row = {.offset = (uint32_t)offset};

	/* What the segment does not hold. */
	if (offset >= span->end)
		return;
	if (builder->go)
		go_amend(builder, &rule);
	row.rule = rule_intern(&builder->rules, &rule);
	if (!row.rule && rule.cfa != UNWIND_NONE)
		builder->stats.lost++;
	if (builder->rows.len > span->row) {
		struct row *last = &builder->rows.at[builder->rows.len - 1];

		if (last->offset == row.offset)
			last->rule = row.rule;
		if (last->rule == row.rule)
			return;
	}
	if (builder->rows.len == MAX_ROWS)
		builder->full = true;
	else
		vec_push(&builder->rows, row);
}

static void span_end(void *context, bool good)
{
	struct builder *builder = context;
	struct span *span = &builder->spans.at[builder->spans.len - 1];

	if (good && builder->full)
		builder->stats.skipped++;
	if (good && !builder->full) {
		span->rows = (uint32_t)builder->rows.len - span->row;
		return;
	}
	builder->rows.len = span->row;
	builder->spans.len--;
}

static void section_collect(struct builder *builder, const char *name, bool debug)
{
	const struct image_section *found = image_section(builder->image, name);
	const struct cfi_sink sink = {span_begin, span_row, span_end, builder};
	struct cfi_section section = {.debug = debug};
	struct cfi_counts counts = {};
	char *bytes;

	if (!found)
		return;
	bytes = section_load(builder->image, name, MAX_SECTION, &section.size);
	if (!bytes)
		return;
	section.bytes = (const uint8_t *)bytes;
	section.address = found->address;
	cfi_read(&section, builder->machine, &sink, &counts);
	builder->stats.fdes += counts.entries;
	builder->stats.skipped += counts.skipped;
	free(bytes);
}

/* Code that no compiler made, and that nobody describes. */
static void other_collect(struct builder *builder)
{
	static const char *const startup[] = {".init", ".fini"};
	const struct cfi_sink sink = {span_begin, span_row, span_end, builder};
	bool arm64 = builder->machine->elf == EM_AARCH64;

	for (size_t i = 0; i < sizeof(startup) / sizeof(*startup); i++) {
		const struct image_section *section = image_section(builder->image, startup[i]);

		if (section)
			(arm64 ? arm64_startup_tell : x86_startup_tell)(builder->image, section,
									&sink);
	}
	if (arm64)
		arm64_collect(builder->image, &sink);
}

/* ---- stripped programs of Go: no entries, but what the runtime's own unwinder reads ---- */

/* Padding follows the function. */
static bool go_begin(void *context, uint64_t begin, uint64_t end)
{
	struct builder *builder = context;
	uint64_t length = end - begin, offset;
	uint8_t code[2 * ALIGNMENT];

	if (!span_begin(builder, begin, end))
		return false;
	if (length > sizeof(code) || !image_offset(builder->image, begin, &offset) ||
	    !image_read(builder->image, offset, code, length))
		return true;
	while (length && code[length - 1] == 0xcc)
		length--;
	builder->root = is_go_root(builder->image, offset, length);
	return true;
}

static void go_depth(void *context, uint64_t address, int64_t depth)
{
	struct builder *builder = context;
	uint64_t far = (uint64_t)depth + builder->machine->call_offset, rest = far % FAR_FRAME;
	struct unwind_rule rule = {.cfa = far < FAR_FRAME ? UNWIND_SP : UNWIND_SP_FAR,
				   .cfa_offset = (__s16)(rest / 8),
				   .more = (__s16)(far / FAR_FRAME)};

	/* What a link register has is saved in the frame's last word. */
	if (builder->machine->link && rule.cfa == UNWIND_SP)
		rule.more = (__s16)-rule.cfa_offset;
	if (depth < 0 || rest % 8 || far / FAR_FRAME > INT16_MAX)
		rule = (struct unwind_rule){};
	span_row(builder, address, &rule);
}

/* A function without rows of its own keeps frame pointers, or is assembly that cannot be told. */
static void go_end(void *context, bool good)
{
	struct builder *builder = context;

	span_end(builder,
		 good && builder->rows.len > builder->spans.at[builder->spans.len - 1].row);
}

static void go_collect(struct builder *builder)
{
	go_depths(builder->image, &(struct go_sink){go_begin, go_depth, go_end, builder});
}

/* ---- laying out ---- */

static int span_compare(const void *a, const void *b)
{
	const struct span *left = a, *right = b;

	if (left->begin != right->begin)
		return left->begin < right->begin ? -1 : 1;
	return left->row < right->row ? -1 : left->row > right->row;
}

/* Lays out a span's rows from offset `from` of it on. */
static void span_lay(const struct builder *builder, const struct span *span, uint32_t from,
		     struct table_layout *layout)
{
	const struct row *row = &builder->rows.at[span->row], *end = row + span->rows;

	for (; row < end; row++)
		if (row + 1 == end || row[1].offset > from)
			layout_row(layout, row->offset > from ? row->offset : from, row->rule);
}

/* No code lies between two functions that far apart, and the same rule holds on both sides. */
static bool is_padding(const struct table_layout *layout, uint32_t gap, uint32_t next,
		       uint32_t rule)
{
	return gap < ALIGNMENT && !(next % ALIGNMENT) && layout->rule == rule;
}

/*
 * A few instructions that are left out of a function's description, between two parts of it that
 * are: glibc's clone() and clone3() do so around their system call, where every thread that forks
 * is seen. What held before them, a bare return address, still holds.
 */
static bool is_hole(const struct builder *builder, const struct table_layout *layout, uint32_t gap,
		    uint32_t next)
{
	const struct unwind_rule entry = {
		.cfa = UNWIND_SP,
		.fp = UNWIND_FP_SAME,
		.cfa_offset = (__s16)(builder->machine->call_offset / 8),
	};

	return gap < HOLE && next % ALIGNMENT && layout->rule &&
	       !memcmp(&builder->rules.rules.at[layout->rule], &entry, sizeof(entry));
}

/*
 * Where spans overlap, the one that begins first holds to its end, then the rest of the other; of
 * two that begin together, the one that the file has first. Linkers write no such thing on purpose.
 */
static void spans_lay(struct builder *builder, struct table_layout *layout)
{
	uint32_t covered = 0;

	vec_sort(&builder->spans, span_compare);
	vec_each(&builder->spans, span) {
		uint32_t from = span->begin > covered ? span->begin : covered;

		if (span->end <= covered)
			continue;
		if (from > covered &&
		    !is_padding(layout, from - covered, from, builder->rows.at[span->row].rule) &&
		    !is_hole(builder, layout, from - covered, from))
			layout_row(layout, covered, 0);
		span_lay(builder, span, from, layout);
		covered = span->end;
	}
	layout_row(layout, covered, 0);
}

/* Where no frame is found by the base register, nobody asks where it is saved. */
static void base_forget(struct builder *builder)
{
	struct rule_set plain = {};
	uint32_t *now;

	vec_each(&builder->rules.rules, rule)
		if (rule->cfa == UNWIND_REGISTER && rule->more == UNWIND_BASE)
			return;
	now = calloc(builder->rules.rules.len + 1, sizeof(*now));
	if (!now)
		abort();
	for (size_t i = 0; i < builder->rules.rules.len; i++) {
		struct unwind_rule rule = builder->rules.rules.at[i];

		if (rule.base_saved)
			rule.base_saved = rule.more = 0;
		now[i] = rule_intern(&plain, &rule);
	}
	vec_each(&builder->rows, row)
		row->rule = now[row->rule];
	free(now);
	rule_set_free(&builder->rules);
	builder->rules = plain;
}

static void image_build(const struct image *image, uint16_t machine, struct unwind_table *out)
{
	struct builder builder = {
		.image = image,
		.machine = image->is_64 && image->machine == machine ? cfi_machine(machine) : NULL,
	};
	struct table_layout layout = {};

	if (builder.machine) {
		section_collect(&builder, ".eh_frame", false);
		/* Code that has no other: of Go's compiler, and of assemblers. */
		builder.go = image_section(image, ".gopclntab") ||
			     image_section(image, ".note.go.buildid");
		section_collect(&builder, ".debug_frame", true);
		if (builder.go && !image_section(image, ".debug_frame"))
			go_collect(&builder);
		builder.go = false; /* whatever the program, these are not its compiler's */
		other_collect(&builder);
	}
	base_forget(&builder);
	spans_lay(&builder, &layout);
	out->stats = builder.stats;
	layout_finish(&layout, &builder.rules, out);
	layout_free(&layout);
	rule_set_free(&builder.rules);
	vec_free(&builder.spans);
	vec_free(&builder.rows);
}

#if defined(__x86_64__)
#define HOST EM_X86_64
#elif defined(__aarch64__)
#define HOST EM_AARCH64
#else
#define HOST EM_NONE
#endif

int unwind_table_build(int fd, struct unwind_table *out, struct error *error)
{
	return unwind_table_build_for(HOST, fd, out, error);
}

int unwind_table_build_for(uint16_t machine, int fd, struct unwind_table *out, struct error *error)
{
	struct image image;
	int code = image_open(&image, fd);

	if (code)
		return error_set(error, code, "no ELF file of this machine's kind");
	image_build(&image, machine, out);
	image.fd = -1; /* the caller's */
	image_close(&image);
	return 0;
}
