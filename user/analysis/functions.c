/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "analysis/functions.h"

struct builder {
	const struct facts *facts;
	struct functions *functions;
	struct index index;
};

struct function_key {
	uint8_t kind;
	bool interrupt;
	uint32_t group, module, name;
};

static bool function_equal(const void *context, uint32_t position, const void *key)
{
	const struct function *at = &((const struct functions *)context)->at.at[position];
	const struct function_key *wanted = key;

	return at->kind == wanted->kind && at->interrupt == wanted->interrupt &&
	       at->group == wanted->group && at->module == wanted->module &&
	       at->name == wanted->name;
}

static uint32_t function_intern(struct builder *b, enum sample_kind kind, uint32_t group,
				const struct frame *frame, bool interrupt)
{
	struct function_key key = {(uint8_t)kind, interrupt, group, frame->module, frame->function};
	uint64_t hash = hash_mix(hash_mix((uint64_t)kind << 32 | group, key.module), key.name);
	uint32_t at = index_find(&b->index, hash, function_equal, b->functions, &key);

	if (at != INDEX_NONE)
		return at;
	at = (uint32_t)b->functions->at.len;
	index_add(&b->index, hash, at);
	vec_push(&b->functions->at, (struct function){.kind = (uint8_t)kind,
						      .group = group,
						      .module = frame->module,
						      .name = frame->function,
						      .kernel = frame->kind == FRAME_KERNEL,
						      .interrupt = interrupt});
	return at;
}

/*
 * Softirqs are told from a thread's own by what called them: the way out of an interrupt. The
 * kernel's entry points, not the timer's that takes the sample: that one is not part of the stack.
 */
bool stack_in_interrupt(const struct recording *rec, const struct stack *stack)
{
	static const char *const entries[] = {
		"common_interrupt", "asm_common_interrupt", "irq_exit_rcu",   "__irq_exit_rcu",
		"irq_exit",         "run_ksoftirqd",        "gic_handle_irq", "el0_interrupt",
		"el1_interrupt"};

	for (uint32_t i = 0; i < stack->kernel_len; i++) {
		uint32_t frame = rec->stack_frames.at[stack->first + i];
		const char *name = string_get(rec, rec->frames.at[frame].function);

		if (!strncmp(name, "asm_sysvec_", 11) || !strncmp(name, "sysvec_", 7))
			return true;
		for (size_t j = 0; j < sizeof(entries) / sizeof(entries[0]); j++)
			if (!strcmp(name, entries[j]))
				return true;
	}
	return false;
}

static bool name_is_one_of(const char *name, const char *const names[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* Kernel functions through which every sleeping thread sleeps: they say nothing. */
static bool only_sleeps(const char *name)
{
	static const char *const names[] = {"__schedule",
					    "schedule",
					    "schedule_timeout",
					    "io_schedule",
					    "io_schedule_timeout",
					    "schedule_hrtimeout_range",
					    "schedule_hrtimeout_range_clock",
					    "__switch_to_asm",
					    "__switch_to",
					    "schedule_preempt_disabled"};

	return name_is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

/*
 * Kernel functions that end by letting interrupts in again. A timer that fell due meanwhile, and so
 * the sample, hits there: what it found is the work that their callers did with interrupts off.
 */
static bool only_unmasks(const char *name)
{
	static const char *const names[] = {
		"_raw_spin_unlock_irqrestore", "_raw_spin_unlock_irq",
		"_raw_read_unlock_irqrestore", "_raw_write_unlock_irqrestore",
		"_raw_write_unlock_irq",       "_raw_read_unlock_irq"};

	return name_is_one_of(name, names, sizeof(names) / sizeof(names[0])) ||
	       !strncmp(name, "finish_task_switch", strlen("finish_task_switch"));
}

/*
 * The frame that stands for a stack: the leaf of what runs, who asked for it where something else
 * works or nothing does; never one that says nothing.
 */
static uint32_t stack_leaf(const struct recording *rec, const struct stack *stack,
			   enum sample_kind kind)
{
	bool (*skip)(const char *name) = kind == SAMPLE_CPU ? only_unmasks : only_sleeps;
	uint32_t at = 0;

	if (kind == SAMPLE_FAULT)
		return 0;
	if (kind != SAMPLE_CPU && stack->len > stack->kernel_len)
		return stack->kernel_len;
	while (at + 1 < stack->kernel_len &&
	       skip(string_get(rec,
			       rec->frames.at[rec->stack_frames.at[stack->first + at]].function)))
		at++;
	return at;
}

static void sample_add(struct builder *b, const struct sample *sample)
{
	const struct recording *rec = b->facts->rec;
	const struct stack *stack;
	uint32_t group = b->facts->threads[sample->thread].group, leaf;
	bool interrupt;

	b->functions->weight[sample->kind] += (double)sample->weight;
	b->functions->samples[sample->kind] += (double)sample->count;
	if (sample->stack >= rec->stacks.len || group == NONE)
		return;
	stack = &rec->stacks.at[sample->stack];
	leaf = stack_leaf(rec, stack, sample->kind);
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
				inner->function == frame->function;
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
