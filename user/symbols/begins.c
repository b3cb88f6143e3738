/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbols/begins.h"
#include "symbols/eh_frame.h"
#include "symbols/view.h"

#define ROW_SIZE  8 /* two numbers of four bytes, relative to the section's begin */
#define HEAD_SIZE 32
#define NO_COMMON UINT64_MAX
/* Entries, and places in them, where all have to be read: a browser has a million. */
#define MAX_WORK (4u << 20)
/* Letters, numbers and encodings of a CIE: what compilers write takes 20 to 30 bytes. */
#define COMMON_SIZE 128

struct finder {
	const struct image_section *header, *frames;
	struct view rows, entries; /* of the two sections */
	struct view commons;       /* of .eh_frame as well: another place in it */
	uint64_t first, count;     /* rows: offset of the first, and how many */
	uint64_t common;           /* offset of the CIE that `encoding` is of */
	uint8_t encoding;
	bool good; /* the encoding is known here */
};

/* The other forms that the table may have cannot be searched, and no linker writes them. */
static bool header_read(struct finder *f)
{
	struct cursor c = view_at(&f->rows, 0, HEAD_SIZE);
	const uint8_t *start = c.at;
	uint8_t version = (uint8_t)cursor_fixed(&c, 1);
	uint8_t where = (uint8_t)cursor_fixed(&c, 1);
	uint8_t count = (uint8_t)cursor_fixed(&c, 1);
	uint8_t rows = (uint8_t)cursor_fixed(&c, 1);

	if (c.bad || version != 1 || where == EH_OMIT || count != EH_UDATA4 ||
	    rows != (EH_DATAREL | EH_SDATA4))
		return false;
	eh_value(&c, where & EH_FORMAT);
	f->count = cursor_fixed(&c, 4);
	f->first = (uint64_t)(c.at - start);
	return !c.bad && f->count <= (f->rows.size - f->first) / ROW_SIZE;
}

static bool row_read(struct finder *f, uint64_t row, uint64_t *begin, uint64_t *entry)
{
	struct cursor c = view_at(&f->rows, f->first + row * ROW_SIZE, ROW_SIZE);

	*begin = f->header->address + eh_value(&c, EH_SDATA4);
	*entry = f->header->address + eh_value(&c, EH_SDATA4);
	return !c.bad;
}

/*
 * The last row that begins at or below the address, from `row` on; false = unreadable. Addresses
 * ascend, and are often near each other: steps double until they are past it.
 */
static bool row_find(struct finder *f, uint64_t address, uint64_t *row)
{
	uint64_t low = *row, high = f->count, step = 1, begin, entry;
	bool past = false;

	while (high - low > 1) {
		uint64_t middle = low + (past || step >= high - low ? (high - low) / 2 : step);

		if (!row_read(f, middle, &begin, &entry))
			return false;
		past |= begin > address;
		if (begin <= address)
			low = middle;
		else
			high = middle;
		step *= 2;
	}
	*row = low;
	return true;
}

/* What the CIE at an offset says of addresses. */
static void common_read(struct finder *f, uint64_t offset)
{
	struct cursor c = view_at(&f->commons, offset, COMMON_SIZE);
	struct eh_augmentation augmentation = {};
	const char *letters;
	uint64_t id;
	uint8_t version;

	if (cursor_fixed(&c, 4) == UINT32_MAX)
		cursor_skip(&c, 8);
	id = cursor_fixed(&c, 4);
	version = (uint8_t)cursor_fixed(&c, 1);
	letters = cursor_text(&c);
	f->common = offset;
	f->good = false;
	if (id || (version != 1 && version != 3))
		return;
	cursor_uleb(&c);
	cursor_sleb(&c);
	if (version == 1)
		cursor_skip(&c, 1);
	else
		cursor_uleb(&c);
	f->good = !c.bad && eh_augmentation_read(letters, &c, &augmentation);
	f->encoding = augmentation.encoding;
}

struct entry {
	uint64_t begin, size; /* of the code; size 0 = of none */
	uint64_t next;        /* offset of the entry behind it */
};

