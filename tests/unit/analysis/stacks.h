/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of synthetic hosts (host.h), written as the names of their functions, leaf first. */
#ifndef TEST_STACKS_H
#define TEST_STACKS_H

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

/*
 * A stack written leaf first, frames parted by spaces: "[k]schedule [k]do_futex libc:wait main".
 * What is not of the kernel or of a library is the program's own, /bin/x.
 */
static inline uint32_t stack_of(struct recording *rec, const char *text)
{
	uint32_t frames[16], count = 0, kernel = 0;
	char copy[512], *next = copy, *word;

	strncpy(copy, text, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = 0;
	while ((word = strsep(&next, " ")) && count < 16) {
		char *colon = strchr(word, ':');
		bool of_kernel = !strncmp(word, "[k]", 3);
		const char *name = of_kernel ? word + 3 : colon ? colon + 1 : word;
		const char *module = colon ? "/lib/c.so" : "/bin/x";
		uint32_t position =
			of_kernel ? NONE : module_intern(rec, module, colon ? "cc" : "aa");

		frames[count++] =
			frame_intern(rec, of_kernel ? FRAME_KERNEL : FRAME_USER, position,
				     hash_bytes(name, strlen(name)), string_intern(rec, name));
		kernel += of_kernel;
	}
	return stack_intern(rec, frames, count, kernel, STACK_COMPLETE);
}

static inline void sample_of(struct recording *rec, enum sample_kind kind, uint32_t thread,
			     const char *stack, uint64_t count, uint64_t weight)
{
	recording_sample(rec, kind, thread, stack_of(rec, stack), count, weight);
}

#endif
