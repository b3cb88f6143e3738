/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/go.h"
#include "symbols/view.h"

#define MAGIC_16       0xfffffffa /* Go 1.16 and 1.17 */
#define MAGIC_18       0xfffffff0 /* 1.18 and 1.19 */
#define MAGIC_20       0xfffffff1 /* 1.20 and later */
#define HEAD_SIZE      72
#define TEXT_START     24 /* offset of that word in the head of 64 bits, from 1.18 on */
#define MAX_RELOCATION (4u << 20)
#define MAX_TABLES     4
#define MAX_FUNCTIONS  (4u << 20)
#define MAX_VALUES     (16u << 20)
#define PAIR_SIZE      20  /* bytes, at most */
#define CHUNK          512 /* relocations read at once */

struct finder {
	const struct image_section *section;
	struct view view, entries, values; /* of the section: rows, functions, values of places */
	uint64_t count;                    /* functions */
	uint64_t names, places, functions; /* offsets of tables */
	uint64_t quantum;                  /* bytes that places are counted in */
	uint64_t work;                     /* left: values that may still be read */
	uint64_t text;                     /* address that rows count from */
	size_t word;                       /* bytes of each of a row's two numbers */
};

/* What the relocation of that place in the section `table` puts there, 0 = there is none. */
static uint64_t relocation_find(const struct image *image, const struct image_section *table,
				uint64_t place)
{
	uint64_t count = table->size / sizeof(Elf64_Rela), found = 0;
	Elf64_Rela *chunk = malloc(CHUNK * sizeof(*chunk));

	if (count > MAX_RELOCATION)
		count = MAX_RELOCATION;
	for (uint64_t i = 0; chunk && !found && i < count; i += CHUNK) {
		size_t n = count - i < CHUNK ? (size_t)(count - i) : CHUNK;

		if (!image_read(image, table->offset + i * sizeof(*chunk), chunk,
				n * sizeof(*chunk)))
			break;
		for (size_t j = 0; j < n && !found; j++)
			if (chunk[j].r_offset == place)
				found = (uint64_t)chunk[j].r_addend;
	}
	free(chunk);
	return found;
}

/*
 * In a program that may be loaded anywhere the word is filled in when it is: the number is then
 * only in the relocation for its place. Such programs have one or two tables of these.
 */
static uint64_t text_relocated(const struct image *image, uint64_t place)
{
	uint64_t text = 0;
	int tables = 0;

	for (size_t i = 0; image->is_64 && i < image->section_count && !text; i++)
		if (image->sections[i].type == SHT_RELA && tables++ < MAX_TABLES)
			text = relocation_find(image, &image->sections[i], place);
	return text;
}

static bool header_read(struct finder *f, const struct image *image)
{
	struct cursor c = view_at(&f->view, 0, HEAD_SIZE);
	uint64_t magic = cursor_fixed(&c, 4);
	size_t word;

	if (magic != MAGIC_16 && magic != MAGIC_18 && magic != MAGIC_20)
		return false;
	cursor_skip(&c, 2);
	f->quantum = cursor_fixed(&c, 1);
	word = (size_t)cursor_fixed(&c, 1);
	if (word != (image->is_64 ? 8 : 4))
		return false;
	f->count = cursor_fixed(&c, word);
	cursor_skip(&c, word);
	f->word = word;
	if (magic != MAGIC_16) {
		f->word = 4;
		f->text = cursor_fixed(&c, word);
		if (!f->text)
			f->text = text_relocated(image, f->section->address + TEXT_START);
		/* Rows that count from a wrong place would name everything wrong. */
		if (!image_executable(image, f->text))
			return false;
	}
	f->names = cursor_fixed(&c, word);
	/* Tables of units and of files. */
	cursor_skip(&c, 2 * word);
	f->places = cursor_fixed(&c, word);
	f->functions = cursor_fixed(&c, word);
	return !c.bad && f->functions < f->view.size &&
	       f->count < (f->view.size - f->functions) / (2 * f->word);
}

/* Where a function begins; behind the last row is where that one ends. */
static bool row_read(struct finder *f, uint64_t row, uint64_t *begin, uint64_t *data)
{
	struct cursor c = view_at(&f->view, f->functions + row * 2 * f->word,
				  (row < f->count ? 2 : 1) * f->word);

	*begin = f->text + cursor_fixed(&c, f->word);
	*data = row < f->count ? f->functions + cursor_fixed(&c, f->word) : 0;
	return !c.bad;
}

