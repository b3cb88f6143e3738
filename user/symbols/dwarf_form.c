/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "symbols/dwarf_form.h"

/* A table of a large C++ unit has some 400 entries of some 6 fields. */
#define MAX_CODES  16384
#define MAX_FIELDS (4 * MAX_CODES)
/* One declaration: compilers write at most some 20 fields of 2 to 12 bytes. */
#define MAX_DECLARATION 1024

enum {
	FORM_ADDR = 0x01,
	FORM_BLOCK2 = 0x03,
	FORM_BLOCK4 = 0x04,
	FORM_DATA2 = 0x05,
	FORM_DATA4 = 0x06,
	FORM_DATA8 = 0x07,
	FORM_STRING = 0x08,
	FORM_BLOCK = 0x09,
	FORM_BLOCK1 = 0x0a,
	FORM_DATA1 = 0x0b,
	FORM_FLAG = 0x0c,
	FORM_SDATA = 0x0d,
	FORM_STRP = 0x0e,
	FORM_UDATA = 0x0f,
	FORM_REF_ADDR = 0x10,
	FORM_REF1 = 0x11,
	FORM_REF2 = 0x12,
	FORM_REF4 = 0x13,
	FORM_REF8 = 0x14,
	FORM_REF_UDATA = 0x15,
	FORM_INDIRECT = 0x16,
	FORM_SEC_OFFSET = 0x17,
	FORM_EXPRLOC = 0x18,
	FORM_FLAG_PRESENT = 0x19,
	FORM_STRX = 0x1a,
	FORM_ADDRX = 0x1b,
	FORM_REF_SUP4 = 0x1c,
	FORM_STRP_SUP = 0x1d,
	FORM_DATA16 = 0x1e,
	FORM_LINE_STRP = 0x1f,
	FORM_REF_SIG8 = 0x20,
	FORM_IMPLICIT_CONST = 0x21,
	FORM_LOCLISTX = 0x22,
	FORM_RNGLISTX = 0x23,
	FORM_REF_SUP8 = 0x24,
	FORM_STRX1 = 0x25,
	FORM_STRX2 = 0x26,
	FORM_STRX3 = 0x27,
	FORM_STRX4 = 0x28,
	FORM_ADDRX1 = 0x29,
	FORM_ADDRX2 = 0x2a,
	FORM_ADDRX3 = 0x2b,
	FORM_ADDRX4 = 0x2c,
	FORM_GNU_ADDR_INDEX = 0x1f01,
	FORM_GNU_STR_INDEX = 0x1f02,
	FORM_GNU_REF_ALT = 0x1f20,
	FORM_GNU_STRP_ALT = 0x1f21,
};

/* ---- abbreviations ---- */

static uint16_t number16(struct cursor *c)
{
	uint64_t number = cursor_uleb(c);

	return number > UINT16_MAX ? UINT16_MAX : (uint16_t)number;
}

static bool declaration_read(struct abbrevs *abbrevs, struct cursor *c, uint64_t code)
{
	struct abbrev abbrev = {.code = code, .first = (uint32_t)abbrevs->fields.len};

	abbrev.tag = number16(c);
	abbrev.children = cursor_fixed(c, 1);
	while (!c->bad) {
		struct abbrev_field field = {.name = number16(c)};

		field.form = number16(c);
		if (field.form == FORM_IMPLICIT_CONST)
			field.constant = cursor_sleb(c);
		if (c->bad || (!field.name && !field.form))
			break;
		vec_push(&abbrevs->fields, field);
		abbrev.count++;
	}
	if (c->bad)
		return false;
	vec_push(&abbrevs->at, abbrev);
	return true;
}

static int abbrev_compare(const void *left, const void *right)
{
	const struct abbrev *a = left, *b = right;

	return a->code < b->code ? -1 : a->code > b->code;
}

