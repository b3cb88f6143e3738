/* SPDX-License-Identifier: BSD-2-Clause */
/* Small synthetic hosts for the tests of the analysis: ten slices of a second, two CPUs. */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/recording.h"

#define SECOND 1000000000ULL
#define SLICES 10

#define assert_near(is, wanted, within)                                                            \
	do {                                                                                       \
		double is_ = (is), wanted_ = (wanted);                                             \
		if (!(fabs(is_ - wanted_) <= (within)))                                            \
			fail_msg("%s is %g, not %g", #is, is_, wanted_);                           \
	} while (0)

struct made {
	struct recording *rec;
	uint32_t pid;
};

static inline struct recording *host_new(double idle_share)
{
	struct recording *rec = recording_new();

	rec->host.cpus = 2;
	rec->length_ns = SLICES * SECOND;
	for (int slice = 0; slice < SLICES; slice++) {
		recording_begin_slice(rec, slice * SECOND, false);
		recording_point(rec, "cpu.idle_ns", "cpu0", idle_share * (double)SECOND);
		recording_point(rec, "cpu.idle_ns", "cpu1", idle_share * (double)SECOND);
		recording_end_slice(rec, (slice + 1) * SECOND);
	}
	return rec;
}

/* A process of one thread and its own executable; returns the thread's position. */
static inline uint32_t host_process(struct recording *rec, const char *comm)
{
	uint32_t pid = 1000 + (uint32_t)rec->processes.len;
	uint32_t process = process_intern(rec, pid, pid), thread;

	rec->processes.at[process].comm = string_intern(rec, comm);
	rec->processes.at[process].exe_id = pid;
	rec->processes.at[process].cgroup = NONE;
	rec->processes.at[process].targeted = true;
	thread = thread_intern(rec, pid, pid, process);
	rec->threads.at[thread].comm = string_intern(rec, comm);
	rec->threads.at[thread].cpus_allowed = 2;
	rec->threads.at[thread].cpu_mask[0] = 3;
	return thread;
}

/* The same, whose program is /bin/x, as that of host_sample() and stack_of(). */
static inline uint32_t host_program(struct recording *rec, const char *comm)
{
	uint32_t thread = host_process(rec, comm);

	rec->processes.at[rec->threads.at[thread].process].exe = string_intern(rec, "/bin/x");
	return thread;
}

static inline uint32_t host_thread(struct recording *rec, uint32_t sibling)
{
	uint32_t process = rec->threads.at[sibling].process;
	uint32_t tid = 5000 + (uint32_t)rec->threads.len, thread;

	thread = thread_intern(rec, tid, tid, process);
	rec->threads.at[thread].comm = rec->threads.at[sibling].comm;
	rec->threads.at[thread].cpus_allowed = 2;
	rec->threads.at[thread].cpu_mask[0] = 3;
	return thread;
}

/* The same share of every slice in a state. */
static inline void host_spend(struct recording *rec, uint32_t thread, enum thread_state state,
			      double share)
{
	for (uint32_t slice = 0; slice < SLICES; slice++)
		recording_ledger(rec, slice, thread, state, (uint64_t)(share * (double)SECOND));
}

static inline void host_edge(struct recording *rec, enum edge_kind kind, uint32_t thread,
			     uint32_t other, double seconds)
{
	recording_edge(rec, kind, thread, rec->threads.at[other].process, 1,
		       (uint64_t)(seconds * (double)SECOND));
}

static inline void host_count(struct recording *rec, uint32_t thread, const char *metric,
			      const char *label, uint64_t value)
{
	recording_count(rec, metric, rec->threads.at[thread].process, label, value);
}

static inline void host_sample(struct recording *rec, uint32_t thread, const char *function,
			       uint64_t count, bool pause)
{
	uint32_t module = module_intern(rec, "/bin/x", "aa");
	uint32_t frame =
		frame_intern(rec, FRAME_USER, module, hash_bytes(function, strlen(function)), 0);
	uint32_t stack;

	rec->frames.at[frame].function = string_intern(rec, function);
	rec->frames.at[frame].pause = pause;
	stack = stack_intern(rec, &frame, 1, 0, STACK_COMPLETE);
	recording_sample(rec, SAMPLE_CPU, thread, stack, count, count * 10000000);
}

/* The same at a place in a function without a name, 0 = not known where it begins. */
static inline void host_sample_nameless(struct recording *rec, uint32_t thread, uint64_t offset,
					uint64_t begin, uint64_t count)
{
	uint32_t module = module_intern(rec, "/bin/x", "aa");
	uint32_t frame = frame_intern(rec, FRAME_USER, module, offset, 0);
	uint32_t stack;

	rec->frames.at[frame].begin = begin;
	stack = stack_intern(rec, &frame, 1, 0, STACK_COMPLETE);
	recording_sample(rec, SAMPLE_CPU, thread, stack, count, count * 10000000);
}

/* CPU samples of kernel code: `leaf`, called by `caller`. */
static inline void host_sample_kernel(struct recording *rec, uint32_t thread, const char *leaf,
				      const char *caller, uint64_t count)
{
	uint32_t frames[2];
	const char *names[2] = {leaf, caller};

	for (int i = 0; i < 2; i++) {
		frames[i] = frame_intern(rec, FRAME_KERNEL, NONE,
					 hash_bytes(names[i], strlen(names[i])), 0);
		rec->frames.at[frames[i]].function = string_intern(rec, names[i]);
	}
	recording_sample(rec, SAMPLE_CPU, thread, stack_intern(rec, frames, 2, 2, STACK_COMPLETE),
			 count, count * 10000000);
}

static inline void host_listen(struct recording *rec, uint32_t thread)
{
	vec_push(&rec->listeners,
		 (struct listener){.process = rec->threads.at[thread].process, .port = 5432});
}

#endif
