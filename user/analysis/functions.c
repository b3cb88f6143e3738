/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "analysis/functions.h"
#include "analysis/leaf.h"

struct builder {
	const struct facts *facts;
	struct functions *functions;
	struct index index;
};

struct function_key {
	uint8_t kind;
	bool interrupt;
	uint32_t group, module, name;
	uint64_t begin;
};

/* Of code without a name, if that is known. */
static uint64_t frame_begin(const struct frame *frame)
{
	return frame->function ? 0 : frame->begin;
}

static bool function_equal(const void *context, uint32_t position, const void *key)
{
	const struct function *at = &((const struct functions *)context)->at.at[position];
	const struct function_key *wanted = key;

	return at->kind == wanted->kind && at->interrupt == wanted->interrupt &&
	       at->group == wanted->group && at->module == wanted->module &&
	       at->name == wanted->name && at->begin == wanted->begin;
}

static uint32_t function_intern(struct builder *b, enum sample_kind kind, uint32_t group,
				const struct frame *frame, bool interrupt)
{
	struct function_key key = {(uint8_t)kind, interrupt,       group,
				   frame->module, frame->function, frame_begin(frame)};
	uint64_t hash =
		hash_mix(hash_mix((uint64_t)kind << 32 | group, key.module), key.name ^ key.begin);
	uint32_t at = index_find(&b->index, hash, function_equal, b->functions, &key);

	if (at != INDEX_NONE)
		return at;
	at = (uint32_t)b->functions->at.len;
	index_add(&b->index, hash, at);
	vec_push(&b->functions->at, (struct function){.kind = (uint8_t)kind,
						      .group = group,
						      .module = frame->module,
						      .name = frame->function,
						      .begin = key.begin,
						      .kernel = frame->kind == FRAME_KERNEL,
						      .interrupt = interrupt});
	return at;
}

static void sample_add(struct builder *b, const struct sample *sample)
{
	const struct recording *rec = b->facts->rec;
	const struct process *process = &rec->processes.at[rec->threads.at[sample->thread].process];
	const struct stack *stack;
	uint32_t group = b->facts->threads[sample->thread].group, leaf;
	bool interrupt;

	b->functions->weight[sample->kind] += (double)sample->weight;
	b->functions->samples[sample->kind] += (double)sample->count;
	if (sample->stack >= rec->stacks.len || group == NONE)
		return;
	stack = &rec->stacks.at[sample->stack];
	if (sample->kind == SAMPLE_CPU && stack_in_tracing(rec, stack))
		return;
	leaf = stack_leaf(rec, stack, sample->kind, process->exe);
	interrupt = stack_in_interrupt(rec, stack);
	for (uint32_t i = leaf; i < stack->len; i++) {
		const struct frame *frame = &rec->frames.at[rec->stack_frames.at[stack->first + i]];
		uint32_t at = function_intern(b, sample->kind, group, frame, interrupt);
		struct function *function = &b->functions->at.at[at];
		bool again = false;

		/* A recursive function counts once. */
		for (uint32_t j = leaf; j < i && !again; j++) {
			const struct frame *inner =
				&rec->frames.at[rec->stack_frames.at[stack->first + j]];

			again = inner->module == frame->module &&
				inner->function == frame->function &&
				frame_begin(inner) == frame_begin(frame);
		}
		if (!again) {
			function->total += (double)sample->weight;
			function->total_samples += (double)sample->count;
		}
		if (i != leaf)
			continue;
		function->self += (double)sample->weight;
		function->self_samples += (double)sample->count;
		if (frame->pause)
			function->pause_samples += (double)sample->count;
		if ((double)sample->weight > function->stack_weight) {
			function->stack_weight = (double)sample->weight;
			function->stack = sample->stack;
			function->file = frame->file;
			function->line = frame->line;
		}
	}
}

static int by_self(const void *a, const void *b)
{
	const struct function *left = a, *right = b;

	if (left->self != right->self)
		return left->self < right->self ? 1 : -1;
	if (left->total != right->total)
		return left->total < right->total ? 1 : -1;
	/* Equal weights keep a fixed order, so that reports repeat. */
	if (left->name != right->name)
		return left->name < right->name ? -1 : 1;
	if (left->begin != right->begin)
		return left->begin < right->begin ? -1 : 1;
	return left->group < right->group ? -1 : left->group > right->group;
}

struct functions *functions_new(const struct facts *facts)
{
	struct builder b = {.facts = facts, .functions = calloc(1, sizeof(struct functions))};

	if (!b.functions)
		abort();
	vec_each(&facts->rec->samples, sample)
		if (sample->kind < SAMPLE_KINDS && sample->thread < facts->rec->threads.len)
			sample_add(&b, sample);
	index_free(&b.index);
	vec_sort(&b.functions->at, by_self);
	return b.functions;
}

void functions_free(struct functions *functions)
{
	if (!functions)
		return;
	vec_free(&functions->at);
	free(functions);
}

const struct function *functions_hottest(const struct functions *functions, uint32_t group)
{
	vec_each(&functions->at, function)
		if (function->kind == SAMPLE_CPU && !function->interrupt &&
		    function->group == group)
			return function;
	return NULL;
}

const struct function *functions_heaviest(const struct functions *functions, enum sample_kind kind,
					  uint32_t group)
{
	vec_each(&functions->at, function)
		if (function->kind == kind && function->group == group && function->self > 0)
			return function;
	return NULL;
}