static bool row_find(struct finder *f, uint64_t address, uint64_t *begin, uint64_t *end,
		     uint64_t *data)
{
	uint64_t low = 0, high = f->count, ignored;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (!row_read(f, middle, begin, data))
			return false;
		if (*begin <= address)
			low = middle;
		else
			high = middle;
	}
	return row_read(f, low, begin, data) && row_read(f, low + 1, end, &ignored) &&
	       address >= *begin && address < *end;
}

static void lookup_name(struct finder *f, struct lookup *lookup, struct text_arena *arena)
{
	char text[SYMTAB_NAME];
	uint64_t begin, end, data;
	struct cursor c;

	if (!row_find(f, lookup->address, &begin, &end, &data))
		return;
	/* The function's entry, as wide as a row's number of it, and the offset of its name. */
	c = view_at(&f->entries, data, f->word + 4);
	cursor_skip(&c, f->word);
	data = f->names + cursor_fixed(&c, 4);
	if (c.bad)
		return;
	view_text(&f->view, data, text, sizeof(text));
	if (!*text)
		return;
	lookup->function = text_copy(arena, text, strlen(text));
	lookup->start = begin;
	lookup->end = end;
}

static void finder_close(struct finder *f)
{
	view_close(&f->view);
	view_close(&f->entries);
	view_close(&f->values);
}

/* To be closed; false where there is no table that can be read. */
static bool finder_open(struct finder *f, const struct image *image)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	uint64_t no_budget = 0;

	*f = (struct finder){};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !f->section; i++) {
		f->section = image_section(image, names[i]);
		if (!f->section)
			continue;
		view_open(&f->view, image, names[i], &no_budget, 0);
		view_open(&f->entries, image, names[i], &no_budget, 0);
		view_open(&f->values, image, names[i], &no_budget, 0);
	}
	if (f->section && header_read(f, image) && f->count)
		return true;
	if (f->section)
		finder_close(f);
	return false;
}

void go_name(const struct image *image, struct lookup *lookups, size_t count,
	     struct text_arena *arena)
{
	struct finder f;

	if (!finder_open(&f, image))
		return;
	for (size_t i = 0; i < count; i++) {
		struct lookup *lookup = &lookups[i], *before = i ? lookup - 1 : NULL;

		if (lookup->function)
			continue;
		if (before && before->function && lookup->address < before->end) {
			lookup->function = before->function;
			lookup->start = before->start;
			lookup->end = before->end;
		} else {
			lookup_name(&f, lookup, arena);
		}
	}
	finder_close(&f);
}

/*
 * A function's values of the stack pointer: pairs of numbers, by how much the value changes, and
 * for how much code it holds then, until a change of 0 that is not the first. It begins at -1.
 */
static bool depths_read(struct finder *f, uint64_t at, uint64_t begin, uint64_t end,
			const struct go_sink *sink)
{
	uint64_t address = begin;
	int64_t depth = -1;

	while (address < end && f->work) {
		struct cursor c = view_at(&f->values, at, PAIR_SIZE);
		const uint8_t *start = c.at;
		uint64_t change = cursor_uleb(&c), length;

		if (c.bad || (!change && address > begin))
			return !c.bad;
		length = cursor_uleb(&c) * f->quantum;
		f->work--;
		depth += (int64_t)(change >> 1) ^ -(int64_t)(change & 1);
		if (c.bad || !length || length > end - address)
			return false;
		sink->depth(sink->context, address, depth);
		address += length;
		at += (uint64_t)(c.at - start);
	}
	return f->work;
}

void go_depths(const struct image *image, const struct go_sink *sink)
{
	struct finder f;
	uint64_t begin, end, data, ignored;

	if (!finder_open(&f, image))
		return;
	f.work = MAX_VALUES;
	for (uint64_t row = 0; row < f.count && row < MAX_FUNCTIONS; row++) {
		struct cursor c;
		uint64_t at;

		if (!row_read(&f, row, &begin, &data) || !row_read(&f, row + 1, &end, &ignored))
			break;
		if (begin >= end || !sink->begin(sink->context, begin, end))
			continue;
		/* Behind its name: size of arguments, a call that is deferred, and this. */
		c = view_at(&f.entries, data, f.word + 16);
		cursor_skip(&c, f.word + 12);
		at = cursor_fixed(&c, 4);
		sink->end(sink->context,
			  at && !c.bad && depths_read(&f, f.places + at, begin, end, sink));
	}
	finder_close(&f);
}
