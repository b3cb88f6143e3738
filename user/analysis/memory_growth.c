/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase 1: the processes whose resident memory grew. */
#include <stdlib.h>

#include "analysis/phases.h"

#define ROWS 5
/* What is less than both is no growth worth a line: caches and buffers that fill. */
#define GROWTH_MIN_BYTES (1u << 20)
#define GROWTH_MIN_SHARE 0.01 /* of the process */

/*
 * Resident memory is recorded at the end of a slice, when it has changed. A process is followed
 * from the end of the warm-up (the end of the first slice, where there is none), or from its first
 * reading if that is later.
 */
struct growth {
	uint32_t process;
	uint32_t first, last; /* slices; NONE = not read yet */
	uint64_t start, end;  /* bytes, at the end of these slices */
};

static void growth_read(struct growth *growth, uint32_t slice, uint32_t warm, uint64_t bytes)
{
	if (growth->last != NONE && slice < growth->last)
		return;
	if (growth->first == NONE || slice <= warm) {
		growth->first = slice < warm ? warm : slice;
		growth->start = bytes;
	}
	growth->last = slice < warm ? warm : slice;
	growth->end = bytes;
}

static struct growth *growths_read(const struct recording *rec, uint32_t warm)
{
	uint32_t metric = string_find(rec, "memory.rss_bytes");
	struct growth *growths = calloc(rec->processes.len + 1, sizeof(*growths));

	if (!growths)
		abort();
	for (uint32_t i = 0; i < rec->processes.len; i++)
		growths[i] = (struct growth){.process = i, .first = NONE, .last = NONE};
	vec_each(&rec->counts, count)
		if (count->metric == metric && count->process < rec->processes.len)
			growth_read(&growths[count->process], count->slice, warm, count->value);
	return growths;
}

static bool growth_counts(const struct recording *rec, const struct growth *growth)
{
	uint64_t grown;

	if (growth->first == growth->last || growth->end <= growth->start ||
	    !rec->processes.at[growth->process].targeted)
		return false;
	grown = growth->end - growth->start;
	return grown >= GROWTH_MIN_BYTES &&
	       (double)grown >= GROWTH_MIN_SHARE * (double)growth->start;
}

static int growth_compare(const void *a, const void *b)
{
	const struct growth *one = a, *two = b;
	uint64_t grown[2] = {one->end - one->start, two->end - two->start};

	if (grown[0] != grown[1])
		return grown[0] > grown[1] ? -1 : 1;
	return one->process < two->process ? -1 : 1;
}

static void growth_tell(struct analysis *a, const struct growth *growth)
{
	const struct recording *rec = a->rec;
	const struct process *process = &rec->processes.at[growth->process];
	/* One that is still there keeps what it had when it was last told. */
	uint32_t last = process->exited ? growth->last : (uint32_t)rec->slices.len - 1;
	double seconds =
		(double)(rec->slices.at[last].end_ns - rec->slices.at[growth->first].end_ns) / 1e9;
	const char *container = "";

	if (process->cgroup < rec->cgroups.len)
		container = string_get(rec, rec->cgroups.at[process->cgroup].container);
	vec_push(&a->doc->memory_growth,
		 (struct memory_growth){
			 .process = document_text(a->doc, "%s", string_get(rec, process->comm)),
			 .container = *container ? document_text(a->doc, "%s", container) : NULL,
			 .pid = process->pid,
			 .start_bytes = growth->start,
			 .end_bytes = growth->end,
			 .growth_bytes = growth->end - growth->start,
			 .bytes_per_s = (double)(growth->end - growth->start) / seconds,
			 .seconds = seconds,
			 .exited = process->exited,
		 });
}

void memory_growth_find(struct analysis *a)
{
	const struct recording *rec = a->rec;
	uint32_t warm = a->doc->warmup_slices ? a->doc->warmup_slices - 1 : 0;
	struct growth *growths;
	size_t count = 0;

	a->doc->memory_growth_observed =
		string_find(rec, "memory.rss_bytes") != NONE && rec->slices.len > warm + 1;
	if (!a->doc->memory_growth_observed)
		return;
	growths = growths_read(rec, warm);
	for (size_t i = 0; i < rec->processes.len; i++)
		if (growth_counts(rec, &growths[i]))
			growths[count++] = growths[i];
	qsort(growths, count, sizeof(*growths), growth_compare);
	for (size_t i = 0; i < count && i < ROWS; i++)
		growth_tell(a, &growths[i]);
	free(growths);
}
