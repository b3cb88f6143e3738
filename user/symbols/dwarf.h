/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debugging information of one file: its units, and what their entries refer to.
 *
 * Read by our own bounded reader for the reasons given in image.h and lines.h. Only units whose
 * code was sampled are looked into, each once and as a stream of entries, without recursion.
 */
#ifndef STRAIT_SYMBOLS_DWARF_H
#define STRAIT_SYMBOLS_DWARF_H

#include "symbols/dwarf_form.h"

enum dwarf_section {
	DWARF_INFO,
	DWARF_ABBREV,
	DWARF_STR,
	DWARF_STR_OFFSETS,
	DWARF_LINE_STR,
	DWARF_ADDR,
	DWARF_RANGES,
	DWARF_RNGLISTS,
	DWARF_LINE,
	DWARF_SECTIONS,
};

struct dwarf {
	const struct image *image;
	struct view sections[DWARF_SECTIONS];
	VEC(uint64_t) units;    /* offsets of their headers, ascending */
	struct abbrevs abbrevs; /* of the unit that was read last */
	uint64_t deadline_ns;
	uint64_t work; /* left: bounds what hostile lists can cost */
};

struct dwarf_unit {
	struct value_sizes sizes;
	uint64_t offset, end; /* of the header, and behind the last entry, in .debug_info */
	uint64_t root;        /* of the first entry */
	uint64_t abbrevs;     /* in .debug_abbrev */
	/* Of the root. */
	struct value low, high, ranges;
	uint64_t str_offsets_base, addr_base, rnglists_base;
	uint64_t line; /* in .debug_line, UINT64_MAX = it has none */
	/* Of split information (split.h). */
	bool has_dwo_id;
	uint64_t dwo_id;
	struct value dwo_name, directory; /* texts are valid until the next unit is read */
	uint64_t split_ranges_base;       /* of a skeleton, for its full unit */
	uint64_t ranges_base;             /* of a full unit, in its skeleton's .debug_ranges */
};

/* Addresses from `begin` up to `end`. */
typedef void range_taker(void *context, uint64_t begin, uint64_t end);

/* False where there is nothing to read. `image` must stay open. */
bool dwarf_open(struct dwarf *dwarf, const struct image *image, uint64_t *budget,
		uint64_t deadline_ns);
/*
 * The sections of a .dwo file or a package, with those that stay in `main`. Then, when what is not
 * wanted was taken out of their views, the units: false where there are none. To be closed in any
 * case.
 */
void dwarf_open_split(struct dwarf *dwarf, const struct image *image, const struct image *main,
		      uint64_t *budget, uint64_t deadline_ns);
bool dwarf_list(struct dwarf *dwarf);
void dwarf_close(struct dwarf *dwarf);

/* The unit with its header at `offset`; the root's abbreviations are loaded. */
bool dwarf_unit_read(struct dwarf *dwarf, uint64_t offset, struct dwarf_unit *unit);
/* The header of the unit that holds the entry at `offset`, UINT64_MAX = none. */
uint64_t dwarf_unit_of(const struct dwarf *dwarf, uint64_t offset);

bool dwarf_address(struct dwarf *dwarf, const struct dwarf_unit *unit, const struct value *value,
		   uint64_t *address);
/* Copies the text that a value of this file stands for; false where it is no text, or an empty one.
 */
bool dwarf_text(struct dwarf *dwarf, const struct dwarf_unit *unit, const struct value *value,
		char *to, size_t size);
/* The ranges of an entry with these attributes, each that is not empty and does not begin at 0. */
void dwarf_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit, const struct value *low,
		  const struct value *high, const struct value *ranges, range_taker *take,
		  void *context);

#endif
