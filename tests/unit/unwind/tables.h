/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of made files, and what they say. */
#ifndef STRAIT_TESTS_UNWIND_TABLES_H
#define STRAIT_TESTS_UNWIND_TABLES_H

#include "unwind/frames.h"

#include "unwind/table.h"

#define P(text) text, sizeof(text) - 1

/* Takes the descriptor. */
static inline struct unwind_table build(int fd)
{
	struct unwind_table table = {};
	struct error error;

	assert_int_equal(unwind_table_build(fd, &table, &error), 0);
	assert_true(unwind_table_check(table.words, table.word_count));
	close(fd);
	return table;
}

/* The CFA's offset from the stack pointer, in bytes; 0 where nothing is described. */
static inline int sp_offset(const struct unwind_table *table, uint64_t offset)
{
	struct unwind_rule rule = unwind_table_find(table, offset);

	assert_true(rule.cfa == UNWIND_SP || rule.cfa == UNWIND_NONE);
	return rule.cfa == UNWIND_SP ? rule.cfa_offset * 8 : 0;
}

#endif
