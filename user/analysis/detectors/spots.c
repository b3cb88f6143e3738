/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "analysis/detectors/spots.h"
#include "analysis/leaf.h"

/* Kernel stacks up to this length are no further than the entry that all system calls share. */
#define ENTRY_FRAMES 3

static const struct frame *frame_at(const struct recording *rec, const struct stack *stack,
				    uint32_t at)
{
	return &rec->frames.at[rec->stack_frames.at[stack->first + at]];
}

/* Who asked for what the stack is about; NULL if there is no user code. */
static const struct frame *asker(const struct analysis *a, const struct sample *sample)
{
	const struct recording *rec = a->rec;
	const struct stack *stack = &rec->stacks.at[sample->stack];
	uint32_t exe = rec->processes.at[rec->threads.at[sample->thread].process].exe;

	if (stack->len <= stack->kernel_len)
		return NULL;
	return frame_at(rec, stack, stack_leaf(rec, stack, SAMPLE_SYSCALL, exe));
}

static struct spot *spot_of(const struct spots *spots, const struct frame *frame)
{
	for (size_t i = 0; frame && i < spots->at.len; i++)
		if (spots->at.at[i].module == frame->module &&
		    spots->at.at[i].name == frame->function)
			return &spots->at.at[i];
	return NULL;
}

struct spot *spots_find(const struct spots *spots, const struct sample *sample, bool *own)
{
	const struct stack *stack;
	struct spot *spot = NULL;

	if (sample->stack >= spots->a->rec->stacks.len)
		return NULL;
	stack = &spots->a->rec->stacks.at[sample->stack];
	if (!stack->kernel_len && stack->len)
		spot = spot_of(spots, frame_at(spots->a->rec, stack, 0));
	if (own)
		*own = spot;
	return spot ? spot : spot_of(spots, asker(spots->a, sample));
}

void spots_add(struct spots *spots, const struct sample *sample, double count)
{
	const struct frame *frame;
	struct spot *spot;

	if (sample->stack >= spots->a->rec->stacks.len)
		return;
	frame = asker(spots->a, sample);
	spot = spot_of(spots, frame);
	if (!frame)
		return;
	if (!spot) {
		spot = vec_extend(&spots->at, 1);
		*spot = (struct spot){
			.module = frame->module, .name = frame->function, .stack = NONE};
	}
	spot->found += count;
	if (count > spot->stack_found) {
		spot->stack_found = count;
		spot->stack = sample->stack;
	}
}

const struct spot *spots_top(const struct spots *spots)
{
	const struct spot *top = NULL;

	vec_each(&spots->at, spot)
		if (!top || spot->found > top->found)
			top = spot;
	return top;
}

struct spot_samples spots_sample(const struct spots *spots,
				 bool (*asks)(const struct analysis *a, const struct stack *stack,
					      const void *context),
				 const void *context, double *by_thread)
{
	const struct recording *rec = spots->a->rec;
	struct spot_samples sum = {};
	double entry = 0;

	vec_each(&rec->samples, sample) {
		const struct stack *stack;
		double count = (double)sample->count;
		bool own;

		if (sample->kind != SAMPLE_CPU || sample->stack >= rec->stacks.len ||
		    spots->a->facts->threads[sample->thread].group != spots->group)
			continue;
		stack = &rec->stacks.at[sample->stack];
		if (stack_in_interrupt(rec, stack) || !spots_find(spots, sample, &own))
			continue;
		if (own)
			sum.own += count;
		else if (!stack->kernel_len || asks(spots->a, stack, context))
			sum.asking += count;
		else if (stack->kernel_len <= ENTRY_FRAMES || stack_in_tracing(rec, stack))
			entry += count;
		else
			sum.other += count;
		if (by_thread)
			by_thread[sample->thread] += count;
	}
	/* The way into the kernel belongs to what was asked there. */
	if (sum.asking + sum.other > 0) {
		double share = sum.asking / (sum.asking + sum.other);

		sum.asking += entry * share;
		sum.other += entry * (1 - share);
	}
	return sum;
}

void spots_place(const struct spots *spots, struct bottleneck *finding)
{
	const struct spot *top = spots_top(spots);
	const struct recording *rec = spots->a->rec;
	struct function function = {};

	if (!top)
		return;
	function.module = top->module;
	function.name = top->name;
	if (top->stack != NONE) {
		const struct stack *stack = &rec->stacks.at[top->stack];

		vec_push(&finding->stacks, top->stack);
		for (uint32_t i = 0; i < stack->len; i++) {
			const struct frame *frame = frame_at(rec, stack, i);

			if (frame->module != top->module || frame->function != top->name)
				continue;
			function.file = frame->file;
			function.line = frame->line;
			break;
		}
	}
	place_function(spots->a, &finding->where, &function);
}

void spots_free(struct spots *spots)
{
	vec_free(&spots->at);
}

bool stack_kernel_ends(const struct recording *rec, const struct stack *stack, const char *end)
{
	size_t length = strlen(end);

	for (uint32_t i = 0; i < stack->kernel_len; i++) {
		const char *name = string_get(rec, frame_at(rec, stack, i)->function);
		size_t have = strlen(name);

		if (have >= length && !strcmp(name + have - length, end))
			return true;
	}
	return false;
}

double spots_cpu_cost(const struct analysis *a, uint32_t group)
{
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	struct blame_filter ready = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));

	run.owner = group;
	ready.party = group;
	return blame_sum(a->blame, &run) + blame_sum(a->blame, &ready);
}
