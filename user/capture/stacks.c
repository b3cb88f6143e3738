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

/* Kernel frames are interned by address here: their names come later, all at once. */
struct kernel_frame {
	uint64_t address;
	uint32_t frame;
};

struct stacks {
	struct recording *rec;
	struct symbols *symbols;
	uint32_t kernel_module; /* of built-in code: most frames */
	VEC(struct kernel_frame) kernel_frames;
	size_t kernel_named; /* of them */
	size_t stacks_named; /* of the recording's stacks, from the first on */
	VEC(struct part) parts;
	VEC(struct joint) joints;
	VEC(uint32_t) frames;
	struct index by_id, by_joint, by_address;
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
	index_free(&stacks->by_address);
	vec_free(&stacks->kernel_frames);
	free(stacks);
}

static bool kernel_frame_at(const void *context, uint32_t position, const void *key)
{
	const struct stacks *stacks = context;

	return stacks->kernel_frames.at[position].address == *(const uint64_t *)key;
}

static void part_add_kernel(struct stacks *stacks, struct part *part, uint64_t address)
{
	uint64_t hash = hash_u64(address);
	uint32_t at = index_find(&stacks->by_address, hash, kernel_frame_at, stacks, &address);

	if (at == INDEX_NONE) {
		at = (uint32_t)stacks->kernel_frames.len;
		index_add(&stacks->by_address, hash, at);
		vec_push(&stacks->kernel_frames,
			 (struct kernel_frame){address,
					       frame_intern(stacks->rec, FRAME_KERNEL,
							    stacks->kernel_module, address, 0)});
	}
	vec_push(&stacks->frames, stacks->kernel_frames.at[at].frame);
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

/* ---- names ---- */

/*
 * Naming waits until it is asked for: reading kallsyms and symbol tables takes more CPU than
 * tracing a quiet host for ten seconds.
 */
static void kernel_frames_name(struct stacks *stacks)
{
	for (; stacks->kernel_named < stacks->kernel_frames.len; stacks->kernel_named++) {
		const struct kernel_frame *at = &stacks->kernel_frames.at[stacks->kernel_named];
		struct kernel_symbol symbol;
		uint32_t module = stacks->kernel_module;
		struct frame *frame;

		if (symbols_kernel(stacks->symbols, at->address, &symbol))
			continue;
		if (strcmp(symbol.module, "[kernel]"))
			module = module_intern(stacks->rec, symbol.module, "");
		frame = &stacks->rec->frames.at[at->frame];
		frame->module = module;
		frame->function = string_intern(stacks->rec, symbol.name);
		frame->offset = symbol.offset;
		frame->named = true;
	}
}

/* Frames of the tracing itself, at the leaf end of kernel stacks. */
static bool function_is_tracing(const char *function)
{
	static const char *const prefixes[] = {"bpf_prog_",    "bpf_trace_run",  "__traceiter_",
					       "__bpf_trace_", "trace_call_bpf", "bpf_get_stack"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(function, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static const char *stack_function(const struct recording *rec, const struct stack *stack,
				  uint32_t at)
{
	uint32_t frame = rec->stack_frames.at[stack->first + at];

	return string_get(rec, rec->frames.at[frame].function);
}

static void stack_trim(const struct recording *rec, struct stack *stack)
{
	while (stack->kernel_len && function_is_tracing(stack_function(rec, stack, 0))) {
		stack->first++;
		stack->len--;
		stack->kernel_len--;
	}
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

void stacks_name(struct stacks *stacks)
{
	struct recording *rec = stacks->rec;

	kernel_frames_name(stacks);
	symbols_resolve(stacks->symbols, rec);
	for (; stacks->stacks_named < rec->stacks.len; stacks->stacks_named++) {
		struct stack *stack = &rec->stacks.at[stacks->stacks_named];

		stack_trim(rec, stack);
		if (stack->user_end == STACK_NO_TABLE && stack->len > stack->kernel_len &&
		    function_is_root(stack_function(rec, stack, stack->len - 1)))
			stack->user_end = STACK_COMPLETE;
	}
}
