/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "symbols/beside.h"
#include "symbols/split.h"
#include "util/clock.h"

/* Of the index of a package: units of the largest programs known, and kinds of sections. */
#define MAX_SLOTS    (1u << 22)
#define MAX_SECTIONS 16
#define MAX_PROBES   4096 /* of the index, at most two thirds of which are in use */

/* Which sections a package's index tells of: DWARF 5, section 7.3.5.3; version 2 is GCC's for 4. */
static enum dwarf_section section_of(uint32_t version, uint32_t id)
{
	switch (id) {
	case 1:
		return DWARF_INFO;
	case 3:
		return DWARF_ABBREV;
	case 4:
		return DWARF_LINE;
	case 6:
		return DWARF_STR_OFFSETS;
	case 8:
		return version == 5 ? DWARF_RNGLISTS : DWARF_SECTIONS;
	default:
		return DWARF_SECTIONS;
	}
}

/* ---- packages ---- */

struct package_index {
	struct view view;
	uint32_t version, sections, units, slots;
};

static uint64_t number_at(struct view *view, uint64_t offset, size_t size)
{
	struct cursor c = view_at(view, offset, size);

	return cursor_fixed(&c, size);
}

static bool index_open(struct package_index *index, struct split *split, uint64_t deadline_ns)
{
	view_open(&index->view, &split->package, ".debug_cu_index", split->budget, deadline_ns);
	index->version = (uint16_t)number_at(&index->view, 0, 4);
	index->sections = (uint32_t)number_at(&index->view, 4, 4);
	index->units = (uint32_t)number_at(&index->view, 8, 4);
	index->slots = (uint32_t)number_at(&index->view, 12, 4);
	return (index->version == 2 || index->version == 5) && index->sections <= MAX_SECTIONS &&
	       index->slots && index->slots <= MAX_SLOTS && !(index->slots & (index->slots - 1)) &&
	       index->units <= index->slots;
}

/* The row of the unit of that number, 0 = it is not there (DWARF 5, section 7.3.5.3). */
static uint32_t index_row(struct package_index *index, uint64_t id)
{
	uint32_t mask = index->slots - 1, slot = (uint32_t)id & mask;
	uint32_t step = ((uint32_t)(id >> 32) & mask) | 1;

	for (uint32_t i = 0; i < MAX_PROBES; i++, slot = (slot + step) & mask) {
		uint64_t found = number_at(&index->view, 16 + 8ull * slot, 8);
		uint32_t row = (uint32_t)number_at(&index->view,
						   16 + 8ull * index->slots + 4ull * slot, 4);

		if (!row)
			return 0;
		if (found == id)
			return row <= index->units ? row : 0;
	}
	return 0;
}

static bool view_narrow(struct view *view, uint64_t offset, uint64_t size)
{
	if (offset > view->size || size > view->size - offset)
		return false;
	view->offset += offset;
	view->size = size;
	view->length = 0;
	return true;
}

/* Leaves of each section what is the unit's own. Texts are everybody's. */
static bool unit_narrow(struct package_index *index, uint64_t id, struct dwarf *dwarf)
{
	uint64_t ids = 16 + 12ull * index->slots, row = index_row(index, id);
	uint64_t offsets = ids + 4ull * index->sections * row;
	uint64_t sizes = offsets + 4ull * index->sections * index->units;
	bool has_lines = false;

	if (!row)
		return false;
	for (uint32_t i = 0; i < index->sections; i++) {
		enum dwarf_section section = section_of(
			index->version, (uint32_t)number_at(&index->view, ids + 4ull * i, 4));

		has_lines |= section == DWARF_LINE;
		if (section != DWARF_SECTIONS &&
		    !view_narrow(&dwarf->sections[section],
				 number_at(&index->view, offsets + 4ull * i, 4),
				 number_at(&index->view, sizes + 4ull * i, 4)))
			return false;
	}
	if (!has_lines)
		dwarf->sections[DWARF_LINE].size = 0;
	return true;
}

static void package_find(struct split *split)
{
	uint32_t place = 0;
	int fd;

	if (split->tried)
		return;
	split->tried = true;
	split->package.fd = -1;
	fd = beside_open(split->naming, BESIDE_PACKAGE, &place, "");
	if (fd < 0 || !image_open(&split->package, fd))
		return;
	close(fd);
	split->package.fd = -1;
}

