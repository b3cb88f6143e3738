/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "symbols/dwarf_entry.h"
#include "symbols/inlines.h"
#include "symbols/line_unit.h"
#include "symbols/split.h"
#include "symbols/symbols.h"
#include "util/clock.h"

#define MAX_UNIT     (64u << 20)
#define MAX_HEADER   (16u << 20)
#define MAX_UNPACKED (128ull << 20) /* of all sections of a file and dwz's together */
/* Functions around each other that are open at a time; deeper ones are taken for their callers. */
#define MAX_SCOPES   (2 * SYMBOLS_INLINED)
#define CLOCK_PERIOD 4096 /* entries between two looks at the clock */
#define NO_NODE      UINT32_MAX
#define FILES        64

/* A call that was inlined and holds a wanted address. */
struct node {
	uint32_t parent; /* the call it is in, NO_NODE = it is in a function of its own */
	struct dwarf_place function;
	uint32_t call_file, call_line;
	const char *call_source, *name;
	bool used;
};

/* A function or inlined call that the walk is in. */
struct scope {
	uint32_t depth;
	bool inlined;
	uint32_t node; /* of an inlined call, once it holds a wanted address */
	struct dwarf_place function;
	uint32_t call_file, call_line;
};

struct finder {
	struct lookup *lookups;
	size_t count;
	uint32_t *innermost; /* of each lookup: a node, NO_NODE = nothing is inlined there */
	struct dwarf dwarf, alt;
	bool has_alt;
	VEC(struct node) nodes;
	struct scope open[MAX_SCOPES];
	size_t open_count;
	bool hit; /* the ranges given last hold a wanted address */
	struct split split;
	struct line_names names;
	struct text_arena *arena;
};

/* ---- what holds which address ---- */

static void range_probe(void *context, uint64_t begin, uint64_t end)
{
	struct finder *f = context;
	size_t i = lookups_from(f->lookups, f->count, begin);

	f->hit |= i < f->count && f->lookups[i].address < end;
}

/* The node of the innermost open call, with those of the calls around it; made where there is none.
 */
static uint32_t node_open(struct finder *f)
{
	uint32_t parent = NO_NODE;

	for (size_t i = 0; i < f->open_count; i++) {
		struct scope *scope = &f->open[i];

		if (scope->inlined && scope->node == NO_NODE) {
			scope->node = (uint32_t)f->nodes.len;
			vec_push(&f->nodes, (struct node){.parent = parent,
							  .function = scope->function,
							  .call_file = scope->call_file,
							  .call_line = scope->call_line});
		}
		parent = scope->node;
	}
	return parent;
}

/* Entries come before what is in them: the last one to hold an address is the innermost. */
static void range_take(void *context, uint64_t begin, uint64_t end)
{
	struct finder *f = context;

	for (size_t i = lookups_from(f->lookups, f->count, begin);
	     i < f->count && f->lookups[i].address < end; i++) {
		if (!f->dwarf.work)
			return;
		f->dwarf.work--;
		f->innermost[i] = node_open(f);
		f->hit = true;
	}
}

/* ---- the entries of a unit ---- */

static void scope_enter(struct finder *f, const struct dwarf_unit *unit,
			const struct dwarf_entry *entry, uint32_t depth)
{
	bool inlined = entry->abbrev->tag == TAG_INLINED_SUBROUTINE;

	f->hit = false;
	if (f->open_count == MAX_SCOPES)
		return;
	f->open[f->open_count++] = (struct scope){
		.depth = depth,
		.inlined = inlined,
		.node = NO_NODE,
		.function = dwarf_place_of(unit, false, &entry->origin),
		.call_file = entry->call_file,
		.call_line = entry->call_line,
	};
	dwarf_ranges(&f->dwarf, unit, &entry->low, &entry->high, &entry->ranges, range_take, f);
}

/*
 * Types hold no code with the compilers that tell where they end, but for those within functions: a
 * lambda is one, and its code is there. The function around it may have no code of its own.
 */
static bool tag_is_type(uint16_t tag)
{
	enum { CLASS = 0x02, ENUMERATION = 0x04, STRUCTURE = 0x13, UNION = 0x17 };

	return tag == CLASS || tag == ENUMERATION || tag == STRUCTURE || tag == UNION;
}

static bool has_code(const struct dwarf_entry *entry)
{
	return entry->low.kind != VALUE_NONE || entry->ranges.kind != VALUE_NONE;
}

