/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "analysis/detectors/task_work.h"
#include "analysis/leaf.h"

/* From the outside in: what a work is made of comes behind it. */
static const struct {
	const char *function;
	enum task_work work;
} works[] = {
	{"do_execveat_common", WORK_EXEC},
	{"bprm_execve", WORK_EXEC},
	{"kernel_clone", WORK_CREATE},
	{"_do_fork", WORK_CREATE},
	{"copy_process", WORK_CREATE},
	{"schedule_tail", WORK_CREATE},
	{"do_exit", WORK_END},
	{"do_group_exit", WORK_END},
	{"kernel_wait4", WORK_END},
	{"kernel_waitid", WORK_END},
	{"do_wait", WORK_END},
	{"asm_exc_page_fault", WORK_FAULT},
	{"exc_page_fault", WORK_FAULT},
	{"do_user_addr_fault", WORK_FAULT},
	{"do_mem_abort", WORK_FAULT},
	{"handle_mm_fault", WORK_FAULT},
	{"ksys_mmap_pgoff", WORK_MAP},
	{"vm_mmap_pgoff", WORK_MAP},
	{"__vm_munmap", WORK_MAP},
	{"do_mprotect_pkey", WORK_MAP},
	{"do_madvise", WORK_MAP},
	{"schedule", WORK_SLEEP},
	{"__schedule", WORK_SLEEP},
	{"schedule_timeout", WORK_SLEEP},
	{"schedule_hrtimeout_range_clock", WORK_SLEEP},
	{"finish_task_switch", WORK_SLEEP},
	{"__wake_up", WORK_WAKE},
	{"__wake_up_common", WORK_WAKE},
	{"__wake_up_common_lock", WORK_WAKE},
	{"__wake_up_sync_key", WORK_WAKE},
	{"__wake_up_locked_key", WORK_WAKE},
	{"ep_poll_callback", WORK_WAKE},
	{"wake_up_q", WORK_WAKE},
	{"wake_up_process", WORK_WAKE},
	{"try_to_wake_up", WORK_WAKE},
};

static const struct frame *frame_at(const struct recording *rec, const struct stack *stack,
				    uint32_t at)
{
	return &rec->frames.at[rec->stack_frames.at[stack->first + at]];
}

/* The compiler adds to names of functions that it changed: do_execveat_common.isra.0 */
static bool name_is(const char *name, const char *function)
{
	size_t length = strlen(function);

	return !strncmp(name, function, length) && (!name[length] || name[length] == '.');
}

bool stack_frame_is(const struct recording *rec, const struct stack *stack, uint32_t at,
		    const char *function)
{
	return name_is(string_get(rec, frame_at(rec, stack, at)->function), function);
}

/*
 * A leaf that lets interrupts in again, found by the sample that waited for that: its caller worked
 * with interrupts off. In a system call of a thread that is mostly a wakeup, the function that
 * wakes being inlined or left by a tail call.
 */
static bool leaf_unmasks(const char *name)
{
	return name_is(name, "_raw_spin_unlock_irqrestore");
}

enum task_work stack_work(const struct recording *rec, const struct stack *stack)
{
	for (uint32_t i = stack->kernel_len; i-- > 0;) {
		const char *name = string_get(rec, frame_at(rec, stack, i)->function);

		for (size_t j = 0; j < sizeof(works) / sizeof(works[0]); j++)
			if (name_is(name, works[j].function))
				return works[j].work;
	}
	if (stack->kernel_len && leaf_unmasks(string_get(rec, frame_at(rec, stack, 0)->function)))
		return WORK_WAKE;
	return WORK_OTHER;
}

/* Whether code of a file was seen under its own path: copies of one file share a module. */
static bool module_known(const struct recording *rec, uint32_t path)
{
	vec_each(&rec->modules, module)
		if (module->path == path)
			return true;
	return false;
}

bool stack_before_main(const struct recording *rec, const struct stack *stack, uint32_t exe)
{
	if (stack->user_end != STACK_COMPLETE || stack->len == stack->kernel_len ||
	    !*string_get(rec, exe))
		return false;
	for (uint32_t i = stack->kernel_len; i < stack->len; i++) {
		uint32_t module = frame_at(rec, stack, i)->module;

		if (module >= rec->modules.len || rec->modules.at[module].path == exe)
			return false;
	}
	return module_known(rec, exe);
}

bool sample_counts(const struct recording *rec, const struct sample *sample)
{
	const struct stack *stack;

	if (sample->stack >= rec->stacks.len)
		return false;
	stack = &rec->stacks.at[sample->stack];
	return !stack_in_interrupt(rec, stack) && !stack_in_tracing(rec, stack);
}

void askers_add(struct askers *askers, const struct recording *rec, uint32_t owner,
		const struct sample *sample)
{
	const struct stack *stack = &rec->stacks.at[sample->stack];
	const struct process *process = &rec->processes.at[rec->threads.at[sample->thread].process];
	const struct frame *frame;

	if (stack->len == stack->kernel_len)
		return;
	/* Of a call, not of what runs: who asked for it. */
	frame = frame_at(rec, stack, stack_leaf(rec, stack, SAMPLE_SYSCALL, process->exe));
	vec_each(&askers->at, at)
		if (at->owner == owner && at->module == frame->module &&
		    at->name == frame->function) {
			at->weight += (double)sample->weight;
			return;
		}
	vec_push(&askers->at, (struct asker){.owner = owner,
					     .module = frame->module,
					     .name = frame->function,
					     .file = frame->file,
					     .line = frame->line,
					     .stack = sample->stack,
					     .weight = (double)sample->weight});
}

const struct asker *askers_top(const struct askers *askers, uint32_t owner)
{
	const struct asker *top = NULL;

	vec_each(&askers->at, at)
		if (at->owner == owner && (!top || at->weight > top->weight))
			top = at;
	return top;
}

void place_asker(struct analysis *a, struct bottleneck *finding, const struct asker *asker)
{
	struct function function;

	if (!asker)
		return;
	function = (struct function){.module = asker->module,
				     .name = asker->name,
				     .file = asker->file,
				     .line = asker->line};
	place_function(a, &finding->where, &function);
	vec_push(&finding->stacks, asker->stack);
}

const struct function *waits_most(const struct analysis *a, uint32_t group)
{
	const struct function *top = NULL;

	vec_each(&a->functions->at, function)
		if (function->group == group &&
		    (function->kind == SAMPLE_OFFCPU || function->kind == SAMPLE_IDLE) &&
		    (!top || function->self_samples > top->self_samples))
			top = function;
	return top;
}