/* The entry at an offset of .eh_frame; false: none, and nothing can follow. */
static bool entry_read(struct finder *f, uint64_t offset, struct entry *entry)
{
	struct cursor c = view_at(&f->entries, offset, HEAD_SIZE);
	const uint8_t *start = c.at;
	uint64_t length = cursor_fixed(&c, 4), id, here;

	*entry = (struct entry){};
	if (length == UINT32_MAX)
		length = cursor_fixed(&c, 8);
	here = offset + (uint64_t)(c.at - start);
	if (c.bad || length > f->entries.size - here)
		return false;
	entry->next = here + length;
	id = cursor_fixed(&c, 4);
	/* A CIE, or the end of a part of the section. */
	if (length < 4 || !id || id > here)
		return true;
	if (here - id != f->common)
		common_read(f, here - id);
	if (!f->good)
		return true;
	entry->begin = eh_address(&c, f->frames->address + here + 4, f->encoding);
	entry->size = eh_value(&c, f->encoding & EH_FORMAT);
	if (c.bad || entry->begin + entry->size < entry->begin)
		entry->size = 0;
	return true;
}

/* ---- lookups ---- */

static void lookup_take(const struct image *image, struct lookup *lookup, const struct entry *entry)
{
	uint64_t offset, own;

	if (lookup->function || lookup->start || lookup->address < entry->begin ||
	    lookup->address - entry->begin >= entry->size)
		return;
	/* In the file, too, it begins as far before the place. */
	if (!entry->begin || !image_executable(image, entry->begin) ||
	    !image_offset(image, entry->begin, &offset) ||
	    !image_offset(image, lookup->address, &own) ||
	    own - offset != lookup->address - entry->begin)
		return;
	lookup->start = entry->begin;
	lookup->end = entry->begin + entry->size;
}

/* By the sorted table. An entry must describe the code that its row says. */
static void lookups_search(struct finder *f, const struct image *image, struct lookup *lookups,
			   size_t count)
{
	uint64_t row = 0, begin, address;
	struct entry entry = {};

	for (size_t i = 0; i < count; i++) {
		if (lookups[i].function)
			continue;
		if (lookups[i].address - entry.begin >= entry.size) {
			if (!row_find(f, lookups[i].address, &row) ||
			    !row_read(f, row, &begin, &address) ||
			    !entry_read(f, address - f->frames->address, &entry))
				continue;
			if (entry.begin != begin)
				entry.size = 0;
		}
		lookup_take(image, &lookups[i], &entry);
	}
}

/* Without one, as in static programs, by all entries. */
static void lookups_scan(struct finder *f, const struct image *image, struct lookup *lookups,
			 size_t count)
{
	uint64_t work = MAX_WORK;
	struct entry entry;

	for (uint64_t offset = 0; work && entry_read(f, offset, &entry); offset = entry.next) {
		size_t i = entry.size ? lookups_from(lookups, count, entry.begin) : count;

		work--;
		for (; work && i < count && lookups[i].address - entry.begin < entry.size; i++) {
			lookup_take(image, &lookups[i], &entry);
			work--;
		}
	}
}

void begins_find(const struct image *image, struct lookup *lookups, size_t count)
{
	struct finder f = {
		.header = image_section(image, ".eh_frame_hdr"),
		.frames = image_section(image, ".eh_frame"),
		.common = NO_COMMON,
	};
	uint64_t no_budget = 0;
	size_t named = 0;

	while (named < count && lookups[named].function)
		named++;
	if (!f.frames || named == count)
		return;
	view_open(&f.entries, image, ".eh_frame", &no_budget, 0);
	view_open(&f.commons, image, ".eh_frame", &no_budget, 0);
	if (f.header)
		view_open(&f.rows, image, ".eh_frame_hdr", &no_budget, 0);
	if (!f.header)
		lookups_scan(&f, image, lookups, count);
	else if (header_read(&f) && f.count)
		lookups_search(&f, image, lookups, count);
	view_close(&f.rows);
	view_close(&f.commons);
	view_close(&f.entries);
}