/* Past the children of an entry, where it says where they end. */
static bool children_skip(const struct dwarf_unit *unit, const uint8_t *bytes, struct cursor *c,
			  const struct value *sibling)
{
	uint64_t at = sibling->number;

	if (sibling->kind == VALUE_REF && at >= unit->offset)
		at -= unit->offset;
	else if (sibling->kind != VALUE_UNIT_REF)
		return false;
	/* Only onwards: no entry is read twice. */
	if (at > unit->end - unit->offset || bytes + at < c->at)
		return false;
	c->at = bytes + at;
	return true;
}

/* `bytes`: of the whole unit, header included. */
static void unit_walk(struct finder *f, const struct dwarf_unit *unit, const uint8_t *bytes)
{
	struct cursor c = {bytes + (unit->root - unit->offset), bytes + (unit->end - unit->offset),
			   false};
	struct dwarf_entry entry = {};
	uint32_t depth = 0, entries = 0;

	f->open_count = 0;
	do {
		bool function;

		dwarf_entry_read(&f->dwarf.abbrevs, &unit->sizes, &c, &entry);
		if (c.bad || (++entries % CLOCK_PERIOD == 0 && time_now() >= f->dwarf.deadline_ns))
			return;
		if (!entry.abbrev) {
			depth -= depth > 0;
			continue;
		}
		while (f->open_count && f->open[f->open_count - 1].depth >= depth)
			f->open_count--;
		function = entry.abbrev->tag == TAG_SUBPROGRAM ||
			   entry.abbrev->tag == TAG_INLINED_SUBROUTINE;
		if (function)
			scope_enter(f, unit, &entry, depth);
		if (!entry.abbrev->children)
			continue;
		if (((function && !f->hit && has_code(&entry)) ||
		     (!f->open_count && tag_is_type(entry.abbrev->tag))) &&
		    children_skip(unit, bytes, &c, &entry.sibling))
			continue;
		depth++;
	} while (depth && c.at < c.end);
}

/* ---- source files of calls ---- */

/* The header of the unit's line table; `bytes` is to be freed. */
static bool lines_open(struct finder *f, const struct dwarf_unit *unit, struct line_unit *lines,
		       uint8_t **bytes)
{
	struct view *section = &f->dwarf.sections[DWARF_LINE];
	struct cursor c = view_at(section, unit->line, 32);
	uint64_t body = unit->line + 4, length;
	uint8_t offset_size = 4;
	uint16_t version;
	const uint8_t *begin;

	*bytes = NULL;
	if (cursor_fixed(&c, 4) == UINT32_MAX) {
		cursor_fixed(&c, 8);
		offset_size = 8;
		body += 8;
	}
	begin = c.at;
	version = (uint16_t)cursor_fixed(&c, 2);
	if (version == 5)
		cursor_fixed(&c, 2);
	length = cursor_fixed(&c, offset_size);
	if (c.bad || length > MAX_HEADER)
		return false;
	length += (uint64_t)(c.at - begin);
	*bytes = view_copy(section, body, length);
	return *bytes && line_unit_read(lines, *bytes, (size_t)length, offset_size);
}

static void sources_name(struct finder *f, const struct dwarf_unit *unit, size_t first)
{
	struct {
		uint32_t file; /* + 1 */
		const char *source;
	} known[FILES] = {};
	struct line_unit lines;
	char path[LINE_SOURCE];
	uint8_t *bytes = NULL;

	if (first == f->nodes.len || !lines_open(f, unit, &lines, &bytes)) {
		free(bytes);
		return;
	}
	for (size_t i = first; i < f->nodes.len && time_now() < f->dwarf.deadline_ns; i++) {
		uint32_t file = f->nodes.at[i].call_file, slot = file % FILES;

		if (known[slot].file != file + 1) {
			known[slot].file = file + 1;
			known[slot].source = line_file_find(&f->names, &lines, file, path)
						     ? text_copy(f->arena, path, strlen(path))
						     : NULL;
		}
		f->nodes.at[i].call_source = known[slot].source;
	}
	free(bytes);
}

/* ---- all units ---- */

/* Of the nodes from the first of these on, which are those of f->dwarf. */
static void functions_name(struct finder *f, size_t first)
{
	VEC(struct dwarf_name) names = {};

	for (size_t i = 0; i < f->count; i++)
		for (uint32_t at = f->innermost[i]; at != NO_NODE && at >= first;
		     at = f->nodes.at[at].parent) {
			struct node *node = &f->nodes.at[at];

			if (node->used)
				break;
			node->used = true;
			vec_push(&names, (struct dwarf_name){.place = node->function, .owner = at});
		}
	dwarf_names_find(&f->dwarf, f->has_alt ? &f->alt : NULL, names.at, names.len, f->arena);
	vec_each(&names, name)
		f->nodes.at[name->owner].name = name->text;
	vec_free(&names);
}

