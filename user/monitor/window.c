/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor/window.h"

/* Beside a thread, capture keeps its last ledger; beside a stack, its ids and frames. */
#define THREAD_BYTES (sizeof(struct thread) + 640)
#define STACK_BYTES  (sizeof(struct stack) + 96)
#define TEXT_BYTES   64 /* a name with its pointer and its place in the index */

static uint64_t since(uint64_t time_ns, uint64_t base_ns)
{
	return time_ns > base_ns ? time_ns - base_ns : 0;
}

void window_rebase(struct recording *rec, uint64_t end_unix_ns)
{
	uint64_t base, end;

	if (!rec->slices.len)
		return;
	base = rec->slices.at[0].begin_ns;
	end = rec->slices.at[rec->slices.len - 1].end_ns;
	vec_each(&rec->slices, slice) {
		slice->begin_ns = since(slice->begin_ns, base);
		slice->end_ns = since(slice->end_ns, base);
	}
	vec_each(&rec->waits, wait) {
		wait->begin_ns = since(wait->begin_ns, base);
		wait->end_ns = since(wait->end_ns, base);
	}
	vec_each(&rec->delays, delay) {
		delay->begin_ns = since(delay->begin_ns, base);
		delay->end_ns = since(delay->end_ns, base);
	}
	vec_each(&rec->excerpts, excerpt) {
		excerpt->begin_ns = since(excerpt->begin_ns, base);
		excerpt->end_ns = since(excerpt->end_ns, base);
	}
	vec_each(&rec->events, event)
		event->time_ns = since(event->time_ns, base);
	rec->length_ns = since(end, base);
	rec->start_unix_ns = since(end_unix_ns, rec->length_ns);
}

void window_forget(struct recording *rec)
{
	rec->slices.len = 0;
	rec->samples.len = 0;
	rec->ledger.len = 0;
	rec->edges.len = 0;
	rec->holds.len = 0;
	rec->waits.len = 0;
	rec->delays.len = 0;
	rec->occupants.len = 0;
	rec->excerpts.len = 0;
	rec->events.len = 0;
	rec->counts.len = 0;
	rec->buckets.len = 0;
	rec->points.len = 0;
	rec->losses.len = 0;
	rec->slice_samples = 0;
	vec_each(&rec->processes, process)
		process->born = process->exited = false;
}

uint64_t window_names_bytes(const struct recording *rec)
{
	return rec->threads.len * THREAD_BYTES + rec->processes.len * 2 * sizeof(struct process) +
	       rec->frames.len * 2 * sizeof(struct frame) +
	       rec->stack_frames.len * 2 * sizeof(uint32_t) + rec->stacks.len * STACK_BYTES +
	       rec->strings.at.len * TEXT_BYTES;
}
