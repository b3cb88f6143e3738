/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "symbols/dwarf.h"
#include "util/clock.h"

/* The largest programs known have some 200,000; each is a header of 11 bytes at least. */
#define MAX_UNITS (1u << 20)
/* Entries of range lists, and addresses that are found in them. */
#define MAX_WORK (1ull << 26)

/* DWARF 5, section 7.5.1 */
enum {
	UNIT_TYPE = 2,
	UNIT_SKELETON = 4,
	UNIT_SPLIT_COMPILE = 5,
	UNIT_SPLIT_TYPE = 6,
};

/* DWARF 5, section 7.25 */
enum {
	RLE_END_OF_LIST,
	RLE_BASE_ADDRESSX,
	RLE_STARTX_ENDX,
	RLE_STARTX_LENGTH,
	RLE_OFFSET_PAIR,
	RLE_BASE_ADDRESS,
	RLE_START_END,
	RLE_START_LENGTH,
};

/* ---- the file ---- */

/* The end of the unit at `offset`, and where its header goes on behind the length; 0 = broken. */
static uint64_t length_read(struct view *info, uint64_t offset, struct cursor *c,
			    uint8_t *offset_size)
{
	uint64_t length;
	const uint8_t *begin;

	*c = view_at(info, offset, 64);
	begin = c->at;
	length = cursor_fixed(c, 4);
	*offset_size = length == UINT32_MAX ? 8 : 4;
	if (length == UINT32_MAX)
		length = cursor_fixed(c, 8);
	if (c->bad || length > info->size ||
	    offset + (uint64_t)(c->at - begin) > info->size - length)
		return 0;
	return offset + (uint64_t)(c->at - begin) + length;
}

static void units_list(struct dwarf *dwarf)
{
	struct view *info = &dwarf->sections[DWARF_INFO];
	uint64_t offset = 0;
	uint8_t offset_size;
	struct cursor c;

	while (offset < info->size && dwarf->units.len < MAX_UNITS &&
	       time_now() < dwarf->deadline_ns) {
		uint64_t end = length_read(info, offset, &c, &offset_size);

		if (!end)
			return;
		vec_push(&dwarf->units, offset);
		offset = end;
	}
}

static const char *const section_names[DWARF_SECTIONS] = {
	[DWARF_INFO] = ".debug_info",         [DWARF_ABBREV] = ".debug_abbrev",
	[DWARF_STR] = ".debug_str",           [DWARF_STR_OFFSETS] = ".debug_str_offsets",
	[DWARF_LINE_STR] = ".debug_line_str", [DWARF_ADDR] = ".debug_addr",
	[DWARF_RANGES] = ".debug_ranges",     [DWARF_RNGLISTS] = ".debug_rnglists",
	[DWARF_LINE] = ".debug_line",
};

bool dwarf_open(struct dwarf *dwarf, const struct image *image, uint64_t *budget,
		uint64_t deadline_ns)
{
	*dwarf = (struct dwarf){.image = image, .deadline_ns = deadline_ns, .work = MAX_WORK};
	for (int i = 0; i < DWARF_SECTIONS; i++)
		view_open(&dwarf->sections[i], image, section_names[i], budget, deadline_ns);
	return dwarf_list(dwarf);
}

void dwarf_open_split(struct dwarf *dwarf, const struct image *image, const struct image *main,
		      uint64_t *budget, uint64_t deadline_ns)
{
	*dwarf = (struct dwarf){.image = image, .deadline_ns = deadline_ns, .work = MAX_WORK};
	for (int i = 0; i < DWARF_SECTIONS; i++) {
		bool stays = i == DWARF_ADDR || i == DWARF_RANGES || i == DWARF_LINE_STR;
		char name[32];

		snprintf(name, sizeof(name), "%s%s", section_names[i], stays ? "" : ".dwo");
		view_open(&dwarf->sections[i], stays ? main : image, name, budget, deadline_ns);
	}
}

bool dwarf_list(struct dwarf *dwarf)
{
	units_list(dwarf);
	return dwarf->units.len;
}