bool abbrevs_load(struct abbrevs *abbrevs, struct view *section, uint64_t offset, uint64_t only)
{
	uint64_t at = offset, code = 0;
	bool good = false;

	if (abbrevs->at.len && abbrevs->offset == offset &&
	    (abbrevs->whole || (only && abbrev_find(abbrevs, only))))
		return true;
	abbrevs->at.len = abbrevs->fields.len = 0;
	abbrevs->offset = offset;
	while (abbrevs->at.len < MAX_CODES && abbrevs->fields.len < MAX_FIELDS) {
		struct cursor c = view_at(section, at, MAX_DECLARATION);
		const uint8_t *begin = c.at;

		code = cursor_uleb(&c);
		good = !c.bad && (!code || declaration_read(abbrevs, &c, code));
		if (!good || !code || code == only)
			break;
		at += (uint64_t)(c.at - begin);
	}
	abbrevs->whole = good && !code;
	if (!good || (code && code != only))
		abbrevs->at.len = 0;
	vec_sort(&abbrevs->at, abbrev_compare);
	return abbrevs->at.len;
}

void abbrevs_free(struct abbrevs *abbrevs)
{
	vec_free(&abbrevs->at);
	vec_free(&abbrevs->fields);
}

const struct abbrev *abbrev_find(const struct abbrevs *abbrevs, uint64_t code)
{
	size_t low = 0, high = abbrevs->at.len;

	/* Compilers number them from 1. */
	if (code - 1 < high && abbrevs->at.at[code - 1].code == code)
		return &abbrevs->at.at[code - 1];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (abbrevs->at.at[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return low < abbrevs->at.len && abbrevs->at.at[low].code == code ? &abbrevs->at.at[low]
									 : NULL;
}

/* ---- values ---- */

static bool read_text(struct cursor *c, const struct value_sizes *sizes, uint16_t form,
		      struct value *value)
{
	switch (form) {
	case FORM_STRING:
		*value = (struct value){VALUE_TEXT, 0, cursor_text(c)};
		return true;
	case FORM_STRP:
		*value = (struct value){VALUE_TEXT_OFFSET, cursor_fixed(c, sizes->offset_size)};
		return true;
	case FORM_LINE_STRP:
		*value = (struct value){VALUE_LINE_TEXT, cursor_fixed(c, sizes->offset_size)};
		return true;
	case FORM_STRP_SUP:
	case FORM_GNU_STRP_ALT:
		*value = (struct value){VALUE_ALT_TEXT, cursor_fixed(c, sizes->offset_size)};
		return true;
	case FORM_STRX:
	case FORM_GNU_STR_INDEX:
		*value = (struct value){VALUE_TEXT_INDEX, cursor_uleb(c)};
		return true;
	case FORM_STRX1 ... FORM_STRX4:
		*value = (struct value){VALUE_TEXT_INDEX,
					cursor_fixed(c, (size_t)form - FORM_STRX1 + 1)};
		return true;
	default:
		return false;
	}
}

static bool read_reference(struct cursor *c, const struct value_sizes *sizes, uint16_t form,
			   struct value *value)
{
	switch (form) {
	case FORM_REF1:
		*value = (struct value){VALUE_UNIT_REF, cursor_fixed(c, 1)};
		return true;
	case FORM_REF2:
		*value = (struct value){VALUE_UNIT_REF, cursor_fixed(c, 2)};
		return true;
	case FORM_REF4:
		*value = (struct value){VALUE_UNIT_REF, cursor_fixed(c, 4)};
		return true;
	case FORM_REF8:
		*value = (struct value){VALUE_UNIT_REF, cursor_fixed(c, 8)};
		return true;
	case FORM_REF_UDATA:
		*value = (struct value){VALUE_UNIT_REF, cursor_uleb(c)};
		return true;
	case FORM_REF_ADDR:
		*value = (struct value){VALUE_REF,
					cursor_fixed(c, sizes->version == 2 ? sizes->address_size
									    : sizes->offset_size)};
		return true;
	case FORM_GNU_REF_ALT:
		*value = (struct value){VALUE_ALT_REF, cursor_fixed(c, sizes->offset_size)};
		return true;
	case FORM_REF_SUP4:
		*value = (struct value){VALUE_ALT_REF, cursor_fixed(c, 4)};
		return true;
	case FORM_REF_SUP8:
		*value = (struct value){VALUE_ALT_REF, cursor_fixed(c, 8)};
		return true;
	case FORM_REF_SIG8:
		cursor_skip(c, 8);
		return true;
	default:
		return false;
	}
}

static bool read_number(struct cursor *c, const struct value_sizes *sizes, uint16_t form,
			struct value *value)
{
	value->kind = VALUE_NUMBER;
	switch (form) {
	case FORM_DATA1:
	case FORM_FLAG:
		value->number = cursor_fixed(c, 1);
		return true;
	case FORM_DATA2:
		value->number = cursor_fixed(c, 2);
		return true;
	case FORM_DATA4:
		value->number = cursor_fixed(c, 4);
		return true;
	case FORM_DATA8:
		value->number = cursor_fixed(c, 8);
		return true;
	case FORM_UDATA:
		value->number = cursor_uleb(c);
		return true;
	case FORM_SDATA:
		value->number = (uint64_t)cursor_sleb(c);
		return true;
	case FORM_FLAG_PRESENT:
		value->number = 1;
		return true;
	case FORM_ADDR:
		*value = (struct value){VALUE_ADDRESS, cursor_fixed(c, sizes->address_size)};
		return true;
	case FORM_ADDRX:
	case FORM_GNU_ADDR_INDEX:
		*value = (struct value){VALUE_ADDRESS_INDEX, cursor_uleb(c)};
		return true;
	case FORM_ADDRX1 ... FORM_ADDRX4:
		*value = (struct value){VALUE_ADDRESS_INDEX,
					cursor_fixed(c, (size_t)form - FORM_ADDRX1 + 1)};
		return true;
	case FORM_SEC_OFFSET:
		*value = (struct value){VALUE_OFFSET, cursor_fixed(c, sizes->offset_size)};
		return true;
	case FORM_RNGLISTX:
		*value = (struct value){VALUE_RANGE_INDEX, cursor_uleb(c)};
		return true;
	default:
		return false;
	}
}

static void value_skip(struct cursor *c, uint16_t form)
{
	switch (form) {
	case FORM_BLOCK1:
		cursor_skip(c, cursor_fixed(c, 1));
		return;
	case FORM_BLOCK2:
		cursor_skip(c, cursor_fixed(c, 2));
		return;
	case FORM_BLOCK4:
		cursor_skip(c, cursor_fixed(c, 4));
		return;
	case FORM_BLOCK:
	case FORM_EXPRLOC:
		cursor_skip(c, cursor_uleb(c));
		return;
	case FORM_DATA16:
		cursor_skip(c, 16);
		return;
	case FORM_LOCLISTX:
		cursor_uleb(c);
		return;
	default:
		c->bad = true;
	}
}

void value_read(struct cursor *c, const struct value_sizes *sizes, const struct abbrev_field *field,
		struct value *value)
{
	uint16_t form = field->form;

	*value = (struct value){};
	if (form == FORM_IMPLICIT_CONST) {
		*value = (struct value){VALUE_NUMBER, (uint64_t)field->constant};
		return;
	}
	if (form == FORM_INDIRECT) {
		form = number16(c);
		/* Neither has a value of its own in the entry. */
		if (form == FORM_INDIRECT || form == FORM_IMPLICIT_CONST) {
			c->bad = true;
			return;
		}
	}
	if (read_number(c, sizes, form, value) || read_reference(c, sizes, form, value) ||
	    read_text(c, sizes, form, value))
		return;
	*value = (struct value){};
	value_skip(c, form);
}
