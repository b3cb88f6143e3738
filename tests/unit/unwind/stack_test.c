/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwinds the stacks of this test itself by the tables of all files in it, as the BPF programs do,
 * against what libgcc's unwinder says of the same stacks.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>
#include <cmocka.h>

#include "symbols/opening.h"
#include "unwind/table.h"

#define MOST_FRAMES 256
#define MOST_FILES  64

struct stack {
	uint64_t at[MOST_FRAMES];
	int count;
};

static struct {
	uint64_t start, end, offset;
	struct unwind_table table;
} files[MOST_FILES];
static int file_count;

static unsigned int rules_seen, fps_seen; /* bits: which kinds the walks met */

static int tables_load(void **state)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], path[256];

	(void)state;
	while (maps && fgets(line, sizeof(line), maps) && file_count < MOST_FILES) {
		unsigned long start, end, offset;
		struct error error;
		int fd;

		if (sscanf(line, "%lx-%lx r-xp %lx %*s %*s %255s", &start, &end, &offset, path) !=
		    4)
			continue;
		fd = strcmp(path, "[vdso]") ? open(path, O_RDONLY | O_CLOEXEC) : file_open_vdso();
		if (fd < 0)
			continue;
		files[file_count].start = start;
		files[file_count].end = end;
		files[file_count].offset = offset;
		if (unwind_table_build(fd, &files[file_count].table, &error))
			return -1;
		file_count++;
		close(fd);
	}
	if (maps)
		fclose(maps);
	return file_count > 3 ? 0 : -1;
}

static int tables_free(void **state)
{
	(void)state;
	for (int i = 0; i < file_count; i++)
		unwind_table_free(&files[i].table);
	return 0;
}

static struct unwind_rule rule_of(uint64_t pc)
{
	for (int i = 0; i < file_count; i++)
		if (pc >= files[i].start && pc < files[i].end)
			return unwind_table_find(&files[i].table,
						 pc - files[i].start + files[i].offset);
	return (struct unwind_rule){};
}

/* Stacks are read beyond what the sanitizer lets a function see. */
__attribute__((no_sanitize("address"))) static uint64_t word(uint64_t address)
{
	return *(const uint64_t *)address;
}

struct registers {
	uint64_t pc, sp, fp;
	bool interrupted; /* pc is the next instruction, not the one after a call */
};

/* To the caller; false: there is none, or it cannot be found. */
static bool step(struct registers *r)
{
	struct unwind_rule rule = rule_of(r->interrupted ? r->pc : r->pc - 1);
	uint64_t cfa = 8 * (uint64_t)(int64_t)rule.cfa_offset;

	rules_seen |= 1u << rule.cfa;
	fps_seen |= 1u << rule.fp;
	switch (rule.cfa) {
	case UNWIND_SP:
		cfa += r->sp;
		break;
	case UNWIND_SP_FAR:
		cfa += r->sp + ((uint64_t)rule.more << 18);
		break;
	case UNWIND_FP:
		cfa += r->fp;
		break;
	case UNWIND_DEREF_SP:
		cfa = word(cfa + r->sp) + 8 * (uint64_t)(int64_t)rule.more;
		break;
	case UNWIND_DEREF_FP:
		cfa = word(cfa + r->fp) + 8 * (uint64_t)(int64_t)rule.more;
		break;
	case UNWIND_SIGNAL: {
		const greg_t *saved = ((const ucontext_t *)r->sp)->uc_mcontext.gregs;

		*r = (struct registers){(uint64_t)saved[REG_RIP], (uint64_t)saved[REG_RSP],
					(uint64_t)saved[REG_RBP], true};
		return true;
	}
	default:
		return false;
	}
	if (rule.fp == UNWIND_FP_SAVED)
		r->fp = word(cfa + 8 * (uint64_t)(int64_t)rule.fp_offset);
	else if (rule.fp == UNWIND_FP_AT_FP)
		r->fp = word(r->fp + 8 * (uint64_t)(int64_t)rule.fp_offset);
	r->pc = word(cfa - 8);
	r->sp = cfa;
	r->interrupted = false;
	return true;
}

