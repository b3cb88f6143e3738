/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of synthetic hosts (host.h), written as the names of their functions. */
#ifndef TEST_STACKS_H
#define TEST_STACKS_H

#include <stdio.h>
#include <stdlib.h>

#include "analysis/host.h"

#define STACK_FRAMES 32

static inline uint32_t stack_frames_make(struct recording *rec, enum frame_kind kind,
					 uint32_t module, const char *names, uint32_t *frames)
{
	char *copy = strdup(names), *rest = copy, *name;
	uint32_t n = 0;

	while ((name = strtok_r(rest, " ", &rest)) && n < STACK_FRAMES) {
		frames[n] = frame_intern(rec, kind, module, hash_bytes(name, strlen(name)),
					 string_intern(rec, name));
		n++;
	}
	free(copy);
	return n;
}

/* Kernel functions and those of the file `path`, leaf first, each a list between spaces. */
static inline uint32_t stack_make(struct recording *rec, const char *kernel, const char *path,
				  const char *user)
{
	uint32_t frames[2 * STACK_FRAMES];
	uint32_t in_kernel = stack_frames_make(
		rec, FRAME_KERNEL, module_intern(rec, "[kernel]", NULL), kernel, frames);
	uint32_t all =
		in_kernel + stack_frames_make(rec, FRAME_USER, module_intern(rec, path, path), user,
					      frames + in_kernel);

	return stack_intern(rec, frames, all, in_kernel, STACK_COMPLETE);
}

/* The one finding of an id; NULL if there is none. */
static inline const struct bottleneck *finding_of(const struct document *doc, const char *id)
{
	const struct bottleneck *found = NULL;

	vec_each(&doc->bottlenecks, finding) {
		if (strcmp(finding->id, id) != 0)
			continue;
		assert_null(found);
		found = finding;
	}
	return found;
}

/* The value of a piece of evidence, which must be there. */
static inline double evidence_of(const struct bottleneck *finding, const char *what)
{
	vec_each(&finding->evidence, evidence)
		if (!strcmp(evidence->what, what))
			return evidence->value;
	fail_msg("no evidence \"%s\"", what);
	return 0;
}

#endif
