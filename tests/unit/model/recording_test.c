/* SPDX-License-Identifier: BSD-2-Clause */
#include "one_recording.h"

#include <stdio.h>
#include <string.h>

static void test_strings(void **state)
{
	char longest[STRING_MAX + 100];
	uint32_t id;

	(void)state;
	assert_int_equal(string_intern(rec, ""), 0);
	assert_int_equal(string_intern(rec, NULL), 0);
	assert_int_equal(string_intern(rec, "abc"), 1);
	assert_int_equal(string_intern(rec, "abcd"), 2);
	assert_int_equal(string_intern_n(rec, "abcde", 3), 1);
	assert_int_equal(string_intern_n(rec, "abc\0xyz", 7), 1);
	assert_int_equal(string_intern_n(rec, "abc", 0), 0);
	assert_string_equal(string_get(rec, 2), "abcd");
	assert_string_equal(string_get(rec, NONE), "");
	assert_int_equal(string_find(rec, "abcd"), 2);
	assert_true(string_find(rec, "ab") == NONE);
	assert_true(string_find(rec, "abcde") == NONE);

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	id = string_intern(rec, longest);
	assert_int_equal(strlen(string_get(rec, id)), STRING_MAX);
	assert_int_equal(string_intern(rec, longest), id);
	assert_int_equal(string_find(rec, longest), id);
}

static void test_many_strings_stay_apart(void **state)
{
	char text[32];

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "name-%u", i);
		assert_int_equal(string_intern(rec, text), i + 1);
	}
	for (uint32_t i = 0; i < 20000; i += 7) {
		snprintf(text, sizeof(text), "name-%u", i);
		assert_int_equal(string_find(rec, text), i + 1);
		assert_string_equal(string_get(rec, i + 1), text);
	}
}

static void test_a_reused_pid_is_another_process(void **state)
{
	uint32_t a = process_intern(rec, 100, 5000), b = process_intern(rec, 100, 9000), t;

	(void)state;
	assert_int_not_equal(a, b);
	assert_int_equal(process_intern(rec, 100, 5000), a);
	assert_int_equal(rec->processes.len, 2);
	assert_true(rec->processes.at[a].cgroup == NONE);
	t = thread_intern(rec, 100, 5000, a);
	assert_int_not_equal(thread_intern(rec, 100, 9000, b), t);
	assert_int_equal(thread_intern(rec, 100, 5000, a), t);
	assert_int_equal(rec->threads.at[t].process, a);
	assert_int_equal(cgroup_intern(rec, UINT64_MAX), cgroup_intern(rec, UINT64_MAX));
	assert_int_equal(rec->cgroups.len, 1);
}

static void test_modules_are_build_ids(void **state)
{
	uint32_t a = module_intern(rec, "/usr/lib/libc.so.6", "abcd");

	(void)state;
	/* The same file in a container, at another path. */
	assert_int_equal(module_intern(rec, "/overlay/usr/lib/libc.so.6", "abcd"), a);
	assert_string_equal(string_get(rec, rec->modules.at[a].path), "/usr/lib/libc.so.6");
	/* An upgraded one at the same path, and one of unknown build-id. */
	assert_int_not_equal(module_intern(rec, "/usr/lib/libc.so.6", "ef01"), a);
	assert_int_not_equal(module_intern(rec, "/usr/lib/libc.so.6", ""), a);
	assert_int_not_equal(module_intern(rec, "/bin/x", NULL),
			     module_intern(rec, "/bin/y", NULL));
	assert_int_equal(rec->modules.len, 5);
}

static void test_frames(void **state)
{
	uint32_t m = module_intern(rec, "/bin/x", "11"), k = module_intern(rec, "[kernel]", "");
	uint32_t f = string_intern(rec, "f"), g = string_intern(rec, "g");
	uint32_t user = frame_intern(rec, FRAME_USER, m, 0x40, 0);

	(void)state;
	assert_int_equal(rec->frames.at[user].named, 0);
	/* A user frame is its place; the name comes later and stays. */
	assert_int_equal(frame_intern(rec, FRAME_USER, m, 0x40, f), user);
	assert_int_equal(rec->frames.at[user].function, f);
	assert_int_equal(rec->frames.at[user].named, 1);
	assert_int_equal(frame_intern(rec, FRAME_USER, m, 0x40, g), user);
	assert_int_equal(rec->frames.at[user].function, f);
	assert_int_not_equal(frame_intern(rec, FRAME_USER, m, 0x41, 0), user);
	assert_int_not_equal(frame_intern(rec, FRAME_USER, NONE, 0x40, 0), user);
	/* The offset of a kernel frame is one in its symbol. */
	user = frame_intern(rec, FRAME_KERNEL, k, 0x40, f);
	assert_int_equal(frame_intern(rec, FRAME_KERNEL, k, 0x40, g), user + 1);
	assert_int_equal(frame_intern(rec, FRAME_KERNEL, k, 0x40, f), user);
	assert_int_equal(rec->frames.at[user].named, 1);
}