static _Unwind_Reason_Code frame_add(struct _Unwind_Context *context, void *to)
{
	struct stack *stack = to;

	if (stack->count < MOST_FRAMES && _Unwind_GetIP(context))
		stack->at[stack->count++] = _Unwind_GetIP(context);
	return _URC_NO_REASON;
}

/* Unwinds the stack that it is called on, both ways; returns the number of frames. */
__attribute__((noinline)) static int compare_here(void)
{
	struct stack known = {}, *ours = calloc(1, sizeof(*ours));
	struct registers r = {.interrupted = true};
	int count;

	_Unwind_Backtrace(frame_add, &known);
	__asm__ volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
			 : "=&r"(r.pc), "=&r"(r.sp), "=&r"(r.fp));
	do
		ours->at[ours->count++] = r.pc;
	while (ours->count < MOST_FRAMES && step(&r));
	/* The first is a place in this function. */
	assert_int_equal(ours->count, known.count);
	for (int i = 1; i < known.count; i++)
		if (ours->at[i] != known.at[i])
			fail_msg("frame %d: %lx, not %lx", i, ours->at[i], known.at[i]);
	count = ours->count;
	free(ours);
	return count;
}

__attribute__((noinline)) static int recurse(int depth)
{
	int frames = depth ? recurse(depth - 1) : compare_here();

	__asm__ volatile("" ::: "memory"); /* no tail call */
	return frames;
}

static void plain_calls(void **state)
{
	int one = recurse(0);

	(void)state;
	assert_int_equal(recurse(200), one + 200);
}

static int calls_back(const void *a, const void *b)
{
	static bool done;

	if (!done)
		compare_here();
	done = true;
	return *(const int *)a - *(const int *)b;
}

static void through_the_library(void **state)
{
	int numbers[] = {3, 1, 2};

	(void)state;
	qsort(numbers, 3, sizeof(*numbers), calls_back);
	assert_int_equal(numbers[0], 1);
}

__attribute__((noinline, no_sanitize("address", "undefined"))) static int realigned(int size)
{
	alignas(64) volatile char aligned[64];
	volatile char *more = __builtin_alloca((size_t)size);
	int frames;

	aligned[0] = more[0] = 0;
	frames = compare_here();
	return frames + aligned[0] + more[0];
}

static void realigned_stacks(void **state)
{
	(void)state;
	for (int size = 1; size < 200; size += 13)
		assert_true(realigned(size) > 3);
	assert_true(rules_seen & 1u << UNWIND_DEREF_FP);
	assert_true(fps_seen & 1u << UNWIND_FP_AT_FP);
}

static volatile int frames_in_handler;

static void handle(int number)
{
	(void)number;
	frames_in_handler = compare_here();
}

static void signal_handlers(void **state)
{
	struct sigaction action = {.sa_handler = handle}, before;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	raise(SIGUSR1);
	sigaction(SIGUSR1, &before, NULL);
	assert_true(frames_in_handler > 4);
	assert_true(rules_seen & 1u << UNWIND_SIGNAL);
}

static void *in_thread(void *argument)
{
	*(int *)argument = recurse(3);
	return NULL;
}

static void threads(void **state)
{
	pthread_t thread;
	int frames = 0;

	(void)state;
	rules_seen = 0;
	assert_int_equal(pthread_create(&thread, NULL, in_thread, &frames), 0);
	pthread_join(thread, NULL);
	assert_true(frames >= 7);
	/* Its first function is known to have no caller. */
	assert_true(rules_seen & 1u << UNWIND_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_calls),      cmocka_unit_test(through_the_library),
		cmocka_unit_test(realigned_stacks), cmocka_unit_test(signal_handlers),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests_name("unwind/stack", tests, tables_load, tables_free);
}
