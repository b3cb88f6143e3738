/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel does for the life of tasks and for their turns on the CPU, told from the kernel
 * functions in a stack; and which user code asked for it.
 */
#ifndef STRAIT_TASK_WORK_H
#define STRAIT_TASK_WORK_H

#include "analysis/detectors/detector.h"

enum task_work {
	WORK_OTHER,
	WORK_CREATE, /* fork, clone, the first steps of the new task */
	WORK_EXEC,
	WORK_LOAD, /* user code that runs before the program's own: the dynamic loader */
	WORK_FAULT,
	WORK_MAP,   /* mmap, munmap, mprotect, madvise */
	WORK_END,   /* exit, and the parent's wait for it */
	WORK_SLEEP, /* to sleep, to change to another task */
	WORK_WAKE,  /* to wake another */
	WORK_KINDS,
};

/* The outermost of these works that the kernel part of a stack is inside of; never WORK_LOAD. */
enum task_work stack_work(const struct recording *rec, const struct stack *stack);

/* Whether a frame of a stack is this function, or what the compiler made of it. */
bool stack_frame_is(const struct recording *rec, const struct stack *stack, uint32_t at,
		    const char *function);

/*
 * Whether the main thread of a program has not come to its own code yet: the stack is complete and
 * has no frame of the executable (string), of which code was seen elsewhere.
 */
bool stack_before_main(const struct recording *rec, const struct stack *stack, uint32_t exe);

/* Whether a CPU sample is the thread's own doing: not in an interrupt, not in tracing. */
bool sample_counts(const struct recording *rec, const struct sample *sample);

/* A user function that asked for something; `owner`: any number that tells for whom. */
struct asker {
	uint32_t owner, module, name, file, line, stack;
	double weight;
};

struct askers {
	VEC(struct asker) at;
};

/* Stacks without user code are not counted. */
void askers_add(struct askers *askers, const struct recording *rec, uint32_t owner,
		const struct sample *sample);
/* The one with most weight; NULL if there is none. */
const struct asker *askers_top(const struct askers *askers, uint32_t owner);
/* Adds its code to a place, its stack to the finding's. */
void place_asker(struct analysis *a, struct bottleneck *finding, const struct asker *asker);

/* The place where threads of a group wait most often; NULL if none was seen. */
const struct function *waits_most(const struct analysis *a, uint32_t group);

#endif
