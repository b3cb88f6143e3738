/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DWARF's abbreviations, which say what a debugging information entry consists of, and its values.
 * Versions 2 to 5; numbers from DWARF 5, chapter 7, and GCC's and dwz's extensions.
 */
#ifndef STRAIT_SYMBOLS_DWARF_FORM_H
#define STRAIT_SYMBOLS_DWARF_FORM_H

#include "symbols/view.h"
#include "util/vec.h"

enum {
	TAG_INLINED_SUBROUTINE = 0x1d,
	TAG_SUBPROGRAM = 0x2e,

	AT_SIBLING = 0x01,
	AT_NAME = 0x03,
	AT_STMT_LIST = 0x10,
	AT_LOW_PC = 0x11,
	AT_HIGH_PC = 0x12,
	AT_COMP_DIR = 0x1b,
	AT_ABSTRACT_ORIGIN = 0x31,
	AT_SPECIFICATION = 0x47,
	AT_RANGES = 0x55,
	AT_CALL_FILE = 0x58,
	AT_CALL_LINE = 0x59,
	AT_LINKAGE_NAME = 0x6e,
	AT_STR_OFFSETS_BASE = 0x72,
	AT_ADDR_BASE = 0x73,
	AT_RNGLISTS_BASE = 0x74,
	AT_DWO_NAME = 0x76,
	AT_MIPS_LINKAGE_NAME = 0x2007,
	AT_GNU_DWO_NAME = 0x2130,
	AT_GNU_DWO_ID = 0x2131,
	AT_GNU_RANGES_BASE = 0x2132,
	AT_GNU_ADDR_BASE = 0x2133,
};

struct abbrev_field {
	uint16_t name, form;
	int64_t constant; /* of DW_FORM_implicit_const */
};

struct abbrev {
	uint64_t code;
	uint16_t tag;
	bool children;
	uint32_t first, count; /* fields */
};

struct abbrevs {
	uint64_t offset;       /* in .debug_abbrev */
	bool whole;            /* not only as far as one code was looked for */
	VEC(struct abbrev) at; /* by code, ascending */
	VEC(struct abbrev_field) fields;
};

/*
 * The table at `offset`; keeps what `abbrevs` holds if it is that one already. With `only`, reading
 * may stop behind the entry of that code. False: it is broken.
 */
bool abbrevs_load(struct abbrevs *abbrevs, struct view *section, uint64_t offset, uint64_t only);
void abbrevs_free(struct abbrevs *abbrevs);
/* NULL = no such code. */
const struct abbrev *abbrev_find(const struct abbrevs *abbrevs, uint64_t code);

enum value_kind {
	VALUE_NONE, /* of no use here */
	VALUE_NUMBER,
	VALUE_ADDRESS,
	VALUE_ADDRESS_INDEX,
	VALUE_TEXT,        /* `text` */
	VALUE_TEXT_OFFSET, /* in .debug_str */
	VALUE_LINE_TEXT,   /* in .debug_line_str */
	VALUE_ALT_TEXT,    /* in .debug_str of the file that dwz made */
	VALUE_TEXT_INDEX,
	VALUE_UNIT_REF, /* offset from the begin of the unit */
	VALUE_REF,      /* offset in .debug_info */
	VALUE_ALT_REF,  /* in .debug_info of the file that dwz made */
	VALUE_OFFSET,   /* in a section that the attribute implies */
	VALUE_RANGE_INDEX,
};

struct value {
	enum value_kind kind;
	uint64_t number;
	const char *text; /* as long as what the cursor is in */
};

/* What the sizes of values depend on. */
struct value_sizes {
	uint16_t version;
	uint8_t offset_size, address_size;
};

/* Reads a value, or only goes past it; unknown forms set c->bad. */
void value_read(struct cursor *c, const struct value_sizes *sizes, const struct abbrev_field *field,
		struct value *value);

#endif