void dwarf_close(struct dwarf *dwarf)
{
	for (int i = 0; i < DWARF_SECTIONS; i++)
		view_close(&dwarf->sections[i]);
	vec_free(&dwarf->units);
	abbrevs_free(&dwarf->abbrevs);
}

/* ---- units ---- */

static void root_field(struct dwarf_unit *unit, uint16_t name, const struct value *value)
{
	bool is_offset = value->kind == VALUE_OFFSET || value->kind == VALUE_NUMBER;

	switch (name) {
	case AT_LOW_PC:
		unit->low = *value;
		return;
	case AT_HIGH_PC:
		unit->high = *value;
		return;
	case AT_RANGES:
		unit->ranges = *value;
		return;
	case AT_STMT_LIST:
		if (is_offset)
			unit->line = value->number;
		return;
	case AT_STR_OFFSETS_BASE:
		if (is_offset)
			unit->str_offsets_base = value->number;
		return;
	case AT_ADDR_BASE:
	case AT_GNU_ADDR_BASE:
		if (is_offset)
			unit->addr_base = value->number;
		return;
	case AT_RNGLISTS_BASE:
		if (is_offset)
			unit->rnglists_base = value->number;
		return;
	case AT_GNU_RANGES_BASE:
		if (is_offset)
			unit->split_ranges_base = value->number;
		return;
	case AT_GNU_DWO_ID:
		unit->has_dwo_id = is_offset;
		unit->dwo_id = value->number;
		return;
	case AT_DWO_NAME:
	case AT_GNU_DWO_NAME:
		unit->dwo_name = *value;
		return;
	case AT_COMP_DIR:
		unit->directory = *value;
		return;
	default:
		return;
	}
}

static bool root_read(struct dwarf *dwarf, struct dwarf_unit *unit)
{
	struct cursor c = view_at(&dwarf->sections[DWARF_INFO], unit->root, VIEW_WINDOW);
	const struct abbrev *abbrev;
	struct value value;
	uint64_t code;

	if ((uint64_t)(c.end - c.at) > unit->end - unit->root)
		c.end = c.at + (unit->end - unit->root);
	code = cursor_uleb(&c);
	if (c.bad || !code ||
	    !abbrevs_load(&dwarf->abbrevs, &dwarf->sections[DWARF_ABBREV], unit->abbrevs, code))
		return false;
	abbrev = abbrev_find(&dwarf->abbrevs, code);
	for (uint32_t i = 0; abbrev && i < abbrev->count && !c.bad; i++) {
		const struct abbrev_field *field = &dwarf->abbrevs.fields.at[abbrev->first + i];

		value_read(&c, &unit->sizes, field, &value);
		if (!c.bad)
			root_field(unit, field->name, &value);
	}
	return abbrev && !c.bad;
}

/* The header behind its length: DWARF 5, section 7.5.1.1; before, 7.5.1.1 of version 4. */
static bool header_read(struct dwarf_unit *unit, struct cursor *c, const uint8_t *begin)
{
	uint8_t type = 0;

	unit->sizes.version = (uint16_t)cursor_fixed(c, 2);
	if (unit->sizes.version < 2 || unit->sizes.version > 5)
		return false;
	if (unit->sizes.version == 5) {
		type = (uint8_t)cursor_fixed(c, 1);
		unit->sizes.address_size = (uint8_t)cursor_fixed(c, 1);
	}
	unit->abbrevs = cursor_fixed(c, unit->sizes.offset_size);
	if (unit->sizes.version < 5)
		unit->sizes.address_size = (uint8_t)cursor_fixed(c, 1);
	unit->has_dwo_id = type == UNIT_SKELETON || type == UNIT_SPLIT_COMPILE;
	if (unit->has_dwo_id)
		unit->dwo_id = cursor_fixed(c, 8);
	else if (type == UNIT_TYPE || type == UNIT_SPLIT_TYPE)
		cursor_skip(c, 8u + unit->sizes.offset_size);
	unit->root = unit->offset + (uint64_t)(c->at - begin);
	return !c->bad && unit->root < unit->end &&
	       (unit->sizes.address_size == 4 || unit->sizes.address_size == 8);
}

