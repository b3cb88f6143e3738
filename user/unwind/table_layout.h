/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of table: lays rows out as words. */
#ifndef STRAIT_UNWIND_TABLE_LAYOUT_H
#define STRAIT_UNWIND_TABLE_LAYOUT_H

#include "unwind/table.h"
#include "util/index.h"
#include "util/vec.h"

/* Tables describe the first 4 GiB of a file. */
#define UNWIND_MAX_PAGES (1u << (32 - UNWIND_PAGE_BITS))
#define UNWIND_MAX_RULES (1u << 16)

/* The distinct rules, in order of their appearance; the first is UNWIND_NONE. */
struct rule_set {
	VEC(struct unwind_rule) rules;
	struct index index;
};

/* The rule's index; 0 where there is no place for it. */
uint32_t rule_intern(struct rule_set *set, const struct unwind_rule *rule);
void rule_set_free(struct rule_set *set);

/* Rows in ascending order become pages. Zero-initialised is empty. */
struct table_layout {
	VEC(uint32_t) rows;
	VEC(uint32_t) pages; /* index of each one's first row */
	uint32_t first;      /* page */
	uint32_t rule;       /* in force where the rows end */
};

/* From `offset` in the file on, `rule` holds. Offsets ascend. */
void layout_row(struct table_layout *layout, uint32_t offset, uint32_t rule);
/* Sets the words of `out`, and the counts that describe them. */
void layout_finish(struct table_layout *layout, const struct rule_set *set,
		   struct unwind_table *out);
void layout_free(struct table_layout *layout);

#endif
