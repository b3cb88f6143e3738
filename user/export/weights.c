/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/weights.h"

#include <stdlib.h>
#include <string.h>

bool export_wants_weight(enum sample_kind kind, const struct export_options *options)
{
	if (options->value == EXPORT_DEFAULT)
		return kind != SAMPLE_CPU;
	return options->value == EXPORT_WEIGHT;
}

static int weight_compare(const void *a, const void *b)
{
	const struct weight *left = a, *right = b;

	if (left->comm != right->comm)
		return left->comm < right->comm ? -1 : 1;
	if (left->container != right->container)
		return left->container < right->container ? -1 : 1;
	if (left->stack != right->stack)
		return left->stack < right->stack ? -1 : 1;
	return left->kernel - right->kernel;
}

static void weight_push(struct weights *weights, const struct recording *rec, uint32_t thread,
			uint32_t stack, uint64_t value, const struct export_options *options)
{
	const struct process *process = &rec->processes.at[rec->threads.at[thread].process];
	bool all = options->all_processes || rec->target.kind == TARGET_HOST;
	uint32_t container = 0;

	if (!all && !process->targeted)
		return;
	if (process->cgroup < rec->cgroups.len)
		container = rec->cgroups.at[process->cgroup].container;
	vec_push(&weights->at, (struct weight){.comm = process->comm,
					       .container = container,
					       .stack = stack,
					       .kernel = process->kernel,
					       .value = value});
}

/* Ends of waits for mutexes are samples already, all of them. */
static bool wait_is_wakeup(const struct wait *wait)
{
	return !wait->lock && wait->waker != NONE && wait->waker_stack != NONE;
}

void export_kinds(const struct recording *rec, bool seen[SAMPLE_KINDS])
{
	memset(seen, 0, SAMPLE_KINDS * sizeof(*seen));
	vec_each(&rec->samples, sample)
		seen[sample->kind] = true;
	vec_each(&rec->waits, wait)
		seen[SAMPLE_WAKEUP] |= wait_is_wakeup(wait);
}

/* Equal ones become one. */
static void weights_merge(struct weights *weights)
{
	size_t kept = 0;

	vec_sort(&weights->at, weight_compare);
	for (size_t i = 0; i < weights->at.len; i++) {
		struct weight *row = &weights->at.at[i];

		if (kept && !weight_compare(&weights->at.at[kept - 1], row))
			weights->at.at[kept - 1].value += row->value;
		else
			weights->at.at[kept++] = *row;
	}
	weights->at.len = kept;
}

void weights_collect(struct weights *weights, const struct recording *rec, enum sample_kind kind,
		     const struct export_options *options)
{
	bool weight = export_wants_weight(kind, options);

	*weights = (struct weights){};
	vec_each(&rec->samples, sample)
		if (sample->kind == kind)
			weight_push(weights, rec, sample->thread, sample->stack,
				    weight ? sample->weight : sample->count, options);
	if (kind == SAMPLE_WAKEUP)
		vec_each(&rec->waits, wait)
			if (wait_is_wakeup(wait))
				weight_push(weights, rec, wait->waker, wait->waker_stack,
					    weight ? wait->end_ns - wait->begin_ns : 1, options);
	weights_merge(weights);
}

void weights_free(struct weights *weights)
{
	vec_free(&weights->at);
}

char *frame_name(const struct recording *rec, const struct frame *frame)
{
	const char *function = string_get(rec, frame->function);
	char *text;

	if (!*function && frame->module != NONE)
		return code_name(string_get(rec, rec->modules.at[frame->module].path),
				 frame->begin ? frame->begin : frame->offset);
	/* An address in no mapping says nothing to anybody. */
	text = strdup(*function ? function : "[unknown]");
	if (!text)
		abort();
	return text;
}
