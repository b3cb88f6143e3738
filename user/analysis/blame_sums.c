/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of the blame: sums of its entries. */
#include <stdlib.h>

#include "analysis/blame.h"

static bool filter_takes(const struct blame_filter *filter, const struct blame_entry *entry)
{
	if (!(filter->states >> entry->state & 1))
		return false;
	if (filter->victim != NONE && filter->victim != entry->victim)
		return false;
	if (filter->owner != NONE && filter->owner != entry->owner)
		return false;
	if (filter->party != NONE && filter->party != entry->party)
		return false;
	if (filter->by_lock >= 0 && filter->by_lock != entry->by_lock)
		return false;
	return filter->ready < 0 ||
	       (entry->state == STATE_READY_WOKEN && entry->ready == filter->ready);
}

double blame_sum(const struct blame *blame, const struct blame_filter *filter)
{
	double sum = 0;

	vec_each(&blame->entries, entry)
		if (filter_takes(filter, entry))
			sum += entry->ns;
	return sum;
}

uint32_t blame_top_victim(const struct blame *blame, const struct blame_filter *filter, double *ns)
{
	uint32_t top = NONE;
	double sum = 0;

	*ns = 0;
	/* Entries of one victim stand together: victims_make() adds them so. */
	for (size_t i = 0; i < blame->entries.len; i++) {
		const struct blame_entry *entry = &blame->entries.at[i];

		if (i && entry->victim != entry[-1].victim)
			sum = 0;
		if (filter_takes(filter, entry))
			sum += entry->ns;
		if (sum > *ns) {
			*ns = sum;
			top = entry->victim;
		}
	}
	return top;
}

static uint32_t entry_owner(const struct blame_entry *entry)
{
	return entry->owner;
}

static uint32_t entry_party(const struct blame_entry *entry)
{
	return entry->party;
}

/* The group that `of` tells of most of what the filter selects; NONE if it tells none. */
static uint32_t top_of(const struct blame *blame, const struct blame_filter *filter,
		       uint32_t (*of)(const struct blame_entry *entry))
{
	uint32_t groups = 0, top = NONE;
	double *sum, most = 0;

	vec_each(&blame->entries, entry)
		if (of(entry) != NONE && of(entry) >= groups)
			groups = of(entry) + 1;
	sum = calloc(groups + 1, sizeof(*sum));
	if (!sum)
		abort();
	vec_each(&blame->entries, entry) {
		uint32_t group = of(entry);

		if (group == NONE || !filter_takes(filter, entry))
			continue;
		sum[group] += entry->ns;
		if (sum[group] > most) {
			most = sum[group];
			top = group;
		}
	}
	free(sum);
	return top;
}

uint32_t blame_top_owner(const struct blame *blame, const struct blame_filter *filter)
{
	return top_of(blame, filter, entry_owner);
}

uint32_t blame_top_party(const struct blame *blame, const struct blame_filter *filter)
{
	return top_of(blame, filter, entry_party);
}
