/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/lines.h"
#include "symbols/line_unit.h"
#include "symbols/section.h"
#include "util/clock.h"

#define MAX_UNIT (16u << 20)
#define NO_FILE  UINT32_MAX

/* DWARF 5, sections 6.2.5 and 7.5.6; earlier versions have some of these. */
enum {
	LNS_COPY = 1,
	LNS_ADVANCE_PC,
	LNS_ADVANCE_LINE,
	LNS_SET_FILE,
	LNS_SET_COLUMN,
	LNS_NEGATE_STMT,
	LNS_SET_BASIC_BLOCK,
	LNS_CONST_ADD_PC,
	LNS_FIXED_ADVANCE_PC,
	LNE_END_SEQUENCE = 1,
	LNE_SET_ADDRESS,
};

struct row {
	uint64_t address;
	uint32_t file, line;
};

struct finder {
	struct lookup *lookups;
	size_t count;
	uint32_t *files; /* of each lookup: its file in the current unit, NO_FILE = none */
	size_t hits;     /* in the current unit */
	struct line_names names;
	uint64_t deadline_ns;
	struct text_arena *arena;
};

/* Gives the lookups found in this unit the names of their files. */
static void files_name(struct finder *f, const struct line_unit *unit)
{
	uint32_t last = NO_FILE;
	const char *source = NULL;
	char path[LINE_SOURCE];

	for (size_t i = 0; i < f->count && f->hits; i++) {
		uint32_t file = f->files[i];

		if (file == NO_FILE)
			continue;
		if (file != last) {
			bool known = time_now() < f->deadline_ns &&
				     line_file_find(&f->names, unit, file, path);

			source = known ? text_copy(f->arena, path, strlen(path)) : NULL;
			last = file;
		}
		f->lookups[i].source = source;
		f->files[i] = NO_FILE;
		f->hits--;
	}
}

/* ---- the program of a unit ---- */

/* The row holds for the addresses from its own up to the next row's. */
static void row_take(struct finder *f, const struct row *row, uint64_t end, size_t *next)
{
	if (end <= row->address)
		return;
	/* Addresses ascend within a sequence, unless the table is broken. */
	if (*next > 0 && f->lookups[*next - 1].address >= row->address)
		*next = lookups_from(f->lookups, f->count, row->address);
	for (; *next < f->count && f->lookups[*next].address < end; ++*next) {
		struct lookup *lookup = &f->lookups[*next];

		if (lookup->address < row->address || lookup->line || !row->line)
			continue;
		lookup->line = row->line;
		f->files[*next] = row->file;
		f->hits++;
	}
}

struct machine {
	struct row row, last; /* the registers; the row before */
	bool has_last, skip;  /* skip: code that the linker has thrown away */
	size_t next;          /* lookup */
};

static void machine_reset(struct machine *m)
{
	*m = (struct machine){.row = {.file = 1, .line = 1}};
}

static void row_emit(struct finder *f, struct machine *m)
{
	if (m->has_last && !m->skip)
		row_take(f, &m->last, m->row.address, &m->next);
	m->last = m->row;
	m->has_last = true;
}

static void extended_run(struct finder *f, struct cursor *c, struct machine *m)
{
	uint64_t length = cursor_uleb(c);
	struct cursor operand;
	uint8_t opcode;

	if (c->bad || !length || length > (uint64_t)(c->end - c->at)) {
		c->bad = true;
		return;
	}
	operand = (struct cursor){c->at, c->at + length, false};
	c->at += length;
	opcode = (uint8_t)cursor_fixed(&operand, 1);
	if (opcode == LNE_END_SEQUENCE) {
		row_emit(f, m);
		machine_reset(m);
	} else if (opcode == LNE_SET_ADDRESS) {
		m->row.address = cursor_fixed(&operand, (size_t)length - 1);
		/* The linker leaves 0 where it dropped the code. */
		m->skip = !m->row.address || operand.bad;
		m->next = lookups_from(f->lookups, f->count, m->row.address);
	}
}

