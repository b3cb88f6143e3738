/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "unwind/table_layout.h"

#define LOW_BITS    UNWIND_PAGE_BITS
#define RULE_MASK   0xffffu
#define REGISTERS   16 /* general ones of x86-64 */
#define ENTRY_BYTES 16 /* of a procedure linkage table */

/* Where the parts of a table are. */
struct parts {
	uint32_t rule_count, first, page_count, row_count;
	const uint32_t *rules, *pages, *rows;
};

static struct unwind_rule rule_at(const struct parts *parts, uint32_t index)
{
	struct unwind_rule rule;

	memcpy(&rule, parts->rules + 2 * (size_t)index, sizeof(rule));
	return rule;
}

/* False where the counts and the number of words do not fit together. */
static bool parts_find(const uint32_t *words, size_t count, struct parts *parts)
{
	uint64_t need;

	if (count < UNWIND_CHUNK || count % UNWIND_CHUNK || words[0] != UNWIND_MAGIC)
		return false;
	parts->rule_count = words[1];
	parts->first = words[2];
	parts->page_count = words[3];
	if (!parts->rule_count || parts->rule_count > UNWIND_MAX_RULES ||
	    parts->page_count > UNWIND_MAX_PAGES ||
	    parts->first > UNWIND_MAX_PAGES - parts->page_count)
		return false;
	need = UNWIND_HEADER + 2 * (uint64_t)parts->rule_count + parts->page_count + 1;
	if (need > count)
		return false;
	parts->rules = words + UNWIND_HEADER;
	parts->pages = parts->rules + 2 * (size_t)parts->rule_count;
	parts->rows = parts->pages + parts->page_count + 1;
	parts->row_count = parts->pages[parts->page_count];
	need += parts->row_count;
	return need <= count && count - need < UNWIND_CHUNK;
}

static bool rule_check(struct unwind_rule rule)
{
	if (rule.cfa > UNWIND_SP_FAR || rule.fp > UNWIND_FP_LOST)
		return false;
	if (rule.cfa == UNWIND_REGISTER && (rule.more < 0 || rule.more >= REGISTERS))
		return false;
	if (rule.base_saved && rule.cfa != UNWIND_SP && rule.cfa != UNWIND_FP)
		return false;
	if (rule.cfa == UNWIND_PLT && (rule.more < 0 || rule.more >= ENTRY_BYTES))
		return false;
	return rule.fp != UNWIND_FP_REGISTER || (rule.fp_offset >= 0 && rule.fp_offset < REGISTERS);
}

static bool page_check(const struct parts *parts, uint32_t page)
{
	uint32_t row = parts->pages[page], end = parts->pages[page + 1];

	if (row >= end || end > parts->row_count || parts->rows[row] >> LOW_BITS)
		return false;
	for (; row < end; row++) {
		if ((parts->rows[row] & RULE_MASK) >= parts->rule_count)
			return false;
		if (row + 1 < end &&
		    parts->rows[row] >> LOW_BITS >= parts->rows[row + 1] >> LOW_BITS)
			return false;
	}
	return true;
}

bool unwind_table_check(const uint32_t *words, size_t word_count)
{
	struct parts parts;

	if (!parts_find(words, word_count, &parts))
		return false;
	if (parts.rules[0] || parts.rules[1] || parts.pages[0])
		return false;
	for (uint32_t i = 0; i < parts.rule_count; i++)
		if (!rule_check(rule_at(&parts, i)))
			return false;
	for (uint32_t i = 0; i < parts.page_count; i++)
		if (!page_check(&parts, i))
			return false;
	for (const uint32_t *pad = parts.rows + parts.row_count; pad < words + word_count; pad++)
		if (*pad)
			return false;
	return true;
}

void unwind_table_count(struct unwind_table *table)
{
	struct parts parts;

	if (!parts_find(table->words, table->word_count, &parts))
		return;
	table->stats.rules = parts.rule_count;
	table->stats.pages = parts.page_count;
	table->stats.rows = parts.row_count;
}

struct unwind_rule unwind_table_find(const struct unwind_table *table, uint64_t offset)
{
	const struct unwind_rule none = {.cfa = UNWIND_NONE};
	uint64_t page = offset >> UNWIND_PAGE_BITS;
	uint32_t low, high, wanted = (uint32_t)offset & RULE_MASK;
	struct parts parts;

	if (!parts_find(table->words, table->word_count, &parts) || page < parts.first ||
	    page - parts.first >= parts.page_count)
		return none;
	low = parts.pages[page - parts.first];
	high = parts.pages[page - parts.first + 1];
	/* The row in force is in [low, high). */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (parts.rows[middle] >> LOW_BITS <= wanted)
			low = middle;
		else
			high = middle;
	}
	return rule_at(&parts, parts.rows[low] & RULE_MASK);
}

void unwind_table_free(struct unwind_table *table)
{
	free(table->words);
	*table = (struct unwind_table){};
}
