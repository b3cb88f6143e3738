/* SPDX-License-Identifier: BSD-2-Clause */
/* The interned tables of the recording: names, and rows that have an identity. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/recording.h"

struct text {
	const char *at;
	size_t length;
};

struct stack_key {
	const struct stack *stack;
	const uint32_t *frames;
};

/* ---- the interned tables: for each a hash of the identity, and a comparison ---- */

static bool string_equal(const void *context, uint32_t position, const void *key)
{
	const struct recording *rec = context;
	const struct text *text = key;
	const char *at = rec->strings.at.at[position];

	return !strncmp(at, text->at, text->length) && !at[text->length];
}

static uint64_t process_hash(const struct process *process)
{
	return hash_mix(process->pid, process->start_ns);
}

static bool process_equal(const void *context, uint32_t position, const void *key)
{
	const struct process *a = &((const struct recording *)context)->processes.at[position];
	const struct process *b = key;

	return a->pid == b->pid && a->start_ns == b->start_ns;
}

static uint64_t thread_hash(const struct thread *thread)
{
	return hash_mix(thread->tid, thread->start_ns);
}

static bool thread_equal(const void *context, uint32_t position, const void *key)
{
	const struct thread *a = &((const struct recording *)context)->threads.at[position];
	const struct thread *b = key;

	return a->tid == b->tid && a->start_ns == b->start_ns;
}

static bool cgroup_equal(const void *context, uint32_t position, const void *key)
{
	return ((const struct recording *)context)->cgroups.at[position].id ==
	       ((const struct cgroup *)key)->id;
}

static uint64_t module_hash(const struct module *module)
{
	return module->build_id ? hash_mix(1, module->build_id) : hash_mix(2, module->path);
}

static bool module_equal(const void *context, uint32_t position, const void *key)
{
	const struct module *a = &((const struct recording *)context)->modules.at[position];
	const struct module *b = key;

	return a->build_id == b->build_id && (b->build_id || a->path == b->path);
}

/* What tells frames of this kind apart beside module and offset. */
static uint32_t frame_symbol(const struct frame *frame)
{
	return frame->kind == FRAME_USER ? frame->inlined : frame->function;
}

static uint64_t frame_hash(const struct frame *frame)
{
	return hash_mix(hash_mix((uint64_t)frame->module << 32 | frame_symbol(frame), frame->kind),
			frame->offset);
}

static bool frame_equal(const void *context, uint32_t position, const void *key)
{
	const struct frame *a = &((const struct recording *)context)->frames.at[position];
	const struct frame *b = key;

	return a->kind == b->kind && a->module == b->module && a->offset == b->offset &&
	       frame_symbol(a) == frame_symbol(b);
}

static uint64_t stack_hash(const struct stack *stack, const uint32_t *frames)
{
	return hash_mix(hash_bytes(frames, stack->len * sizeof(*frames)),
			(uint64_t)stack->kernel_len << 8 | stack->user_end);
}

static bool stack_equal(const void *context, uint32_t position, const void *key)
{
	const struct recording *rec = context;
	const struct stack *a = &rec->stacks.at[position];
	const struct stack_key *b = key;

	return a->len == b->stack->len && a->kernel_len == b->stack->kernel_len &&
	       a->user_end == b->stack->user_end &&
	       (!a->len ||
		!memcmp(&rec->stack_frames.at[a->first], b->frames, a->len * sizeof(*b->frames)));
}

#define reindex(index, rows, hash)                                                                 \
	do {                                                                                       \
		index_free(index);                                                                 \
		for (size_t i_ = 0; i_ < (rows)->len; i_++)                                        \
			index_add(index, hash(&(rows)->at[i_]), (uint32_t)i_);                     \
	} while (0)

void recording_reindex(struct recording *rec)
{
	index_free(&rec->strings.index);
	for (size_t i = 0; i < rec->strings.at.len; i++) {
		const char *text = rec->strings.at.at[i];

		index_add(&rec->strings.index, hash_bytes(text, strlen(text)), (uint32_t)i);
	}
	index_free(&rec->by_cgroup);
	for (size_t i = 0; i < rec->cgroups.len; i++)
		index_add(&rec->by_cgroup, hash_u64(rec->cgroups.at[i].id), (uint32_t)i);
	index_free(&rec->by_stack);
	for (size_t i = 0; i < rec->stacks.len; i++) {
		const struct stack *stack = &rec->stacks.at[i];
		const uint32_t *frames = stack->len ? &rec->stack_frames.at[stack->first] : NULL;

		index_add(&rec->by_stack, stack_hash(stack, frames), (uint32_t)i);
	}
	reindex(&rec->by_process, &rec->processes, process_hash);
	reindex(&rec->by_thread, &rec->threads, thread_hash);
	reindex(&rec->by_module, &rec->modules, module_hash);
	reindex(&rec->by_frame, &rec->frames, frame_hash);
	index_free(&rec->by_sample);
	rec->slice_samples = rec->samples.len;
}

uint32_t position_next(size_t len)
{
	if (len >= NONE) {
		fprintf(stderr, "strait: a table of the recording is full (%u rows)\n", NONE);
		abort();
	}
	return (uint32_t)len;
}

