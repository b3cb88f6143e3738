/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/one_recording.h"

#include <stdio.h>
#include <string.h>

#include "analysis/leaf.h"

/* "module:function …", leaf first; what is of "[kernel]" is the kernel's. */
static const struct stack *stack_of(const char *text)
{
	uint32_t frames[16], count = 0, kernel = 0, stack;
	char copy[512], *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *function = strchr(word, ':');
		bool in_kernel = *word == '[';
		uint32_t at;

		*function++ = 0;
		at = frame_intern(rec, in_kernel ? FRAME_KERNEL : FRAME_USER,
				  module_intern(rec, word, ""), rec->frames.len,
				  string_intern(rec, function));
		frames[count++] = at;
		kernel += in_kernel;
	}
	stack = stack_intern(rec, frames, count, kernel, STACK_COMPLETE);
	return &rec->stacks.at[stack];
}

static const char *place(const char *text, enum sample_kind kind, const char *exe)
{
	const struct stack *stack = stack_of(text);
	uint32_t at = stack_leaf(rec, stack, kind, string_intern(rec, exe));

	return string_get(rec, rec->frames.at[rec->stack_frames.at[stack->first + at]].function);
}

/* A wait belongs to whoever called the library that made the system call. */
static void who_asked_is_outside_of_the_wrapper(void **state)
{
	(void)state;
	assert_string_equal("take", place("[kernel]:schedule /c:futex_wait /c:lock /app:take "
					  "/app:main /c:start /app:_start",
					  SAMPLE_OFFCPU, "/app"));
	assert_string_equal("read_all",
			    place("/app:read /app:read_all /app:main", SAMPLE_SYSCALL, "/app"));
	/* A program's own system call, straight from its first function. */
	assert_string_equal("main",
			    place("/app:main /c:start /app:_start", SAMPLE_SYSCALL, "/app"));
	/* Nothing but the library, and a program that is not known. */
	assert_string_equal("read", place("/c:read /c:work /c:start", SAMPLE_SYSCALL, "/app"));
	assert_string_equal("read", place("/app:read /app:read_all", SAMPLE_SYSCALL, ""));
}

static void what_runs_is_the_leaf(void **state)
{
	(void)state;
	assert_string_equal("copy", place("/c:copy /app:main", SAMPLE_CPU, "/app"));
	assert_string_equal("touch", place("/app:touch /app:main", SAMPLE_FAULT, "/app"));
	assert_string_equal("queue", place("[kernel]:_raw_spin_unlock_irqrestore [kernel]:queue "
					   "/c:read /app:main",
					   SAMPLE_CPU, "/app"));
	assert_string_equal("wait_page",
			    place("[kernel]:__schedule [kernel]:io_schedule [kernel]:wait_page",
				  SAMPLE_OFFCPU, ""));
}

static void tracing_is_told(void **state)
{
	(void)state;
	assert_true(stack_in_tracing(
		rec, stack_of("[kernel]:get [kernel]:bpf_prog_1_x [kernel]:bpf_trace_run2 "
			      "[kernel]:enter /app:main")));
	assert_true(stack_in_tracing(rec, stack_of("[kernel]:syscall_trace_enter "
						   "[kernel]:do_syscall_64 /app:main")));
	/* A filter of system calls is the program's own. */
	assert_false(stack_in_tracing(rec, stack_of("[kernel]:__seccomp_filter "
						    "[kernel]:syscall_trace_enter /app:main")));
	assert_false(stack_in_tracing(rec, stack_of("/app:bpf_trace_run2 /app:main")));
	assert_false(stack_in_tracing(rec, stack_of("")));
}

static void interrupts_are_told(void **state)
{
	(void)state;
	assert_true(stack_in_interrupt(rec, stack_of("[kernel]:net_rx [kernel]:irq_exit_rcu "
						     "/app:main")));
	assert_false(stack_in_interrupt(rec, stack_of("[kernel]:net_rx [kernel]:send /app:main")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_asked_is_outside_of_the_wrapper, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_runs_is_the_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(tracing_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupts_are_told, setup, teardown),
	};

	return cmocka_run_group_tests_name("leaf", tests, NULL, NULL);
}
