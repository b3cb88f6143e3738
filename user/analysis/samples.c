/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "analysis/leaf.h"
#include "analysis/samples.h"

double samples_share(const struct analysis *a, uint32_t group, samples_test *test,
		     const void *context, double *all, double *hits)
{
	const struct recording *rec = a->rec;
	double sum = 0, sum_hits = 0;

	vec_each(&rec->samples, sample) {
		const struct stack *stack;
		double count = (double)sample->count;
		uint32_t leaf;
		bool hit;

		if (sample->kind != SAMPLE_CPU || sample->thread >= rec->threads.len ||
		    sample->stack >= rec->stacks.len ||
		    a->facts->threads[sample->thread].group != group)
			continue;
		stack = &rec->stacks.at[sample->stack];
		if (stack_in_tracing(rec, stack))
			continue;
		leaf = stack_leaf(rec, stack, SAMPLE_CPU,
				  rec->processes.at[rec->threads.at[sample->thread].process].exe);
		hit = leaf < stack->len && test(a, stack, leaf, context);
		sum += count;
		sum_hits += hit ? count : 0;
		if (!all)
			continue;
		all[sample->thread] += count;
		hits[sample->thread] += hit ? count : 0;
	}
	return sum > 0 ? sum_hits / sum : 0;
}

/* Whether a kernel frame's function begins with one of these, which end with NULL. */
static bool stack_passes(const struct analysis *a, const struct stack *stack,
			 const char *const *prefixes)
{
	for (uint32_t i = 0; i < stack->kernel_len; i++) {
		const char *name = string_get(a->rec, sample_frame(a, stack, i)->function);

		for (const char *const *prefix = prefixes; *prefix; prefix++)
			if (!strncmp(name, *prefix, strlen(*prefix)))
				return true;
	}
	return false;
}

/* The block layer, what feeds it from direct I/O and from readahead, and waiting for it. */
bool samples_read_disk(const struct analysis *a, const struct stack *stack, uint32_t leaf,
		       const void *context)
{
	static const char *const prefixes[] = {
		"blk_",      "__blk_",         "submit_bio",  "__submit_bio",
		"iomap_dio", "__iomap_dio",    "io_schedule", "__blockdev_direct_IO",
		"bio_",      "page_cache_ra_", "read_pages",  NULL,
	};

	(void)leaf;
	(void)context;
	return stack_passes(a, stack, prefixes);
}

bool samples_write_disk(const struct analysis *a, const struct stack *stack, uint32_t leaf,
			const void *context)
{
	static const char *const prefixes[] = {
		"vfs_fsync",
		"do_fsync",
		"file_write_and_wait_range",
		"ksys_sync",
		"iterate_supers",
		"sync_file_range",
		"generic_write_sync",
		"balance_dirty_pages",
		NULL,
	};

	return samples_read_disk(a, stack, leaf, context) || stack_passes(a, stack, prefixes);
}

const struct lock_way lock_ways[] = {
	{"rwsem_down_", "reader-writer semaphore"},
	{"rwsem_spin_on_owner", "reader-writer semaphore"},
	{"rwsem_optimistic_spin", "reader-writer semaphore"},
	{"__percpu_down_read", "reader-writer semaphore"},
	{"percpu_down_write", "reader-writer semaphore"},
	{"__mutex_lock", "mutex"},
	{"__ww_mutex_lock", "mutex"},
	{"mutex_spin_on_owner", "mutex"},
	{"rt_mutex_slowlock", "mutex"},
	{"__rt_mutex_slowlock", "mutex"},
	{"osq_lock", "lock"},
	{"native_queued_spin_lock_slowpath", "spin lock"},
	{"__pv_queued_spin_lock_slowpath", "spin lock"},
	{"queued_spin_lock_slowpath", "spin lock"},
	{"queued_read_lock_slowpath", "spin lock"},
	{"queued_write_lock_slowpath", "spin lock"},
	{},
};

bool samples_kernel_lock(const struct analysis *a, const struct stack *stack, uint32_t leaf,
			 const void *context)
{
	(void)leaf;
	(void)context;
	for (uint32_t i = 0; i < stack->kernel_len; i++) {
		const char *name = string_get(a->rec, sample_frame(a, stack, i)->function);

		for (const struct lock_way *way = lock_ways; way->begin; way++)
			if (!strncmp(name, way->begin, strlen(way->begin)))
				return true;
	}
	return false;
}

bool samples_reclaim(const struct analysis *a, const struct stack *stack, uint32_t leaf,
		     const void *context)
{
	static const char *const prefixes[] = {"try_to_free_", "__alloc_pages_direct_reclaim",
					       "__perform_reclaim", "shrink_node", NULL};

	(void)leaf;
	(void)context;
	return stack_passes(a, stack, prefixes);
}

bool samples_fetch(const struct analysis *a, const struct stack *stack, uint32_t leaf,
		   const void *context)
{
	static const char *const prefixes[] = {"do_swap_page", "filemap_fault", NULL};

	return (samples_read_disk(a, stack, leaf, context) || stack_passes(a, stack, prefixes)) &&
	       !samples_reclaim(a, stack, leaf, context);
}
