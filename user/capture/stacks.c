/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "capture/stacks.h"

/* The frames of one id: a run in stacks->frames. */
struct part {
	uint64_t id;
	uint32_t first, len;
	enum stack_end end; /* of a user part */
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
	bool quick;          /* frames were named without what is inlined in them */
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

static void part_add_user(struct stacks *stacks, struct part *part, const struct wire_frame *at,
			  uint32_t pid)
{
	struct location where;
	uint32_t module = NONE;

	if (symbols_locate(stacks->symbols, at->file, at->offset, &where)) {
		where.offset = at->offset;
	} else {
		module = module_intern(stacks->rec, where.path, where.build_id);
		symbols_note_module(stacks->symbols, module, pid, &where);
	}
	vec_push(&stacks->frames, frame_intern(stacks->rec, FRAME_USER, module, where.offset, 0));
	part->len++;
}

/* Room for a new part; false if its id is known already. */
static bool part_begin(struct stacks *stacks, struct part *part, uint64_t id)
{
	*part = (struct part){.id = id, .first = (uint32_t)stacks->frames.len};
	return index_find(&stacks->by_id, id, part_has_id, stacks, &id) == INDEX_NONE;
}

static void part_end(struct stacks *stacks, const struct part *part)
{
	index_add(&stacks->by_id, part->id, (uint32_t)stacks->parts.len);
	vec_push(&stacks->parts, *part);
}

/* How many of the frames that a record claims lie in it; `most`: that such a record may have. */
static uint32_t frames_present(uint32_t claimed, size_t size, size_t head, size_t each,
			       uint32_t most)
{
	size_t present = (size - head) / each;

	if (claimed > most)
		claimed = most;
	return claimed < present ? claimed : (uint32_t)present;
}

void stacks_kernel_arrived(struct stacks *stacks, const struct wire_stack *record, size_t size)
{
	size_t head = offsetof(struct wire_stack, address);
	struct part part;
	uint32_t frames;

	if (size < head || !part_begin(stacks, &part, record->id))
		return;
	frames =
		frames_present(record->frames, size, head, sizeof(record->address[0]), WIRE_FRAMES);
	for (uint32_t i = 0; i < frames; i++)
		part_add_kernel(stacks, &part, record->address[i]);
	part_end(stacks, &part);
}

void stacks_user_arrived(struct stacks *stacks, const struct wire_user_stack *record, size_t size)
{
	static const enum stack_end ends[] = {
		[WIRE_END_ROOT] = STACK_COMPLETE,         [WIRE_END_TRUNCATED] = STACK_TRUNCATED,
		[WIRE_END_NO_TABLE] = STACK_NO_TABLE,     [WIRE_END_NO_RULE] = STACK_NO_RULE,
		[WIRE_END_UNREADABLE] = STACK_UNREADABLE, [WIRE_END_LOOP] = STACK_LOOP,
	};
	size_t head = offsetof(struct wire_user_stack, frame);
	struct part part;
	uint32_t frames;

	if (size < head || !part_begin(stacks, &part, record->id))
		return;
	part.end = record->end < sizeof(ends) / sizeof(ends[0]) ? ends[record->end] : STACK_LOST;
	frames = frames_present(record->frames, size, head, sizeof(record->frame[0]),
				WIRE_USER_FRAMES);
	for (uint32_t i = 0; i < frames; i++)
		part_add_user(stacks, &part, &record->frame[i], record->header.tgid);
	part_end(stacks, &part);
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
	uint32_t frames[WIRE_FRAMES + WIRE_USER_FRAMES], len = 0, kernel_len;
	enum stack_end end;

	if (at != INDEX_NONE)
		return stacks->joints.at[at].stack;
	kernel = part_find(stacks, kernel_id);
	user = part_find(stacks, user_id);
	for (uint32_t i = 0; kernel && i < kernel->len; i++)
		frames[len++] = stacks->frames.at[kernel->first + i];
	kernel_len = len;
	for (uint32_t i = 0; user && i < user->len; i++)
		frames[len++] = stacks->frames.at[user->first + i];
	/* Without an id there is no user stack: nothing is missing. */
	end = user ? user->end : user_id ? STACK_LOST : STACK_COMPLETE;
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

void stacks_name(struct stacks *stacks, bool quick)
{
	struct recording *rec = stacks->rec;
	uint32_t first = (uint32_t)stacks->stacks_named;

	kernel_frames_name(stacks);
	if (quick) {
		symbols_resolve_quick(stacks->symbols, rec);
		stacks->quick = true;
	} else {
		symbols_resolve(stacks->symbols, rec);
		if (stacks->quick)
			first = 0;
		stacks->quick = false;
	}
	stacks_expand(rec, first);
	for (; stacks->stacks_named < rec->stacks.len; stacks->stacks_named++)
		stack_trim(rec, &rec->stacks.at[stacks->stacks_named]);
}

struct symbols_fetched stacks_fetch(struct stacks *stacks, const struct symbols_fetch *fetch)
{
	struct symbols_fetched fetched = symbols_fetch(stacks->symbols, stacks->rec, fetch);

	stacks_expand(stacks->rec, 0);
	return fetched;
}
