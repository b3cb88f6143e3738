/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "symbols/lacking.h"

bool frame_lacks(const struct recording *rec, const struct frame *frame)
{
	return frame->kind == FRAME_USER && frame->named && !frame->inlined &&
	       frame->module < rec->modules.len && (!frame->function || !frame->line) &&
	       *string_get(rec, rec->modules.at[frame->module].build_id);
}

static int lacking_compare(const void *left, const void *right)
{
	const struct lacking *a = left, *b = right;

	if (a->samples != b->samples)
		return a->samples > b->samples ? -1 : 1;
	return a->module < b->module ? -1 : a->module > b->module;
}

struct lacking *lacking_rank(const struct recording *rec)
{
	struct lacking *lacking = calloc(rec->modules.len + 1, sizeof(*lacking));
	uint64_t *samples = calloc(rec->stacks.len + 1, sizeof(*samples));

	for (size_t i = 0; lacking && i < rec->modules.len; i++)
		lacking[i].module = (uint32_t)i;
	vec_each(&rec->samples, sample)
		if (samples)
			samples[sample->stack] += sample->count;
	for (size_t i = 0; lacking && samples && i < rec->stacks.len; i++) {
		const struct stack *stack = &rec->stacks.at[i];

		for (uint32_t j = 0; j < stack->len; j++) {
			const struct frame *frame =
				&rec->frames.at[rec->stack_frames.at[stack->first + j]];

			if (frame_lacks(rec, frame))
				lacking[frame->module].samples += 1 + samples[i];
		}
	}
	free(samples);
	if (lacking)
		qsort(lacking, rec->modules.len, sizeof(*lacking), lacking_compare);
	return lacking;
}
