/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "unwind/table_layout.h"

#define LOW_MASK ((1u << UNWIND_PAGE_BITS) - 1)

/* ---- rules ---- */

static bool rule_equal(const void *context, uint32_t position, const void *key)
{
	const struct rule_set *set = context;

	return !memcmp(&set->rules.at[position], key, sizeof(struct unwind_rule));
}

uint32_t rule_intern(struct rule_set *set, const struct unwind_rule *rule)
{
	uint64_t bits, hash;
	uint32_t found;

	memcpy(&bits, rule, sizeof(bits));
	hash = hash_u64(bits);
	if (!set->rules.len) {
		const struct unwind_rule none = {.cfa = UNWIND_NONE};

		vec_push(&set->rules, none);
		index_add(&set->index, hash_u64(0), 0);
	}
	found = index_find(&set->index, hash, rule_equal, set, rule);
	if (found != INDEX_NONE)
		return found;
	if (set->rules.len == UNWIND_MAX_RULES)
		return 0;
	index_add(&set->index, hash, (uint32_t)set->rules.len);
	vec_push(&set->rules, *rule);
	return (uint32_t)set->rules.len - 1;
}

void rule_set_free(struct rule_set *set)
{
	vec_free(&set->rules);
	index_free(&set->index);
}

/* ---- rows ---- */

/* Begins the pages up to that of `offset`; the rule in force goes on in each. */
static void pages_begin(struct table_layout *layout, uint32_t offset)
{
	uint32_t page = offset >> UNWIND_PAGE_BITS;

	if (!layout->pages.len)
		layout->first = page;
	while (layout->first + layout->pages.len <= page) {
		bool last = layout->first + layout->pages.len == page;

		vec_push(&layout->pages, (uint32_t)layout->rows.len);
		if (!last || offset & LOW_MASK)
			vec_push(&layout->rows, layout->rule);
	}
}

void layout_row(struct table_layout *layout, uint32_t offset, uint32_t rule)
{
	/* Outside of the pages nothing is described anyway. */
	if (rule == layout->rule)
		return;
	/* Nor does a page begin for code that is not described. */
	if (!rule && !(offset & LOW_MASK)) {
		pages_begin(layout, offset - 1);
	} else {
		pages_begin(layout, offset);
		vec_push(&layout->rows, (offset & LOW_MASK) << UNWIND_PAGE_BITS | rule);
	}
	layout->rule = rule;
}

void layout_finish(struct table_layout *layout, const struct rule_set *set,
		   struct unwind_table *out)
{
	size_t rules = set->rules.len ? set->rules.len : 1;
	size_t pages = layout->pages.len, rows = layout->rows.len;
	size_t count = UNWIND_HEADER + 2 * rules + pages + 1 + rows;
	VEC(uint32_t) words = {};
	uint32_t *at;

	count = (count + UNWIND_CHUNK - 1) / UNWIND_CHUNK * UNWIND_CHUNK;
	at = vec_extend(&words, count);
	*at++ = UNWIND_MAGIC;
	*at++ = (uint32_t)rules;
	*at++ = layout->first;
	*at++ = (uint32_t)pages;
	if (set->rules.len)
		memcpy(at, set->rules.at, rules * sizeof(*set->rules.at));
	at += 2 * rules;
	if (pages)
		memcpy(at, layout->pages.at, pages * sizeof(*at));
	at += pages;
	*at++ = (uint32_t)rows;
	if (rows)
		memcpy(at, layout->rows.at, rows * sizeof(*at));
	out->words = words.at;
	out->word_count = count;
	unwind_table_count(out);
}

void layout_free(struct table_layout *layout)
{
	vec_free(&layout->rows);
	vec_free(&layout->pages);
}