static void test_stacks(void **state)
{
	uint32_t at[3] = {frame_intern(rec, FRAME_USER, NONE, 1, 0),
			  frame_intern(rec, FRAME_USER, NONE, 2, 0),
			  frame_intern(rec, FRAME_USER, NONE, 3, 0)};
	uint32_t whole = stack_intern(rec, at, 3, 1, STACK_COMPLETE);

	(void)state;
	assert_int_equal(stack_intern(rec, at, 3, 1, STACK_COMPLETE), whole);
	assert_int_not_equal(stack_intern(rec, at, 3, 2, STACK_COMPLETE), whole);
	assert_int_not_equal(stack_intern(rec, at, 3, 1, STACK_NO_TABLE), whole);
	assert_int_not_equal(stack_intern(rec, at, 2, 1, STACK_COMPLETE), whole);
	assert_int_equal(stack_intern(rec, NULL, 0, 0, STACK_COMPLETE),
			 stack_intern(rec, NULL, 0, 0, STACK_COMPLETE));
	assert_int_equal(rec->stacks.len, 5);
	assert_int_equal(rec->stack_frames.len, 3 + 3 + 3 + 2);
	assert_int_equal(rec->stacks.at[3].first, 9);
	assert_memory_equal(&rec->stack_frames.at[9], at, 2 * sizeof(*at));
}

/* Two functions inlined at one frame, none at another; the first stack is left as it is. */
static void test_inlined_functions(void **state)
{
	uint32_t module = module_intern(rec, "/bin/x", "01"), frames[3], inner, outer;
	const struct stack *stack;

	(void)state;
	frames[0] = frame_intern(rec, FRAME_KERNEL, module, 7, string_intern(rec, "sys"));
	frames[1] = frame_intern(rec, FRAME_USER, module, 7, 0);
	frames[2] = frame_intern(rec, FRAME_USER, module, 8, string_intern(rec, "main"));
	rec->frames.at[frames[1]].pause = 1;
	stack_intern(rec, frames + 1, 2, 0, STACK_COMPLETE);
	stack_intern(rec, frames, 3, 1, STACK_NO_TABLE);
	stack_intern(rec, NULL, 0, 0, STACK_COMPLETE);
	stack_intern(rec, frames + 2, 1, 0, STACK_COMPLETE);
	outer = frame_intern_inlined(rec, frames[1], 1, string_intern(rec, "outer"));
	inner = frame_intern_inlined(rec, frames[1], 2, string_intern(rec, "inner"));
	assert_int_equal(frame_intern_inlined(rec, frames[1], 1, 0), outer);
	assert_int_equal(rec->frames.at[inner].inlined, 2);
	assert_int_equal(rec->frames.at[inner].pause, 1);
	assert_int_equal(frame_intern(rec, FRAME_USER, module, 7, 0), frames[1]);
	recording_reindex(rec);
	stacks_expand(rec, 1);
	assert_int_equal(rec->stacks.at[0].len, 2);
	stack = &rec->stacks.at[1];
	assert_int_equal(stack->len, 5);
	assert_int_equal(stack->kernel_len, 1);
	assert_int_equal(rec->stack_frames.at[stack->first], frames[0]);
	assert_int_equal(rec->stack_frames.at[stack->first + 1], inner);
	assert_int_equal(rec->stack_frames.at[stack->first + 2], outer);
	assert_int_equal(rec->stack_frames.at[stack->first + 3], frames[1]);
	assert_int_equal(rec->stack_frames.at[stack->first + 4], frames[2]);
	assert_int_equal(rec->stacks.at[2].len, 0);
	assert_int_equal(rec->stacks.at[3].first, stack->first + 5);
	assert_int_equal(rec->stack_frames.at[stack->first + 5], frames[2]);
	assert_int_equal(rec->stack_frames.len, 2 + 5 + 1);
	stacks_expand(rec, 4);
	assert_int_equal(rec->stack_frames.len, 2 + 5 + 1);
}

