/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "analysis/leaf.h"

static const char *frame_function(const struct recording *rec, const struct stack *stack,
				  uint32_t at)
{
	return string_get(rec, rec->frames.at[rec->stack_frames.at[stack->first + at]].function);
}

static bool begins_with(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static bool name_is_one_of(const char *name, const char *const names[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/*
 * Softirqs are told from a thread's own by what called them: the way out of an interrupt. The
 * kernel's entry points, not the timer's that takes the sample: that one is not part of the stack.
 */
bool stack_in_interrupt(const struct recording *rec, const struct stack *stack)
{
	static const char *const entries[] = {
		"common_interrupt", "asm_common_interrupt", "irq_exit_rcu",   "__irq_exit_rcu",
		"irq_exit",         "run_ksoftirqd",        "gic_handle_irq", "el0_interrupt",
		"el1_interrupt"};

	for (uint32_t i = 0; i < stack->kernel_len; i++) {
		const char *name = frame_function(rec, stack, i);

		if (begins_with(name, "asm_sysvec_") || begins_with(name, "sysvec_") ||
		    name_is_one_of(name, entries, sizeof(entries) / sizeof(entries[0])))
			return true;
	}
	return false;
}

/*
 * The way from a tracepoint to a program: __traceiter_NAME, __bpf_trace_NAME, bpf_trace_runN. The
 * slow ways into and out of a system call are taken because its tracepoints are in use; what audit,
 * seccomp and ptrace do there is done in functions of their own.
 */
bool stack_in_tracing(const struct recording *rec, const struct stack *stack)
{
	static const char *const slow[] = {"syscall_trace_enter", "syscall_exit_work",
					   "syscall_slow_exit_work",
					   "syscall_exit_to_user_mode_prepare"};

	if (!stack->kernel_len)
		return false;
	for (uint32_t i = 0; i < stack->kernel_len; i++) {
		const char *name = frame_function(rec, stack, i);

		if (begins_with(name, "bpf_trace_run") || begins_with(name, "__bpf_trace_") ||
		    begins_with(name, "__traceiter_") || begins_with(name, "rcu_read_unlock_trace"))
			return true;
	}
	return name_is_one_of(frame_function(rec, stack, 0), slow, sizeof(slow) / sizeof(slow[0]));
}

/* Kernel functions through which every sleeping thread sleeps: they say nothing. */
static bool only_sleeps(const char *name)
{
	static const char *const names[] = {"__schedule",
					    "schedule",
					    "schedule_timeout",
					    "io_schedule",
					    "io_schedule_timeout",
					    "schedule_hrtimeout_range",
					    "schedule_hrtimeout_range_clock",
					    "__switch_to_asm",
					    "__switch_to",
					    "schedule_preempt_disabled"};

	return name_is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

/* Kernel functions through which everything is woken. */
static bool only_wakes(const char *name)
{
	static const char *const names[] = {"try_to_wake_up",
					    "wake_up_process",
					    "wake_up_state",
					    "default_wake_function",
					    "autoremove_wake_function",
					    "woken_wake_function",
					    "ep_autoremove_wake_function",
					    "pollwake",
					    "wake_up_q",
					    "complete",
					    "complete_all",
					    "complete_with_flags",
					    "futex_wake",
					    "mm_release",
					    "exit_mm_release",
					    "exit_mm"};

	return begins_with(name, "__wake_up") || begins_with(name, "swake_up") ||
	       name_is_one_of(name, names, sizeof(names) / sizeof(names[0]));
}

/*
 * Kernel functions that end by letting interrupts in again. A timer that fell due meanwhile, and so
 * the sample, hits there: what it found is the work that their callers did with interrupts off.
 */
static bool only_unmasks(const char *name)
{
	static const char *const names[] = {
		"_raw_spin_unlock_irqrestore", "_raw_spin_unlock_irq",
		"_raw_read_unlock_irqrestore", "_raw_write_unlock_irqrestore",
		"_raw_write_unlock_irq",       "_raw_read_unlock_irq"};

	return name_is_one_of(name, names, sizeof(names) / sizeof(names[0])) ||
	       begins_with(name, "finish_task_switch");
}

static uint32_t frame_module(const struct recording *rec, const struct stack *stack, uint32_t at)
{
	return rec->frames.at[rec->stack_frames.at[stack->first + at]].module;
}

/*
 * The user code that asked the kernel: not the wrapper around the system call, which is the same
 * for all who ask. In a library that is everything up to the first function outside of it, in a
 * program that brings its own wrappers (static, Go) the innermost function.
 */
static uint32_t stack_asker(const struct recording *rec, const struct stack *stack, uint32_t exe)
{
	uint32_t at = stack->kernel_len, wrapper = frame_module(rec, stack, at);

	if (wrapper == NONE || !*string_get(rec, exe))
		return at;
	if (rec->modules.at[wrapper].path == exe)
		return at + 1 < stack->len && frame_module(rec, stack, at + 1) == wrapper ? at + 1
											  : at;
	for (uint32_t i = at + 1; i < stack->len; i++) {
		uint32_t module = frame_module(rec, stack, i);

		if (module != wrapper && module != NONE)
			return i;
	}
	return at;
}

uint32_t stack_leaf(const struct recording *rec, const struct stack *stack, enum sample_kind kind,
		    uint32_t exe)
{
	bool (*skip)(const char *name) = kind == SAMPLE_CPU      ? only_unmasks
					 : kind == SAMPLE_WAKEUP ? only_wakes
								 : only_sleeps;
	uint32_t at = 0;

	if (kind == SAMPLE_FAULT)
		return 0;
	if (kind != SAMPLE_CPU && stack->len > stack->kernel_len)
		return stack_asker(rec, stack, exe);
	while (at + 1 < stack->kernel_len && skip(frame_function(rec, stack, at)))
		at++;
	return at;
}
