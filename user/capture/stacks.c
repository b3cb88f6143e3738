/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "capture/stacks.h"

/* The frames of one id: a run in stacks->frames. */
struct part {
	uint64_t id;
	uint32_t first, len;
	bool truncated;
};

struct joint {
	uint64_t kernel_id, user_id;
	uint32_t stack;
};

struct stacks {
	struct recording *rec;
	struct symbols *symbols;
	uint32_t kernel_module; /* of built-in code: most frames */
	VEC(struct part) parts;
	VEC(struct joint) joints;
	VEC(uint32_t) frames;
	struct index by_id, by_joint;
};

static bool part_has_id(const void *context, uint32_t position, const void *key)
{
	const struct stacks *stacks = context;

	return stacks->parts.at[position].id == *(const uint64_t *)key;
}

static bool joint_equal(const void *context, uint32_t position, const void *key)
{
	const struct joint *at = &((const struct stacks *)context)->joints.at[position];
	const struct joint *wanted = key;

	return at->kernel_id == wanted->kernel_id && at->user_id == wanted->user_id;
}

struct stacks *stacks_new(struct recording *rec, struct symbols *symbols)
{
	struct stacks *stacks = calloc(1, sizeof(*stacks));

	if (!stacks)
		return NULL;
	stacks->rec = rec;
	stacks->symbols = symbols;
	stacks->kernel_module = module_intern(rec, "[kernel]", "");
	return stacks;
}

void stacks_free(struct stacks *stacks)
{
	if (!stacks)
		return;
	vec_free(&stacks->parts);
	vec_free(&stacks->joints);
	vec_free(&stacks->frames);
	index_free(&stacks->by_id);
	index_free(&stacks->by_joint);
	free(stacks);
}

/* Frames of the tracing itself, at the leaf end of kernel stacks. */
static bool frame_is_tracing(const char *function)
{
	static const char *const prefixes[] = {"bpf_prog_", "bpf_trace_run", "__traceiter_",
					       "__bpf_trace_", "trace_call_bpf"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(function, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void part_add_kernel(struct stacks *stacks, struct part *part, uint64_t address)
{
	struct kernel_symbol symbol;
	uint32_t module = stacks->kernel_module, frame;

	if (symbols_kernel(stacks->symbols, address, &symbol)) {
		frame = frame_intern(stacks->rec, FRAME_KERNEL, module, address, 0);
	} else {
		if (!part->len && frame_is_tracing(symbol.name))
			return;
		if (strcmp(symbol.module, "[kernel]"))
			module = module_intern(stacks->rec, symbol.module, "");
		frame = frame_intern(stacks->rec, FRAME_KERNEL, module, symbol.offset,
				     string_intern(stacks->rec, symbol.name));
	}
	vec_push(&stacks->frames, frame);
	part->len++;
}

static void part_add_user(struct stacks *stacks, struct part *part, uint32_t pid, uint64_t address)
{
	struct location where;
	uint32_t module, frame;

	/* A return address may be the first byte of the next function: look at the call itself. */
	if (part->len)
		address--;
	if (symbols_locate(stacks->symbols, pid, address, &where)) {
		frame = frame_intern(stacks->rec, FRAME_USER, NONE, address, 0);
	} else {
		module = module_intern(stacks->rec, where.path, where.build_id);
		symbols_note_module(stacks->symbols, module, pid, &where);
		frame = frame_intern(stacks->rec, FRAME_USER, module, where.offset, 0);
	}
	vec_push(&stacks->frames, frame);
	part->len++;
}

void stacks_arrived(struct stacks *stacks, const struct wire_stack *record, size_t size)
{
	size_t head = offsetof(struct wire_stack, address);
	struct part part = {.id = record->id, .first = (uint32_t)stacks->frames.len};
	uint32_t frames;

	if (size < head)
		return;
	frames = record->frames;
	if (frames > (size - head) / sizeof(record->address[0]))
		frames = (uint32_t)((size - head) / sizeof(record->address[0]));
	if (index_find(&stacks->by_id, part.id, part_has_id, stacks, &part.id) != INDEX_NONE)
		return;
	part.truncated = frames >= WIRE_FRAMES;
	for (uint32_t i = 0; i < frames; i++) {
		if (record->is_user)
			part_add_user(stacks, &part, record->header.tgid, record->address[i]);
		else
			part_add_kernel(stacks, &part, record->address[i]);
	}
	index_add(&stacks->by_id, part.id, (uint32_t)stacks->parts.len);
	vec_push(&stacks->parts, part);
}

static const struct part *part_find(const struct stacks *stacks, uint64_t id)
{
	uint32_t at = index_find(&stacks->by_id, id, part_has_id, stacks, &id);

	return at == INDEX_NONE ? NULL : &stacks->parts.at[at];
}

uint32_t stacks_join(struct stacks *stacks, uint64_t kernel_id, uint64_t user_id)
{
	struct joint joint = {.kernel_id = kernel_id, .user_id = user_id};
	uint64_t hash = hash_mix(kernel_id, user_id);
	uint32_t at = index_find(&stacks->by_joint, hash, joint_equal, stacks, &joint);
	const struct part *kernel, *user;
	uint32_t frames[2 * WIRE_FRAMES], len = 0, kernel_len;
	enum stack_end end = STACK_NO_TABLE;

	if (at != INDEX_NONE)
		return stacks->joints.at[at].stack;
	kernel = part_find(stacks, kernel_id);
	user = part_find(stacks, user_id);
	for (uint32_t i = 0; kernel && i < kernel->len; i++)
		frames[len++] = stacks->frames.at[kernel->first + i];
	kernel_len = len;
	for (uint32_t i = 0; user && i < user->len; i++)
		frames[len++] = stacks->frames.at[user->first + i];
	if (!user)
		end = user_id ? STACK_LOST : STACK_UNREADABLE;
	else if (user->truncated)
		end = STACK_TRUNCATED;
	joint.stack = stack_intern(stacks->rec, frames, len, kernel_len, end);
	/* The frames may still be under way: ask again next time. */
	if ((kernel_id && !kernel) || (user_id && !user))
		return joint.stack;
	index_add(&stacks->by_joint, hash, (uint32_t)stacks->joints.len);
	vec_push(&stacks->joints, joint);
	return joint.stack;
}

/* The functions at which the C library begins a process or a thread: nothing is above them. */
static bool function_is_root(const char *function)
{
	static const char *const roots[] = {
		"_start",       "__libc_start_main", "__libc_start_call_main",
		"clone",        "__clone",           "clone3",
		"__clone3",     "start_thread",      "_dl_start_user",
		"ret_from_fork"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (!strcmp(function, roots[i]))
			return true;
	return false;
}

void stacks_finish(struct stacks *stacks)
{
	struct recording *rec = stacks->rec;

	symbols_resolve(stacks->symbols, rec);
	vec_each (&rec->stacks, stack) {
		const struct frame *root;

		if (stack->user_end != STACK_NO_TABLE || stack->len == stack->kernel_len)
			continue;
		root = &rec->frames.at[rec->stack_frames.at[stack->first + stack->len - 1]];
		if (function_is_root(string_get(rec, root->function)))
			stack->user_end = STACK_COMPLETE;
	}
}