uint32_t string_intern_n(struct recording *rec, const char *text, size_t length)
{
	struct text key = {.at = text ? text : ""};
	uint64_t hash;
	uint32_t id;
	char *copy;

	if (text)
		key.length = strnlen(text, length < STRING_MAX ? length : STRING_MAX);
	hash = hash_bytes(key.at, key.length);
	id = index_find(&rec->strings.index, hash, string_equal, rec, &key);
	if (id != INDEX_NONE)
		return id;
	copy = strndup(key.at, key.length);
	if (!copy) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	id = position_next(rec->strings.at.len);
	vec_push(&rec->strings.at, copy);
	index_add(&rec->strings.index, hash, id);
	return id;
}

uint32_t string_intern(struct recording *rec, const char *text)
{
	return string_intern_n(rec, text, STRING_MAX);
}

const char *string_get(const struct recording *rec, uint32_t id)
{
	return id < rec->strings.at.len ? rec->strings.at.at[id] : "";
}

uint32_t string_find(const struct recording *rec, const char *text)
{
	struct text key = {text, strnlen(text, STRING_MAX)};

	return index_find(&rec->strings.index, hash_bytes(key.at, key.length), string_equal, rec,
			  &key);
}

uint32_t process_intern(struct recording *rec, uint32_t pid, uint64_t start_ns)
{
	struct process row = {.pid = pid, .start_ns = start_ns, .cgroup = NONE};
	uint64_t hash = process_hash(&row);
	uint32_t at = index_find(&rec->by_process, hash, process_equal, rec, &row);

	if (at != INDEX_NONE)
		return at;
	at = position_next(rec->processes.len);
	vec_push(&rec->processes, row);
	index_add(&rec->by_process, hash, at);
	return at;
}

/* The row is found by what it is now: the index's older entry leads to a row that is not meant. */
void process_date(struct recording *rec, uint32_t process, uint64_t start_ns)
{
	struct process *row = &rec->processes.at[process];

	row->start_ns = start_ns;
	index_add(&rec->by_process, process_hash(row), process);
}

void thread_date(struct recording *rec, uint32_t thread, uint64_t start_ns)
{
	struct thread *row = &rec->threads.at[thread];

	row->start_ns = start_ns;
	index_add(&rec->by_thread, thread_hash(row), thread);
}

uint32_t thread_intern(struct recording *rec, uint32_t tid, uint64_t start_ns, uint32_t process)
{
	struct thread row = {.tid = tid, .start_ns = start_ns, .process = process};
	uint64_t hash = thread_hash(&row);
	uint32_t at = index_find(&rec->by_thread, hash, thread_equal, rec, &row);

	if (at != INDEX_NONE)
		return at;
	assert(process < rec->processes.len);
	at = position_next(rec->threads.len);
	vec_push(&rec->threads, row);
	index_add(&rec->by_thread, hash, at);
	return at;
}

uint32_t cgroup_intern(struct recording *rec, uint64_t id)
{
	struct cgroup row = {.id = id};
	uint64_t hash = hash_u64(id);
	uint32_t at = index_find(&rec->by_cgroup, hash, cgroup_equal, rec, &row);

	if (at != INDEX_NONE)
		return at;
	at = position_next(rec->cgroups.len);
	vec_push(&rec->cgroups, row);
	index_add(&rec->by_cgroup, hash, at);
	return at;
}

uint32_t module_intern(struct recording *rec, const char *path, const char *build_id)
{
	struct module row = {.path = string_intern(rec, path),
			     .build_id = string_intern(rec, build_id)};
	uint64_t hash = module_hash(&row);
	uint32_t at = index_find(&rec->by_module, hash, module_equal, rec, &row);

	if (at != INDEX_NONE)
		return at;
	at = position_next(rec->modules.len);
	vec_push(&rec->modules, row);
	index_add(&rec->by_module, hash, at);
	return at;
}

uint32_t frame_intern(struct recording *rec, enum frame_kind kind, uint32_t module, uint64_t offset,
		      uint32_t function)
{
	struct frame row = {.module = module,
			    .offset = offset,
			    .function = function,
			    .kind = (uint8_t)kind,
			    .named = function != 0};
	uint64_t hash = frame_hash(&row);
	uint32_t at = index_find(&rec->by_frame, hash, frame_equal, rec, &row);

	assert((module == NONE || module < rec->modules.len) && function < rec->strings.at.len);
	if (at == INDEX_NONE) {
		at = position_next(rec->frames.len);
		vec_push(&rec->frames, row);
		index_add(&rec->by_frame, hash, at);
	} else if (function && !rec->frames.at[at].function) {
		rec->frames.at[at].function = function;
		rec->frames.at[at].named = 1;
	}
	return at;
}

