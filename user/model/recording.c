/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/recording.h"

struct recording *recording_new(void)
{
	struct recording *rec = calloc(1, sizeof(*rec));

	if (!rec) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	string_intern(rec, "");
	rec->self.bpf_percent = -1;
	return rec;
}

void recording_free(struct recording *rec)
{
	if (!rec)
		return;
	vec_each(&rec->strings.at, text)
		free(*text);
	vec_free(&rec->strings.at);
	index_free(&rec->strings.index);
	vec_free(&rec->slices);
	vec_free(&rec->cgroups);
	vec_free(&rec->processes);
	vec_free(&rec->threads);
	vec_free(&rec->modules);
	vec_free(&rec->frames);
	vec_free(&rec->stack_frames);
	vec_free(&rec->stacks);
	vec_free(&rec->listeners);
	vec_free(&rec->samples);
	vec_free(&rec->ledger);
	vec_free(&rec->edges);
	vec_free(&rec->holds);
	vec_free(&rec->waits);
	vec_free(&rec->delays);
	vec_free(&rec->occupants);
	vec_free(&rec->excerpts);
	vec_free(&rec->events);
	vec_free(&rec->counts);
	vec_free(&rec->buckets);
	vec_free(&rec->points);
	vec_free(&rec->families);
	vec_free(&rec->losses);
	index_free(&rec->by_process);
	index_free(&rec->by_thread);
	index_free(&rec->by_cgroup);
	index_free(&rec->by_module);
	index_free(&rec->by_frame);
	index_free(&rec->by_stack);
	index_free(&rec->by_sample);
	free(rec);
}

static uint64_t sample_hash(const struct sample *sample)
{
	return hash_mix((uint64_t)sample->thread << 32 | sample->stack, sample->kind);
}

static bool sample_equal(const void *context, uint32_t position, const void *key)
{
	const struct sample *a = &((const struct recording *)context)->samples.at[position];
	const struct sample *b = key;

	return a->kind == b->kind && a->thread == b->thread && a->stack == b->stack;
}

static uint32_t stack_or_lost(struct recording *rec, uint32_t stack)
{
	if (stack == NONE)
		return stack_intern(rec, NULL, 0, 0, STACK_LOST);
	assert(stack < rec->stacks.len);
	return stack;
}

static uint32_t slice_open(const struct recording *rec)
{
	assert(rec->slices.len);
	return recording_slice(rec);
}

void recording_begin_slice(struct recording *rec, uint64_t begin_ns, bool warmup)
{
	position_next(rec->slices.len);
	index_free(&rec->by_sample);
	rec->slice_samples = rec->samples.len;
	rec->stacks_changed = rec->stack_frames.len;
	vec_push(&rec->slices,
		 (struct slice){.begin_ns = begin_ns, .end_ns = begin_ns, .warmup = warmup});
}

void recording_end_slice(struct recording *rec, uint64_t end_ns)
{
	struct slice *slice = &rec->slices.at[slice_open(rec)];

	slice->end_ns = end_ns > slice->begin_ns ? end_ns : slice->begin_ns;
	index_free(&rec->by_sample);
	rec->slice_samples = rec->samples.len;
}

void recording_sample(struct recording *rec, enum sample_kind kind, uint32_t thread, uint32_t stack,
		      uint64_t count, uint64_t weight)
{
	struct sample row = {.slice = slice_open(rec),
			     .thread = thread,
			     .stack = stack_or_lost(rec, stack),
			     .kind = (uint8_t)kind,
			     .count = count,
			     .weight = weight};
	uint64_t hash = sample_hash(&row);
	uint32_t at;

	assert(thread < rec->threads.len && kind < SAMPLE_KINDS);
	if (!count && !weight)
		return;
	at = index_find(&rec->by_sample, hash, sample_equal, rec, &row);
	if (at == INDEX_NONE) {
		at = position_next(rec->samples.len);
		vec_push(&rec->samples, row);
		index_add(&rec->by_sample, hash, at);
	} else {
		rec->samples.at[at].count += count;
		rec->samples.at[at].weight += weight;
	}
}

void recording_ledger(struct recording *rec, uint32_t slice, uint32_t thread,
		      enum thread_state state, uint64_t ns)
{
	assert(slice < rec->slices.len && thread < rec->threads.len && state < STATE_COUNT);
	if (!ns)
		return;
	vec_push(&rec->ledger,
		 (struct ledger_row){.slice = slice, .thread = thread, .state = state, .ns = ns});
}

