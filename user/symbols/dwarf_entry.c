/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "symbols/dwarf_entry.h"
#include "symbols/symtab.h"
#include "util/clock.h"

/* From a call to the function it stands for, its declaration, and so on: compilers need three. */
#define MAX_HOPS 8

static void field_take(struct dwarf_entry *entry, uint16_t name, const struct value *value)
{
	bool number = value->kind == VALUE_NUMBER && value->number <= UINT32_MAX;

	switch (name) {
	case AT_LOW_PC:
		entry->low = *value;
		return;
	case AT_HIGH_PC:
		entry->high = *value;
		return;
	case AT_RANGES:
		entry->ranges = *value;
		return;
	case AT_ABSTRACT_ORIGIN:
		entry->origin = *value;
		return;
	case AT_SPECIFICATION:
		entry->specification = *value;
		return;
	case AT_NAME:
		entry->name = *value;
		return;
	case AT_LINKAGE_NAME:
	case AT_MIPS_LINKAGE_NAME:
		entry->linkage = *value;
		return;
	case AT_CALL_FILE:
		entry->call_file = number ? (uint32_t)value->number : 0;
		return;
	case AT_CALL_LINE:
		entry->call_line = number ? (uint32_t)value->number : 0;
		return;
	default:
		return;
	}
}

void dwarf_entry_read(const struct abbrevs *abbrevs, const struct value_sizes *sizes,
		      struct cursor *c, struct dwarf_entry *entry)
{
	uint64_t code = cursor_uleb(c);
	const struct abbrev_field *field;
	struct value value;
	bool function;

	entry->abbrev = NULL;
	entry->sibling = (struct value){};
	if (!code || c->bad)
		return;
	entry->abbrev = abbrev_find(abbrevs, code);
	if (!entry->abbrev) {
		c->bad = true;
		return;
	}
	function = entry->abbrev->tag == TAG_SUBPROGRAM ||
		   entry->abbrev->tag == TAG_INLINED_SUBROUTINE;
	if (function)
		*entry = (struct dwarf_entry){.abbrev = entry->abbrev};
	field = abbrevs->fields.at + entry->abbrev->first;
	for (uint32_t i = 0; i < entry->abbrev->count && !c->bad; i++, field++) {
		value_read(c, sizes, field, &value);
		if (field->name == AT_SIBLING)
			entry->sibling = value;
		else if (function)
			field_take(entry, field->name, &value);
	}
}

struct dwarf_place dwarf_place_of(const struct dwarf_unit *unit, bool alt,
				  const struct value *reference)
{
	switch (reference->kind) {
	case VALUE_UNIT_REF:
		return (struct dwarf_place){alt, unit->offset + reference->number};
	case VALUE_REF:
		return (struct dwarf_place){alt, reference->number};
	case VALUE_ALT_REF:
		return (struct dwarf_place){true, reference->number};
	default:
		return (struct dwarf_place){alt, UINT64_MAX};
	}
}

/* ---- names ---- */

struct namer {
	struct dwarf *file[2]; /* its own, dwz's */
	struct dwarf_unit unit;
	bool unit_alt, has_unit;
	struct text_arena *arena;
};

/* Makes the unit that holds the place the namer's. */
static bool unit_enter(struct namer *n, const struct dwarf_place *place)
{
	struct dwarf *dwarf = n->file[place->alt];
	uint64_t offset;

	if (!dwarf)
		return false;
	offset = dwarf_unit_of(dwarf, place->offset);
	if (n->has_unit && n->unit_alt == place->alt && n->unit.offset == offset)
		return true;
	n->unit_alt = place->alt;
	n->has_unit =
		offset != UINT64_MAX && dwarf_unit_read(dwarf, offset, &n->unit) &&
		abbrevs_load(&dwarf->abbrevs, &dwarf->sections[DWARF_ABBREV], n->unit.abbrevs, 0);
	return n->has_unit;
}

static const char *text_of(struct namer *n, const struct value *value)
{
	struct dwarf_unit unit = n->unit;
	struct dwarf *dwarf = n->file[n->unit_alt];
	struct value local = *value;
	char text[SYMTAB_NAME];

	if (value->kind == VALUE_ALT_TEXT) {
		dwarf = n->file[1];
		local.kind = VALUE_TEXT_OFFSET;
	}
	if (!dwarf || !dwarf_text(dwarf, &unit, &local, text, sizeof(text)))
		return NULL;
	return text_copy(n->arena, text, strlen(text));
}

/* One step: the entry's own name, and where to go on for a mangled one. */
static void name_step(struct namer *n, struct dwarf_name *name)
{
	struct dwarf_place place = name->place;
	struct dwarf_entry entry;
	struct cursor c;
	const char *text;

	name->done = true;
	if (place.offset == UINT64_MAX || !unit_enter(n, &place) || place.offset < n->unit.root ||
	    place.offset >= n->unit.end)
		return;
	c = view_at(&n->file[place.alt]->sections[DWARF_INFO], place.offset, VIEW_WINDOW);
	if ((uint64_t)(c.end - c.at) > n->unit.end - place.offset)
		c.end = c.at + (n->unit.end - place.offset);
	dwarf_entry_read(&n->file[place.alt]->abbrevs, &n->unit.sizes, &c, &entry);
	if (c.bad || !entry.abbrev ||
	    (entry.abbrev->tag != TAG_SUBPROGRAM && entry.abbrev->tag != TAG_INLINED_SUBROUTINE))
		return;
	text = text_of(n, &entry.linkage);
	if (text) {
		name->text = text;
		return;
	}
	if (!name->text)
		name->text = text_of(n, &entry.name);
	name->place = dwarf_place_of(&n->unit, place.alt,
				     entry.origin.kind != VALUE_NONE ? &entry.origin
								     : &entry.specification);
	name->done = name->place.offset == UINT64_MAX;
}

static int name_compare(const void *left, const void *right)
{
	const struct dwarf_name *a = left, *b = right;

	if (a->done != b->done)
		return a->done - b->done;
	if (a->place.alt != b->place.alt)
		return a->place.alt - b->place.alt;
	if (a->place.offset != b->place.offset)
		return a->place.offset < b->place.offset ? -1 : 1;
	/* Those that came here by another entry, which may have had a name, are not the same. */
	return (a->text > b->text) - (a->text < b->text);
}

/*
 * All take their steps together, in the order of the file: each unit is entered once a round, and
 * an entry that many calls stand for is read once.
 */
void dwarf_names_find(struct dwarf *dwarf, struct dwarf *alt, struct dwarf_name *names,
		      size_t count, struct text_arena *arena)
{
	struct namer n = {.file = {dwarf, alt}, .arena = arena};

	for (int hop = 0; hop < MAX_HOPS && count; hop++) {
		struct dwarf_name before = {.done = true};

		qsort(names, count, sizeof(*names), name_compare);
		/* Loading abbreviations elsewhere may have replaced those of the unit. */
		n.has_unit = false;
		for (size_t i = 0; i < count && !names[i].done; i++) {
			struct dwarf_name asked = names[i];

			if (time_now() >= dwarf->deadline_ns)
				return;
			if (i && !name_compare(&asked, &before)) {
				names[i] = names[i - 1];
				names[i].owner = asked.owner;
			} else {
				name_step(&n, &names[i]);
			}
			before = asked;
		}
	}
}