uint32_t frame_intern_inlined(struct recording *rec, uint32_t frame, uint8_t level,
			      uint32_t function)
{
	struct frame row = rec->frames.at[frame];
	uint64_t hash;
	uint32_t at;

	assert(row.kind == FRAME_USER && level && level <= FRAME_INLINED_MAX);
	row.inlined = level;
	row.function = function;
	row.begin = 0;
	row.file = row.line = 0;
	row.named = 1;
	hash = frame_hash(&row);
	at = index_find(&rec->by_frame, hash, frame_equal, rec, &row);
	if (at != INDEX_NONE)
		return at;
	at = position_next(rec->frames.len);
	vec_push(&rec->frames, row);
	index_add(&rec->by_frame, hash, at);
	return at;
}

/* NONE where so many functions are not inlined. */
static uint32_t frame_find_inlined(const struct recording *rec, const struct frame *frame,
				   uint8_t level)
{
	struct frame row = {.kind = FRAME_USER,
			    .module = frame->module,
			    .offset = frame->offset,
			    .inlined = level};
	uint32_t at = index_find(&rec->by_frame, frame_hash(&row), frame_equal, rec, &row);

	return at == INDEX_NONE ? NONE : at;
}

/* The frame with all that is inlined there, innermost first. Returns how many frames that makes. */
static uint32_t frame_expand(const struct recording *rec, uint32_t position,
			     uint32_t out[FRAME_INLINED_MAX + 1])
{
	const struct frame *frame = &rec->frames.at[position];
	uint32_t inlined[FRAME_INLINED_MAX], count = 0;

	if (frame->kind == FRAME_USER && !frame->inlined)
		while (count < FRAME_INLINED_MAX &&
		       (inlined[count] = frame_find_inlined(rec, frame, (uint8_t)(count + 1))) !=
			       NONE)
			count++;
	for (uint32_t i = 0; i < count; i++)
		out[i] = inlined[count - 1 - i];
	out[count] = position;
	return count + 1;
}

/* Is it inlined at the place of the other frame? */
static bool frame_is_in(const struct recording *rec, uint32_t inlined, uint32_t frame)
{
	const struct frame *a = &rec->frames.at[inlined], *b = &rec->frames.at[frame];

	return a->kind == FRAME_USER && a->inlined && b->kind == FRAME_USER &&
	       a->module == b->module && a->offset == b->offset;
}

/* The frame of row first + i of a stack that begins at `first`; nothing is put in twice. */
static uint32_t row_expand(const struct recording *rec, uint32_t first, uint32_t i,
			   uint32_t out[FRAME_INLINED_MAX + 1])
{
	uint32_t at = rec->stack_frames.at[first + i];

	if (!i || !frame_is_in(rec, rec->stack_frames.at[first + i - 1], at))
		return frame_expand(rec, at, out);
	out[0] = at;
	return 1;
}

static bool stack_expands(const struct recording *rec, const struct stack *stack)
{
	uint32_t out[FRAME_INLINED_MAX + 1];

	for (uint32_t i = 0; i < stack->len; i++)
		if (row_expand(rec, stack->first, i, out) > 1)
			return true;
	return false;
}

void stacks_expand(struct recording *rec, uint32_t first)
{
	VEC(uint32_t) frames = {};
	size_t begin;

	while (first < rec->stacks.len && !stack_expands(rec, &rec->stacks.at[first]))
		first++;
	if (first >= rec->stacks.len)
		return;
	begin = rec->stacks.at[first].first;
	for (size_t i = first; i < rec->stacks.len; i++) {
		struct stack *stack = &rec->stacks.at[i];
		uint32_t from = stack->first, len = stack->len;

		stack->first = (uint32_t)(begin + frames.len);
		for (uint32_t j = 0; j < len; j++) {
			uint32_t out[FRAME_INLINED_MAX + 1];
			uint32_t count = row_expand(rec, from, j, out);

			memcpy(vec_extend(&frames, count), out, count * sizeof(*out));
			stack->len += count - 1;
		}
	}
	position_next(begin + frames.len);
	rec->stack_frames.len = begin;
	if (begin < rec->stacks_changed)
		rec->stacks_changed = begin;
	if (frames.len)
		memcpy(vec_extend(&rec->stack_frames, frames.len), frames.at,
		       frames.len * sizeof(*frames.at));
	vec_free(&frames);
}

uint32_t stack_intern(struct recording *rec, const uint32_t *frames, uint32_t len,
		      uint32_t kernel_len, enum stack_end user_end)
{
	struct stack row = {.len = len, .kernel_len = kernel_len, .user_end = (uint8_t)user_end};
	struct stack_key key = {&row, frames};
	uint64_t hash = stack_hash(&row, frames);
	uint32_t at = index_find(&rec->by_stack, hash, stack_equal, rec, &key);

	if (at != INDEX_NONE)
		return at;
	assert(kernel_len <= len && user_end < STACK_END_COUNT);
	for (uint32_t i = 0; i < len; i++)
		assert(frames[i] < rec->frames.len);
	position_next(rec->stack_frames.len + len);
	row.first = (uint32_t)rec->stack_frames.len;
	if (len)
		memcpy(vec_extend(&rec->stack_frames, len), frames, len * sizeof(*frames));
	at = position_next(rec->stacks.len);
	vec_push(&rec->stacks, row);
	index_add(&rec->by_stack, hash, at);
	return at;
}
