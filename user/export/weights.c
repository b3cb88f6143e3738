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
	if (left->stack != right->stack)
		return left->stack < right->stack ? -1 : 1;
	return left->kernel - right->kernel;
}

void weights_collect(struct weights *weights, const struct recording *rec, enum sample_kind kind,
		     const struct export_options *options)
{
	bool weight = export_wants_weight(kind, options);
	bool all = options->all_processes || rec->target.kind == TARGET_HOST;
	size_t kept = 0;

	*weights = (struct weights){};
	vec_each(&rec->samples, sample) {
		const struct process *process =
			&rec->processes.at[rec->threads.at[sample->thread].process];

		if (sample->kind != kind || (!all && !process->targeted))
			continue;
		vec_push(&weights->at,
			 (struct weight){.comm = process->comm,
					 .stack = sample->stack,
					 .kernel = process->kernel,
					 .value = weight ? sample->weight : sample->count});
	}
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
