/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of system calls, for the tests of the detectors that look at who asked the kernel. */
#ifndef TEST_CALLS_H
#define TEST_CALLS_H

#include "analysis/host.h"

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

/* A process whose program is /bin/x. */
static inline uint32_t host_program(struct recording *rec, const char *comm)
{
	uint32_t thread = host_process(rec, comm);

	rec->processes.at[rec->threads.at[thread].process].exe = string_intern(rec, "/bin/x");
	return thread;
}

static inline void sample_of(struct recording *rec, enum sample_kind kind, uint32_t thread,
			     const char *stack, uint64_t count, uint64_t weight)
{
	recording_sample(rec, kind, thread, stack_of(rec, stack), count, weight);
}

static inline const struct bottleneck *finding_of(const struct document *doc, const char *id)
{
	vec_each(&doc->bottlenecks, bottleneck)
		if (!strcmp(bottleneck->id, id))
			return bottleneck;
	return NULL;
}

#endif
