/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The search for a rule in the table of a file. */
#include "core/unwind.bpf.h"

struct unwind_files_map unwind_files SEC(".maps");
struct unwind_tables_map unwind_tables SEC(".maps");
struct unwind_rules_map unwind_rules SEC(".maps");

/* Steps of the search for a row: 2^16 rows in a page at most lie in 65 chunks. */
#define CHUNK_SEARCHES 7
#define ROW_SEARCHES   10 /* log2(UNWIND_CHUNK) */

static __always_inline __u32 table_word(void *table, __u32 at)
{
	__u32 key = at / UNWIND_CHUNK;
	struct unwind_chunk *chunk = bpf_map_lookup_elem(table, &key);

	return chunk ? chunk->word[at & (UNWIND_CHUNK - 1)] : 0;
}

/* All ones where a < b, else 0. No branch: both ways out would be followed by the verifier. */
static __always_inline __u32 mask_below(__u32 a, __u32 b)
{
	__s64 difference = (__s64)(__u64)a - (__s64)(__u64)b;

	barrier_var(difference); /* or clang makes a branch of the shift */
	return (__u32)(difference >> 63);
}

static __always_inline __u32 choose(__u32 mask, __u32 set, __u32 clear)
{
	return (set & mask) | (clear & ~mask);
}

/* The rule for an offset in the mapping's file: struct unwind_rule as a number, 0 = none. */
__attribute__((noinline)) __u64 unwind_rule_search(__u64 slot, __u64 offset)
{
	struct unwind *u = unwind_of(slot);
	__u32 target = offset & ((1u << UNWIND_PAGE_BITS) - 1), key = 0;
	__u32 rules, page, pages, at, low, high, first, last;
	struct unwind_chunk *chunk;
	struct unwind_found *found;
	struct unwind_file *file;
	__u64 rule, name;
	void *table;

	if (!u)
		return 0;
	name = u->mapping.file;
	file = bpf_map_lookup_elem(&unwind_files, &name);
	if (!file)
		return 0;
	at = file->table;
	table = bpf_map_lookup_elem(&unwind_tables, &at);
	chunk = table ? bpf_map_lookup_elem(table, &key) : NULL;
	if (!chunk)
		return 0;
	rules = chunk->word[1];
	page = (__u32)(offset >> UNWIND_PAGE_BITS) - chunk->word[2];
	pages = chunk->word[3];
	if (page >= pages)
		return 0;
	at = UNWIND_HEADER + 2 * rules;
	first = table_word(table, at + page);
	last = table_word(table, at + page + 1);
	at += pages + 1;
	first += at;
	last += at;
	/* The last chunk that begins with a row up to the target, or the first one. */
	key = first / UNWIND_CHUNK;
	high = (last + UNWIND_CHUNK - 1) / UNWIND_CHUNK;
	for (int i = 0; i < CHUNK_SEARCHES && high - key > 1; i++) {
		__u32 middle = key + (high - key) / 2, above;

		chunk = bpf_map_lookup_elem(table, &middle);
		if (!chunk)
			return 0;
		above = mask_below(target, chunk->word[0] >> 16);
		key = choose(above, key, middle);
		high = choose(above, middle, high);
	}
	chunk = bpf_map_lookup_elem(table, &key);
	if (!chunk)
		return 0;
	at = key * UNWIND_CHUNK;
	low = choose(mask_below(at, first), first - at, 0);
	high = choose(mask_below(last, at + UNWIND_CHUNK), last - at, UNWIND_CHUNK);
	for (int i = 0; i < ROW_SEARCHES; i++) {
		__u32 middle = low + (high - low) / 2, above;

		above = mask_below(target, chunk->word[middle & (UNWIND_CHUNK - 1)] >> 16);
		low = choose(above, low, middle);
		high = choose(above, middle, high);
	}
	at = chunk->word[low & (UNWIND_CHUNK - 1)] & 0xffff;
	if (at >= rules)
		return 0;
	at = UNWIND_HEADER + 2 * at;
	key = at / UNWIND_CHUNK;
	chunk = bpf_map_lookup_elem(table, &key);
	if (!chunk)
		return 0;
	at &= UNWIND_CHUNK - 2;
	rule = chunk->word[at] | (__u64)chunk->word[at + 1] << 32;
	name = rule_key(name, offset);
	found = rule_slot(name);
	if (found) {
		found->check = name ^ rule;
		found->rule = rule;
	}
	return rule;
}
