/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded stacks: "process;root;…;leaf N", one line for each different text, sorted by it. A process
 * in a container is "process (container)"; or its lines begin with "container;". Kernel
 * functions end in "_[k]", inlined ones in "_[i]". A user stack that broke off begins with a frame
 * that says so, for instance "[incomplete: no_table]", so that nobody takes its first frame for the
 * root.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/weights.h"
#include "util/escape.h"
#include "util/output.h"

struct line {
	char *text;
	uint64_t value;
};

static void put_frame(FILE *out, const struct recording *rec, const struct frame *frame)
{
	char *name = frame_name(rec, frame), *escaped = escape_text(name, ESCAPE_FOLDED);

	fprintf(out, ";%s%s", escaped,
		frame->kind == FRAME_KERNEL ? "_[k]"
		: frame->inlined            ? "_[i]"
					    : "");
	free(escaped);
	free(name);
}

/* As a part of its name, or as a frame of its own below it. */
static void put_process(FILE *out, const struct recording *rec, const struct weight *weight,
			const struct export_options *options)
{
	bool apart = options->containers && weight->container;
	char *name = process_name(rec, weight->comm, apart ? 0 : weight->container);
	char *container = escape_text(string_get(rec, weight->container), ESCAPE_FOLDED);
	char *escaped = escape_text(name, ESCAPE_FOLDED);

	fprintf(out, "%s%s%s", apart ? container : "", apart ? ";" : "", escaped);
	free(escaped);
	free(container);
	free(name);
}

/* Recordings hold the leaf first and the kernel's part before the user's: it is read backwards. */
static char *line_text(const struct recording *rec, const struct weight *weight,
		       const struct export_options *options)
{
	const struct stack *stack = &rec->stacks.at[weight->stack];
	const uint32_t *frames = rec->stack_frames.at + stack->first;
	uint32_t from = options->user_only ? stack->kernel_len : 0;
	uint32_t to = options->kernel_only ? stack->kernel_len : stack->len;
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		abort();
	put_process(out, rec, weight, options);
	if (!options->kernel_only && !weight->kernel && stack->user_end != STACK_COMPLETE)
		fprintf(out, ";[incomplete: %s]", stack_end_name(stack->user_end));
	for (uint32_t i = to; i > from; i--)
		put_frame(out, rec, &rec->frames.at[frames[i - 1]]);
	if (fclose(out))
		abort();
	return text;
}

static int line_compare(const void *a, const void *b)
{
	const struct line *left = a, *right = b;

	return strcmp(left->text, right->text);
}

/* Lines of equal text next to each other are added up; time becomes µs only after that. */
static void put_lines(FILE *out, const struct line *lines, size_t count, uint64_t unit)
{
	for (size_t i = 0; i < count;) {
		uint64_t value = 0;
		size_t first = i;

		for (; i < count && !strcmp(lines[i].text, lines[first].text); i++)
			value += lines[i].value;
		value = value / unit + (value % unit * 2 >= unit);
		if (value)
			fprintf(out, "%s %" PRIu64 "\n", lines[first].text, value);
	}
}

int export_folded(const struct recording *rec, enum sample_kind kind, FILE *out,
		  const struct export_options *options)
{
	static const struct export_options defaults = {};
	VEC(struct line) lines = {};
	struct weights weights;
	char *text = NULL;
	size_t length = 0;
	FILE *memory;
	int result;
	bool time;

	options = options ? options : &defaults;
	if (options->user_only && options->kernel_only)
		return -EINVAL;
	memory = open_memstream(&text, &length);
	if (!memory)
		return -ENOMEM;
	weights_collect(&weights, rec, kind, options);
	vec_each(&weights.at, weight)
		vec_push(&lines, (struct line){.text = line_text(rec, weight, options),
					       .value = weight->value});
	vec_sort(&lines, line_compare);
	time = export_wants_weight(kind, options) && !strcmp(sample_kind_unit(kind), "ns");
	put_lines(memory, lines.at, lines.len, time ? 1000 : 1);
	result = fclose(memory) ? -ENOMEM : output_write(out, text, length);
	vec_each(&lines, line)
		free(line->text);
	vec_free(&lines);
	weights_free(&weights);
	free(text);
	return result;
}