static void test_samples_add_up_within_a_slice(void **state)
{
	uint32_t p = process_intern(rec, 1, 1), t = thread_intern(rec, 1, 1, p);
	uint32_t u = thread_intern(rec, 2, 1, p), s;

	(void)state;
	s = stack_intern(rec, NULL, 0, 0, STACK_COMPLETE);
	recording_begin_slice(rec, 0, true);
	recording_sample(rec, SAMPLE_CPU, t, s, 1, 10);
	recording_sample(rec, SAMPLE_CPU, u, s, 1, 10);
	recording_sample(rec, SAMPLE_CPU, t, s, 2, 30);
	recording_sample(rec, SAMPLE_OFFCPU, t, s, 1, 7);
	recording_sample(rec, SAMPLE_OFFCPU, u, s, 0, 0);
	assert_int_equal(rec->samples.len, 3);
	assert_int_equal(rec->samples.at[0].count, 3);
	assert_int_equal(rec->samples.at[0].weight, 40);
	assert_int_equal(rec->slice_samples, 0);
	recording_end_slice(rec, 100);
	assert_int_equal(rec->slice_samples, 3);

	/* A late one makes a row of its own: the others may be in a file already. */
	recording_sample(rec, SAMPLE_CPU, t, s, 1, 1);
	assert_int_equal(rec->samples.len, 4);
	assert_int_equal(rec->samples.at[3].slice, 0);

	recording_begin_slice(rec, 100, false);
	assert_int_equal(rec->slice_samples, 4);
	recording_sample(rec, SAMPLE_CPU, t, s, 1, 10);
	recording_sample(rec, SAMPLE_CPU, t, NONE, 1, 10);
	recording_end_slice(rec, 200);
	assert_int_equal(rec->samples.len, 6);
	assert_int_equal(rec->samples.at[4].slice, 1);
	assert_int_equal(rec->samples.at[0].count, 3);
	assert_int_equal(rec->stacks.at[rec->samples.at[5].stack].len, 0);
	assert_int_equal(rec->stacks.at[rec->samples.at[5].stack].user_end, STACK_LOST);
	assert_true(rec->slices.at[0].warmup && !rec->slices.at[1].warmup);
	assert_int_equal(rec->slices.at[0].end_ns, 100);
}

static void test_observations(void **state)
{
	uint32_t p = process_intern(rec, 1, 1), t = thread_intern(rec, 1, 1, p);
	struct wait wait = {.slice = 77,
			    .thread = t,
			    .stack = NONE,
			    .waker = NONE,
			    .waker_stack = NONE,
			    .state = STATE_WAIT_TIMER,
			    .syscall = -1,
			    .begin_ns = 50,
			    .end_ns = 40};

	(void)state;
	recording_begin_slice(rec, 10, false);
	recording_end_slice(rec, 5); /* a clock that went back */
	assert_int_equal(rec->slices.at[0].end_ns, 10);
	recording_begin_slice(rec, 10, false);
	recording_ledger(rec, 0, t, STATE_RUN_USER, 0);
	recording_ledger(rec, 0, t, STATE_RUN_USER, 4);
	assert_int_equal(rec->ledger.len, 1);
	assert_int_equal(rec->ledger.at[0].slice, 0);
	recording_edge(rec, EDGE_WAKER, t, NONE, 0, 0);
	recording_edge(rec, EDGE_WAKER, t, NONE, 1, 0);
	assert_int_equal(rec->edges.len, 1);
	recording_wait(rec, &wait);
	assert_int_equal(rec->waits.at[0].slice, 1);
	assert_int_equal(rec->waits.at[0].end_ns, 50);
	assert_int_equal(rec->stacks.at[rec->waits.at[0].stack].user_end, STACK_LOST);
	recording_delay(rec,
			&(struct delay){.slice = 77,
					.thread = t,
					.state = STATE_READY_WOKEN,
					.begin_ns = 3,
					.end_ns = 2},
			NULL, 0);
	recording_delay(rec, &(struct delay){.thread = t, .state = STATE_READY_THROTTLED},
			(struct occupant[]){{.thread = t, .ns = 2}, {.thread = t, .ns = 3}}, 2);
	assert_int_equal(rec->delays.at[0].slice, 1);
	assert_int_equal(rec->delays.at[0].end_ns, 3);
	/* A thread that ran twice is there once. */
	assert_int_equal(rec->occupants.len, 1);
	assert_int_equal(rec->occupants.at[0].delay, 1);
	assert_int_equal(rec->occupants.at[0].ns, 5);
	recording_count(rec, "syscall.count", p, "read", 0);
	recording_bucket(rec, "block.device_ns", NONE, "sda read", 70, 1, 71);
	recording_point(rec, "memory.free", NULL, 1.5);
	assert_int_equal(rec->counts.at[0].value, 0);
	assert_string_equal(string_get(rec, rec->counts.at[0].label), "read");
	assert_int_equal(rec->buckets.at[0].bucket, 70);
	assert_int_equal(rec->points.at[0].label, 0);
	assert_int_equal(rec->points.at[0].slice, 1);
	recording_loss(rec, "ring full", true, 0);
	recording_loss(rec, "ring full", true, 2);
	recording_loss(rec, "ring full", true, 3);
	recording_loss(rec, "ring full", false, 1);
	assert_int_equal(rec->losses.len, 2);
	assert_int_equal(rec->losses.at[0].count, 5);
	recording_family(rec, "net", FAMILY_OK, "");
	recording_family(rec, "net", FAMILY_SKIPPED, "no tracepoint");
	assert_int_equal(rec->families.len, 1);
	assert_int_equal(rec->families.at[0].status, FAMILY_SKIPPED);
}