bool dwarf_unit_read(struct dwarf *dwarf, uint64_t offset, struct dwarf_unit *unit)
{
	struct cursor c;

	*unit = (struct dwarf_unit){.offset = offset, .line = UINT64_MAX};
	unit->end = length_read(&dwarf->sections[DWARF_INFO], offset, &c, &unit->sizes.offset_size);
	if (!unit->end)
		return false;
	if (!header_read(unit, &c, c.at - (unit->sizes.offset_size == 8 ? 12 : 4)))
		return false;
	/* Behind the section's own header, where the root does not say where it begins. */
	unit->str_offsets_base = unit->sizes.version == 5 ? 2ull * unit->sizes.offset_size : 0;
	return root_read(dwarf, unit);
}

uint64_t dwarf_unit_of(const struct dwarf *dwarf, uint64_t offset)
{
	size_t low = 0, high = dwarf->units.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (dwarf->units.at[middle] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? dwarf->units.at[low - 1] : UINT64_MAX;
}

/* ---- values that refer to other sections ---- */

static bool address_at(struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t index,
		       uint64_t *address)
{
	struct view *table = &dwarf->sections[DWARF_ADDR];
	struct cursor c;

	if (index > table->size || unit->addr_base > table->size)
		return false;
	c = view_at(table, unit->addr_base + index * unit->sizes.address_size,
		    unit->sizes.address_size);
	*address = cursor_fixed(&c, unit->sizes.address_size);
	return !c.bad;
}

bool dwarf_address(struct dwarf *dwarf, const struct dwarf_unit *unit, const struct value *value,
		   uint64_t *address)
{
	if (value->kind == VALUE_ADDRESS) {
		*address = value->number;
		return true;
	}
	return value->kind == VALUE_ADDRESS_INDEX &&
	       address_at(dwarf, unit, value->number, address);
}

bool dwarf_text(struct dwarf *dwarf, const struct dwarf_unit *unit, const struct value *value,
		char *to, size_t size)
{
	struct view *offsets = &dwarf->sections[DWARF_STR_OFFSETS];
	uint64_t at = value->number;
	struct cursor c;

	*to = '\0';
	switch (value->kind) {
	case VALUE_TEXT: {
		size_t length = strnlen(value->text, size - 1);

		memcpy(to, value->text, length);
		to[length] = '\0';
		break;
	}
	case VALUE_TEXT_INDEX:
		if (at > offsets->size || unit->str_offsets_base > offsets->size)
			return false;
		c = view_at(offsets, unit->str_offsets_base + at * unit->sizes.offset_size,
			    unit->sizes.offset_size);
		at = cursor_fixed(&c, unit->sizes.offset_size);
		if (c.bad)
			return false;
		/* fall through */
	case VALUE_TEXT_OFFSET:
		view_text(&dwarf->sections[DWARF_STR], at, to, size);
		break;
	case VALUE_LINE_TEXT:
		view_text(&dwarf->sections[DWARF_LINE_STR], at, to, size);
		break;
	default:
		return false;
	}
	return *to;
}

/* ---- ranges ---- */

struct range_list {
	struct dwarf *dwarf;
	const struct dwarf_unit *unit;
	uint64_t base;
	bool dropped; /* the linker has thrown away the code at `base` */
	range_taker *take;
	void *context;
};

static void range_give(const struct range_list *list, uint64_t begin, uint64_t end)
{
	if (begin && begin < end)
		list->take(list->context, begin, end);
}

/* Instead of the address of code that it dropped, a linker leaves 0 or the last address. */
static void base_set(struct range_list *list, uint64_t base)
{
	list->base = base;
	list->dropped = !base || base >= UINT64_MAX - 1 ||
			(list->unit->sizes.address_size == 4 && base >= UINT32_MAX - 1);
}

/* DWARF 4, section 2.17.3: pairs of offsets; the largest address sets a new base. */
static void ranges_v4(struct range_list *list, uint64_t offset)
{
	size_t size = list->unit->sizes.address_size;
	uint64_t most = size == 8 ? UINT64_MAX : UINT32_MAX;

	for (; list->dwarf->work; list->dwarf->work--, offset += 2 * size) {
		struct cursor c = view_at(&list->dwarf->sections[DWARF_RANGES], offset, 2 * size);
		uint64_t begin = cursor_fixed(&c, size), end = cursor_fixed(&c, size);

		if (c.bad || (!begin && !end))
			return;
		if (begin == most)
			base_set(list, end);
		else if (!list->dropped)
			range_give(list, list->base + begin, list->base + end);
	}
}

/* One entry of DWARF 5, section 2.17.3; false at the end. */
static bool entry_v5(struct range_list *list, struct cursor *c)
{
	size_t size = list->unit->sizes.address_size;
	uint64_t begin = 0, end = 0;
	bool known = true;

	switch (cursor_fixed(c, 1)) {
	case RLE_BASE_ADDRESSX:
		known = address_at(list->dwarf, list->unit, cursor_uleb(c), &begin);
		base_set(list, begin);
		begin = end = 0;
		break;
	case RLE_STARTX_ENDX:
		known = address_at(list->dwarf, list->unit, cursor_uleb(c), &begin) &&
			address_at(list->dwarf, list->unit, cursor_uleb(c), &end);
		break;
	case RLE_STARTX_LENGTH:
		known = address_at(list->dwarf, list->unit, cursor_uleb(c), &begin);
		end = begin + cursor_uleb(c);
		break;
	case RLE_OFFSET_PAIR:
		begin = list->base + cursor_uleb(c);
		end = list->base + cursor_uleb(c);
		if (list->dropped)
			end = begin;
		break;
	case RLE_BASE_ADDRESS:
		base_set(list, cursor_fixed(c, size));
		break;
	case RLE_START_END:
		begin = cursor_fixed(c, size);
		end = cursor_fixed(c, size);
		break;
	case RLE_START_LENGTH:
		begin = cursor_fixed(c, size);
		end = begin + cursor_uleb(c);
		break;
	default:
		return false;
	}
	if (c->bad || !known)
		return false;
	range_give(list, begin, end);
	return true;
}

static void ranges_v5(struct range_list *list, uint64_t offset)
{
	for (; list->dwarf->work; list->dwarf->work--) {
		/* A kind and two numbers of 10 bytes at most. */
		struct cursor c = view_at(&list->dwarf->sections[DWARF_RNGLISTS], offset, 24);
		const uint8_t *begin = c.at;

		if (!entry_v5(list, &c))
			return;
		offset += (uint64_t)(c.at - begin);
	}
}

static bool range_offset(struct dwarf *dwarf, const struct dwarf_unit *unit,
			 const struct value *ranges, uint64_t *offset)
{
	struct view *lists = &dwarf->sections[DWARF_RNGLISTS];
	struct cursor c;

	*offset = ranges->number + (unit->sizes.version < 5 ? unit->ranges_base : 0);
	if (ranges->kind == VALUE_OFFSET || ranges->kind == VALUE_NUMBER)
		return true;
	if (ranges->kind != VALUE_RANGE_INDEX || ranges->number > lists->size ||
	    unit->rnglists_base > lists->size)
		return false;
	c = view_at(lists, unit->rnglists_base + ranges->number * unit->sizes.offset_size,
		    unit->sizes.offset_size);
	*offset = unit->rnglists_base + cursor_fixed(&c, unit->sizes.offset_size);
	return !c.bad;
}

void dwarf_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, const struct value *low,
		  const struct value *high, const struct value *ranges, range_taker *take,
		  void *context)
{
	struct range_list list = {.dwarf = dwarf, .unit = unit, .take = take, .context = context};
	uint64_t begin, end, offset;

	if (ranges->kind != VALUE_NONE) {
		dwarf_address(dwarf, unit, &unit->low, &list.base);
		if (!range_offset(dwarf, unit, ranges, &offset))
			return;
		if (unit->sizes.version < 5)
			ranges_v4(&list, offset);
		else
			ranges_v5(&list, offset);
		return;
	}
	if (!dwarf_address(dwarf, unit, low, &begin))
		return;
	/* A number is a length since version 4. */
	if (high->kind == VALUE_NUMBER)
		end = begin + high->number;
	else if (!dwarf_address(dwarf, unit, high, &end))
		return;
	range_give(&list, begin, end);
}