static void unit_run(struct finder *f, const struct dwarf_unit *unit)
{
	uint64_t size = unit->end - unit->offset;
	size_t first = f->nodes.len;
	uint8_t *bytes = NULL;

	if (size <= MAX_UNIT)
		bytes = view_copy(&f->dwarf.sections[DWARF_INFO], unit->offset, size);
	if (bytes &&
	    abbrevs_load(&f->dwarf.abbrevs, &f->dwarf.sections[DWARF_ABBREV], unit->abbrevs, 0))
		unit_walk(f, unit, bytes);
	free(bytes);
	sources_name(f, unit, first);
}

/* A unit in a file of its own, of which nothing is left open. Takes `dwarf`. */
static void split_run(struct finder *f, const struct dwarf *dwarf, const struct dwarf_unit *unit)
{
	struct dwarf main = f->dwarf;
	size_t first = f->nodes.len;

	f->dwarf = *dwarf;
	f->dwarf.work = main.work;
	unit_run(f, unit);
	functions_name(f, first);
	main.work = f->dwarf.work;
	dwarf_close(&f->dwarf);
	f->dwarf = main;
}

static void unit_search(struct finder *f, uint64_t offset)
{
	struct dwarf_unit unit, full;
	struct dwarf dwarf;

	if (!dwarf_unit_read(&f->dwarf, offset, &unit))
		return;
	f->hit = false;
	dwarf_ranges(&f->dwarf, &unit, &unit.low, &unit.high, &unit.ranges, range_probe, f);
	if (!f->hit)
		return;
	if (split_open(&f->split, &f->dwarf, &unit, &dwarf, &full))
		split_run(f, &dwarf, &full);
	else
		unit_run(f, &unit);
}

/* Each function gets the line of the call in it, the innermost that of the place. */
static void lookup_answer(const struct finder *f, struct lookup *lookup, uint32_t innermost)
{
	uint32_t chain[MAX_SCOPES] = {}, count = 0, kept;
	struct name_inlined place = {.source = lookup->source, .line = lookup->line};

	for (uint32_t at = innermost; at != NO_NODE && count < MAX_SCOPES;
	     at = f->nodes.at[at].parent)
		chain[count++] = at;
	/* What is in a function without a name is told as the line of its call. */
	for (kept = 0; kept < count && kept < SYMBOLS_INLINED; kept++)
		if (!f->nodes.at[chain[count - 1 - kept]].name)
			break;
	lookup->inlined = text_take(f->arena, kept * sizeof(*lookup->inlined));
	if (!lookup->inlined)
		return;
	lookup->inlined_count = kept;
	for (uint32_t i = 0; i < kept; i++) {
		const struct node *node = &f->nodes.at[chain[count - 1 - i]];
		const struct node *next = i + 1 < count ? &f->nodes.at[chain[count - 2 - i]] : NULL;

		lookup->inlined[i] = (struct name_inlined){
			.function = node->name,
			.source = next ? next->call_source : place.source,
			.line = next ? next->call_line : place.line,
		};
	}
	lookup->source = f->nodes.at[chain[count - 1]].call_source;
	lookup->line = f->nodes.at[chain[count - 1]].call_line;
}

static void units_search(struct finder *f)
{
	for (size_t i = 0; i < f->dwarf.units.len && time_now() < f->dwarf.deadline_ns; i++)
		unit_search(f, f->dwarf.units.at[i]);
	functions_name(f, 0);
	for (size_t i = 0; i < f->count; i++)
		if (f->innermost[i] != NO_NODE)
			lookup_answer(f, &f->lookups[i], f->innermost[i]);
}

void inlines_find(const struct image *image, const struct image *alt, struct lookup *lookups,
		  size_t count, const struct naming *naming)
{
	uint64_t budget = MAX_UNPACKED, deadline_ns = naming->inlines_deadline_ns;
	struct finder f = {
		.lookups = lookups,
		.count = count,
		.names.image = image,
		.arena = naming->arena,
		.split = {.image = image, .naming = naming, .budget = &budget},
	};

	if (!count || !image_section(image, ".debug_info") || time_now() >= deadline_ns)
		return;
	f.innermost = malloc(count * sizeof(*f.innermost));
	if (!f.innermost)
		return;
	for (size_t i = 0; i < count; i++)
		f.innermost[i] = NO_NODE;
	if (dwarf_open(&f.dwarf, image, &budget, deadline_ns)) {
		f.has_alt = alt && dwarf_open(&f.alt, alt, &budget, deadline_ns);
		units_search(&f);
	}
	split_close(&f.split);
	dwarf_close(&f.dwarf);
	if (alt)
		dwarf_close(&f.alt);
	free(f.names.text);
	free(f.innermost);
	vec_free(&f.nodes);
}