static void standard_run(struct finder *f, const struct line_unit *unit, struct cursor *c,
			 struct machine *m, uint8_t opcode)
{
	switch (opcode) {
	case LNS_COPY:
		row_emit(f, m);
		return;
	case LNS_ADVANCE_PC:
		m->row.address += cursor_uleb(c) * unit->min_instruction;
		return;
	case LNS_ADVANCE_LINE:
		m->row.line += (uint32_t)cursor_sleb(c);
		return;
	case LNS_SET_FILE:
		m->row.file = (uint32_t)cursor_uleb(c);
		return;
	case LNS_CONST_ADD_PC:
		m->row.address += (uint64_t)((255 - unit->opcode_base) / unit->line_range) *
				  unit->min_instruction;
		return;
	case LNS_FIXED_ADVANCE_PC:
		m->row.address += cursor_fixed(c, 2);
		return;
	default:
		for (unsigned int i = 0; i < unit->operands[opcode]; i++)
			cursor_uleb(c);
	}
}

static void unit_run(struct finder *f, const struct line_unit *unit)
{
	struct cursor c = unit->program;
	struct machine m;

	machine_reset(&m);
	while (c.at < c.end && !c.bad) {
		uint8_t opcode = *c.at++;

		if (!opcode) {
			extended_run(f, &c, &m);
		} else if (opcode < unit->opcode_base) {
			standard_run(f, unit, &c, &m, opcode);
		} else {
			unsigned int special = opcode - unit->opcode_base;

			m.row.address +=
				(uint64_t)(special / unit->line_range) * unit->min_instruction;
			m.row.line +=
				(uint32_t)(unit->line_base + (int)(special % unit->line_range));
			row_emit(f, &m);
		}
	}
	if (f->hits)
		files_name(f, unit);
}

/* ---- all units ---- */

/* The next unit's bytes into a buffer that grows as needed; false at the end. */
static bool unit_next(struct section_stream *stream, uint8_t **buffer, size_t *capacity,
		      uint64_t *size, uint8_t *offset_size)
{
	uint32_t length;

	if (!section_next(stream, &length, sizeof(length)))
		return false;
	*size = length;
	*offset_size = length == UINT32_MAX ? 8 : 4;
	if (length == UINT32_MAX && !section_next(stream, size, sizeof(*size)))
		return false;
	if (*size > MAX_UNIT)
		return section_next(stream, NULL, *size);
	if (*size > *capacity) {
		free(*buffer);
		*capacity = *size + *size / 4;
		*buffer = malloc(*capacity);
		if (!*buffer)
			return false;
	}
	return section_next(stream, *buffer, *size);
}

static void units_run(struct finder *f, struct section_stream *stream)
{
	uint8_t *buffer = NULL, offset_size;
	size_t capacity = 0;
	uint64_t size;
	struct line_unit unit;

	while (time_now() < f->deadline_ns &&
	       unit_next(stream, &buffer, &capacity, &size, &offset_size))
		if (size <= MAX_UNIT && line_unit_read(&unit, buffer, (size_t)size, offset_size))
			unit_run(f, &unit);
	free(buffer);
}

void lines_find(const struct image *image, struct lookup *lookups, size_t count,
		struct text_arena *arena, uint64_t deadline_ns)
{
	struct finder finder = {
		.lookups = lookups,
		.count = count,
		.names.image = image,
		.arena = arena,
		.deadline_ns = deadline_ns,
	};
	struct section_stream *stream = calloc(1, sizeof(*stream));

	finder.files = malloc(count * sizeof(*finder.files));
	if (stream && finder.files && count && section_open(stream, image, ".debug_line")) {
		for (size_t i = 0; i < count; i++)
			finder.files[i] = NO_FILE;
		units_run(&finder, stream);
	}
	if (stream)
		section_close(stream);
	free(stream);
	free(finder.files);
	free(finder.names.text);
}