void recording_edge(struct recording *rec, enum edge_kind kind, uint32_t thread, uint32_t party,
		    uint64_t count, uint64_t ns)
{
	assert(thread < rec->threads.len && (party == NONE || party < rec->processes.len));
	if (!count && !ns)
		return;
	vec_push(&rec->edges, (struct edge){.slice = slice_open(rec),
					    .thread = thread,
					    .party = party,
					    .kind = (uint8_t)kind,
					    .count = count,
					    .ns = ns});
}

void recording_hold(struct recording *rec, uint32_t thread, uint32_t holder,
		    enum thread_state state, uint64_t ns)
{
	assert(thread < rec->threads.len && holder < rec->processes.len && state < STATE_COUNT);
	if (!ns)
		return;
	vec_push(&rec->holds, (struct hold){.slice = slice_open(rec),
					    .thread = thread,
					    .holder = holder,
					    .state = state,
					    .ns = ns});
}

void recording_wait(struct recording *rec, const struct wait *wait)
{
	struct wait row = *wait;

	assert(row.thread < rec->threads.len &&
	       (row.waker == NONE || row.waker < rec->threads.len) &&
	       (row.waker_stack == NONE || row.waker_stack < rec->stacks.len) &&
	       row.state >= STATE_WAIT_DISK_READ && row.state < STATE_COUNT && row.end < WAIT_ENDS);
	row.slice = slice_open(rec);
	row.stack = stack_or_lost(rec, row.stack);
	if (row.end_ns < row.begin_ns)
		row.end_ns = row.begin_ns;
	vec_push(&rec->waits, row);
}

/* Adds to the row of the thread among those from `first` on. */
static void occupant_add(struct recording *rec, size_t first, const struct occupant *occupant)
{
	for (size_t i = first; i < rec->occupants.len; i++) {
		if (rec->occupants.at[i].thread == occupant->thread) {
			rec->occupants.at[i].ns += occupant->ns;
			return;
		}
	}
	vec_push(&rec->occupants, *occupant);
}

void recording_delay(struct recording *rec, const struct delay *delay,
		     const struct occupant *occupants, size_t count)
{
	uint32_t position = position_next(rec->delays.len);
	size_t first = rec->occupants.len;
	struct delay row = *delay;

	assert(row.thread < rec->threads.len && state_is_ready(row.state));
	row.slice = slice_open(rec);
	if (row.end_ns < row.begin_ns)
		row.end_ns = row.begin_ns;
	vec_push(&rec->delays, row);
	for (size_t i = 0; i < count; i++) {
		assert(occupants[i].thread < rec->threads.len);
		occupant_add(rec, first,
			     &(struct occupant){position, occupants[i].thread, occupants[i].ns});
	}
}

void recording_count(struct recording *rec, const char *metric, uint32_t process, const char *label,
		     uint64_t value)
{
	assert(process == NONE || process < rec->processes.len);
	vec_push(&rec->counts, (struct count){.slice = slice_open(rec),
					      .metric = string_intern(rec, metric),
					      .process = process,
					      .label = string_intern(rec, label),
					      .value = value});
}

void recording_bucket(struct recording *rec, const char *metric, uint32_t process,
		      const char *label, uint32_t bucket, uint64_t count, uint64_t sum)
{
	assert(process == NONE || process < rec->processes.len);
	vec_push(&rec->buckets, (struct bucket){.slice = slice_open(rec),
						.metric = string_intern(rec, metric),
						.process = process,
						.label = string_intern(rec, label),
						.bucket = bucket,
						.count = count,
						.sum = sum});
}

void recording_point(struct recording *rec, const char *metric, const char *label, double value)
{
	vec_push(&rec->points, (struct point){.slice = slice_open(rec),
					      .metric = string_intern(rec, metric),
					      .label = string_intern(rec, label),
					      .value = value});
}

void recording_loss(struct recording *rec, const char *reason, bool sample, uint64_t count)
{
	uint32_t id = string_intern(rec, reason);

	if (!count)
		return;
	/* There are about as many reasons as enum drop_reason has. */
	vec_each(&rec->losses, loss) {
		if (loss->reason == id && loss->sample == sample) {
			loss->count += count;
			return;
		}
	}
	vec_push(&rec->losses, (struct loss){.reason = id, .sample = sample, .count = count});
}

void recording_family(struct recording *rec, const char *name, enum family_status status,
		      const char *why)
{
	struct family_state row = {.name = string_intern(rec, name),
				   .why = string_intern(rec, why),
				   .status = (uint8_t)status};

	vec_each(&rec->families, family) {
		if (family->name == row.name) {
			*family = row;
			return;
		}
	}
	vec_push(&rec->families, row);
}
