/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "symbols/line_unit.h"
#include "symbols/section.h"

#define MAX_NAMES   (16u << 20)
#define MAX_FORMATS 16

/* DWARF 5, sections 6.2.4 and 7.5.6. */
enum {
	LNCT_PATH = 1,
	LNCT_DIRECTORY_INDEX,
	FORM_DATA2 = 0x05,
	FORM_DATA4 = 0x06,
	FORM_DATA8 = 0x07,
	FORM_STRING = 0x08,
	FORM_BLOCK = 0x09,
	FORM_DATA1 = 0x0b,
	FORM_STRP = 0x0e,
	FORM_UDATA = 0x0f,
	FORM_DATA16 = 0x1e,
	FORM_LINE_STRP = 0x1f,
};

/* ---- the header of a unit ---- */

bool line_unit_read(struct line_unit *unit, const uint8_t *bytes, size_t size, uint8_t offset_size)
{
	struct cursor c = {bytes, bytes + size, false};
	uint64_t length;

	*unit = (struct line_unit){.version = (uint16_t)cursor_fixed(&c, 2),
				   .offset_size = offset_size};
	if (unit->version < 2 || unit->version > 5)
		return false;
	if (unit->version == 5)
		cursor_fixed(&c, 2); /* sizes of addresses and of segment selectors */
	length = cursor_fixed(&c, offset_size);
	if (c.bad || length > (uint64_t)(c.end - c.at))
		return false;
	unit->program = (struct cursor){c.at + length, c.end, false};
	c.end = c.at + length;
	unit->min_instruction = (uint8_t)cursor_fixed(&c, 1);
	if (unit->version >= 4)
		cursor_fixed(
			&c,
			1);  /* operations in an instruction: more than 1 on VLIW machines only */
	cursor_fixed(&c, 1); /* is_stmt at first */
	unit->line_base = (int8_t)cursor_fixed(&c, 1);
	unit->line_range = (uint8_t)cursor_fixed(&c, 1);
	unit->opcode_base = (uint8_t)cursor_fixed(&c, 1);
	for (unsigned int i = 1; i < unit->opcode_base; i++)
		unit->operands[i] = (uint8_t)cursor_fixed(&c, 1);
	unit->tables = c;
	return !c.bad && unit->line_range && unit->opcode_base;
}

/* ---- directories and files ---- */

static void path_join(char *path, const char *directory, const char *name)
{
	char joined[LINE_SOURCE];

	if (*name == '/' || !*directory)
		snprintf(joined, sizeof(joined), "%s", name);
	else
		snprintf(joined, sizeof(joined), "%s/%s", directory, name);
	memcpy(path, joined, sizeof(joined));
}

/* Versions 2 to 4: directory 0 is the compiler's working directory, which is not told here. */
static bool file_find_v4(const struct line_unit *unit, uint32_t file, char path[LINE_SOURCE])
{
	struct cursor c = unit->tables, directories = unit->tables;
	const char *directory = "", *name = "";
	uint64_t index = 0;

	while (!c.bad && *cursor_text(&c))
		;
	for (uint32_t i = 1; i <= file && !c.bad; i++) {
		name = cursor_text(&c);
		if (!*name)
			return false;
		index = cursor_uleb(&c);
		cursor_uleb(&c);
		cursor_uleb(&c);
	}
	for (uint64_t i = 1; i <= index && !directories.bad; i++) {
		directory = cursor_text(&directories);
		if (!*directory)
			return false;
	}
	path_join(path, directory, name);
	return !c.bad && *name;
}

static const char *name_at(struct line_names *names, uint64_t offset)
{
	if (!names->tried)
		names->text =
			section_load(names->image, ".debug_line_str", MAX_NAMES, &names->size);
	names->tried = true;
	return names->text && offset < names->size ? names->text + offset : "";
}

struct entry {
	const char *path;
	uint64_t directory;
};

struct formats {
	struct {
		uint64_t content, form;
	} at[MAX_FORMATS];
	size_t count;
};

static void formats_read(struct cursor *c, struct formats *formats)
{
	formats->count = cursor_fixed(c, 1);
	if (formats->count > MAX_FORMATS)
		c->bad = true;
	for (size_t i = 0; i < formats->count && !c->bad; i++) {
		formats->at[i].content = cursor_uleb(c);
		formats->at[i].form = cursor_uleb(c);
	}
}

static void field_read(struct line_names *names, const struct line_unit *unit, struct cursor *c,
		       uint64_t form, const char **text, uint64_t *number)
{
	switch (form) {
	case FORM_STRING:
		*text = cursor_text(c);
		return;
	case FORM_LINE_STRP:
		*text = name_at(names, cursor_fixed(c, unit->offset_size));
		return;
	case FORM_STRP: /* no compiler does so for line tables, but it may */
		cursor_fixed(c, unit->offset_size);
		return;
	case FORM_UDATA:
		*number = cursor_uleb(c);
		return;
	case FORM_DATA1:
		*number = cursor_fixed(c, 1);
		return;
	case FORM_DATA2:
		*number = cursor_fixed(c, 2);
		return;
	case FORM_DATA4:
		*number = cursor_fixed(c, 4);
		return;
	case FORM_DATA8:
		*number = cursor_fixed(c, 8);
		return;
	case FORM_DATA16:
		cursor_skip(c, 16);
		return;
	case FORM_BLOCK:
		cursor_skip(c, cursor_uleb(c));
		return;
	default:
		c->bad = true;
	}
}

static struct entry entry_read(struct line_names *names, const struct line_unit *unit,
			       struct cursor *c, const struct formats *formats)
{
	struct entry entry = {.path = ""};

	for (size_t i = 0; i < formats->count && !c->bad; i++) {
		const char *text = "";
		uint64_t number = 0;

		field_read(names, unit, c, formats->at[i].form, &text, &number);
		if (formats->at[i].content == LNCT_PATH)
			entry.path = text;
		else if (formats->at[i].content == LNCT_DIRECTORY_INDEX)
			entry.directory = number;
	}
	return entry;
}

/* Reads on to behind the table; *found is its entry `wanted`. */
static bool table_read(struct line_names *names, const struct line_unit *unit, struct cursor *c,
		       uint64_t wanted, struct entry *found)
{
	struct formats formats = {};
	uint64_t count;

	formats_read(c, &formats);
	count = cursor_uleb(c);
	/* Entries of no bytes at all would let a huge count loop for ever. */
	if (c->bad || count > (uint64_t)(c->end - c->at) || wanted >= count)
		return false;
	for (uint64_t i = 0; i < count && !c->bad; i++) {
		struct entry entry = entry_read(names, unit, c, &formats);

		if (i == wanted)
			*found = entry;
	}
	return !c->bad;
}

/* Version 5: directory 0 is the compiler's working directory; others may be relative to it. */
static bool file_find_v5(struct line_names *names, const struct line_unit *unit, uint32_t file,
			 char path[LINE_SOURCE])
{
	struct cursor c = unit->tables, again = unit->tables;
	struct entry base = {.path = ""}, directory = base, name = base;

	if (!table_read(names, unit, &c, 0, &base) || !table_read(names, unit, &c, file, &name) ||
	    !table_read(names, unit, &again, name.directory, &directory) || !*name.path)
		return false;
	path_join(path, directory.path, name.path);
	if (name.directory)
		path_join(path, base.path, path);
	return true;
}

bool line_file_find(struct line_names *names, const struct line_unit *unit, uint32_t file,
		    char path[LINE_SOURCE])
{
	return unit->version < 5 ? file_find_v4(unit, file, path)
				 : file_find_v5(names, unit, file, path);
}