static void test_reindex(void **state)
{
	uint32_t p = process_intern(rec, 1, 1), t = thread_intern(rec, 2, 1, p);
	uint32_t c = cgroup_intern(rec, 9), m = module_intern(rec, "/bin/x", "ab");
	uint32_t f = frame_intern(rec, FRAME_USER, m, 4, 0), g;
	uint32_t s = stack_intern(rec, &f, 1, 0, STACK_COMPLETE), name = string_intern(rec, "n");

	(void)state;
	g = frame_intern(rec, FRAME_KERNEL, m, 4, name);
	recording_reindex(rec);
	assert_int_equal(process_intern(rec, 1, 1), p);
	assert_int_equal(thread_intern(rec, 2, 1, p), t);
	assert_int_equal(cgroup_intern(rec, 9), c);
	assert_int_equal(module_intern(rec, "/elsewhere", "ab"), m);
	assert_int_equal(frame_intern(rec, FRAME_USER, m, 4, 0), f);
	assert_int_equal(frame_intern(rec, FRAME_KERNEL, m, 4, name), g);
	assert_int_equal(stack_intern(rec, &f, 1, 0, STACK_COMPLETE), s);
	assert_int_equal(string_find(rec, "n"), name);
}

static void test_every_number_has_a_word(void **state)
{
	(void)state;
	for (int i = 0; i < STATE_COUNT; i++)
		assert_string_not_equal(state_name(i), "unknown");
	for (int i = 0; i < SAMPLE_KINDS; i++)
		assert_string_not_equal(sample_kind_name(i), "unknown");
	for (int i = 0; i < STACK_END_COUNT; i++)
		assert_string_not_equal(stack_end_name(i), "unknown");
	for (int i = 0; i <= FAMILY_SKIPPED; i++)
		assert_string_not_equal(family_status_name(i), "unknown");
	for (int i = 0; i <= TARGET_COMMAND; i++)
		assert_string_not_equal(target_kind_name(i), "unknown");
	assert_string_equal(state_name(STATE_WAIT_DISK_READ), "disk read");
	assert_string_equal(state_name(STATE_COUNT), "unknown");
	assert_string_equal(sample_kind_name(SAMPLE_OFFCPU), "offcpu");
	assert_string_equal(stack_end_name(STACK_NO_TABLE), "no_table");
	assert_string_equal(edge_kind_name(EDGE_WAKER), "waker");
	assert_string_equal(frame_kind_name(FRAME_KERNEL), "kernel");
	assert_string_equal(target_kind_name(TARGET_PID), "pid");
	assert_string_equal(target_kind_name(99), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_strings),
		TEST(test_many_strings_stay_apart),
		TEST(test_a_reused_pid_is_another_process),
		TEST(test_modules_are_build_ids),
		TEST(test_frames),
		TEST(test_stacks),
		TEST(test_inlined_functions),
		TEST(test_samples_add_up_within_a_slice),
		TEST(test_observations),
		TEST(test_reindex),
		TEST(test_every_number_has_a_word),
	};

	return cmocka_run_group_tests_name("model/recording", tests, NULL, NULL);
}