static bool package_open(struct split *split, const struct dwarf *skeletons, uint64_t id,
			 struct dwarf *dwarf)
{
	struct package_index index;
	bool good;

	package_find(split);
	if (split->package.fd < 0)
		return false;
	good = index_open(&index, split, skeletons->deadline_ns);
	if (good) {
		dwarf_open_split(dwarf, &split->package, split->image, split->budget,
				 skeletons->deadline_ns);
		good = unit_narrow(&index, id, dwarf) && dwarf_list(dwarf);
		if (!good)
			dwarf_close(dwarf);
	}
	view_close(&index.view);
	return good;
}

/* ---- single files ---- */

static void file_close(struct split *split)
{
	if (split->has_file)
		image_close(&split->file);
	split->has_file = false;
}

static bool file_open_dwo(struct split *split, struct dwarf *skeletons,
			  const struct dwarf_unit *skeleton, struct dwarf *dwarf)
{
	char name[BESIDE_TEXT / 2], directory[BESIDE_TEXT / 2] = "", path[BESIDE_TEXT];
	uint32_t place = 0;
	int fd;

	if (!dwarf_text(skeletons, skeleton, &skeleton->dwo_name, name, sizeof(name)))
		return false;
	if (*name != '/' &&
	    (!dwarf_text(skeletons, skeleton, &skeleton->directory, directory, sizeof(directory)) ||
	     *directory != '/'))
		return false;
	snprintf(path, sizeof(path), "%s%s%s", directory, *directory ? "/" : "", name);
	fd = beside_open(split->naming, BESIDE_UNIT, &place, path);
	if (fd < 0)
		return false;
	if (image_open(&split->file, fd)) {
		close(fd);
		return false;
	}
	split->has_file = true;
	dwarf_open_split(dwarf, &split->file, split->image, split->budget, skeletons->deadline_ns);
	if (dwarf_list(dwarf))
		return true;
	dwarf_close(dwarf);
	return false;
}

/* ---- units ---- */

/* What the skeleton knows for its full unit. */
static void unit_complete(struct dwarf *dwarf, const struct split *split, struct dwarf_unit *unit,
			  const struct dwarf_unit *skeleton)
{
	struct view *line = &dwarf->sections[DWARF_LINE];

	unit->addr_base = skeleton->addr_base;
	unit->ranges_base = skeleton->split_ranges_base;
	if (unit->low.kind == VALUE_NONE)
		unit->low = skeleton->low;
	/* Behind the section's own header (DWARF 5, section 7.28). */
	if (!unit->rnglists_base)
		unit->rnglists_base = unit->sizes.offset_size == 8 ? 20 : 12;
	/* The numbers of source files: by a table of its own, or by the skeleton's. */
	if (line->size) {
		unit->line = unit->line == UINT64_MAX ? 0 : unit->line;
		return;
	}
	view_close(line);
	view_open(line, split->image, ".debug_line", split->budget, dwarf->deadline_ns);
	unit->line = skeleton->line;
}

/* The unit of that number; a .dwo file has one, beside units of types. */
static bool unit_find(struct dwarf *dwarf, uint64_t id, struct dwarf_unit *unit)
{
	for (size_t i = 0; i < dwarf->units.len && time_now() < dwarf->deadline_ns; i++)
		if (dwarf_unit_read(dwarf, dwarf->units.at[i], unit) && unit->has_dwo_id &&
		    unit->dwo_id == id)
			return true;
	return false;
}

bool split_open(struct split *split, struct dwarf *skeletons, const struct dwarf_unit *skeleton,
		struct dwarf *dwarf, struct dwarf_unit *unit)
{
	if (!skeleton->has_dwo_id)
		return false;
	file_close(split);
	if (!package_open(split, skeletons, skeleton->dwo_id, dwarf) &&
	    !file_open_dwo(split, skeletons, skeleton, dwarf))
		return false;
	if (unit_find(dwarf, skeleton->dwo_id, unit)) {
		unit_complete(dwarf, split, unit, skeleton);
		return true;
	}
	dwarf_close(dwarf);
	return false;
}

void split_close(struct split *split)
{
	file_close(split);
	if (split->tried && split->package.fd >= 0)
		image_close(&split->package);
}
