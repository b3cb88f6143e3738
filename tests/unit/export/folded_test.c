/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "export/exports.h"

struct fixture {
	struct recording *rec;
	uint32_t web, hog, kernel_thread;        /* threads */
	uint32_t user, both, broken, empty, odd; /* stacks */
};

static uint32_t add_thread(struct recording *rec, uint32_t pid, const char *comm, bool targeted)
{
	uint32_t process = process_intern(rec, pid, 1000 + pid);

	rec->processes.at[process].comm = string_intern(rec, comm);
	rec->processes.at[process].targeted = targeted;
	return thread_intern(rec, pid, 1000 + pid, process);
}

static int set_up(void **state)
{
	static struct fixture fixture;
	struct recording *rec = recording_new();
	uint32_t libc = module_intern(rec, "/usr/lib/libc.so.6", "abcd");
	uint32_t kernel = module_intern(rec, "[kernel]", "");
	uint32_t main_frame = frame_intern(rec, FRAME_USER, libc, 0x10, string_intern(rec, "main"));
	uint32_t nameless = frame_intern(rec, FRAME_USER, libc, 0x2f40, 0);
	uint32_t nowhere = frame_intern(rec, FRAME_USER, NONE, 0xdeadbeef, 0);
	uint32_t work = frame_intern(rec, FRAME_USER, libc, 0x30, string_intern(rec, "work"));
	/* the same function at another place: another frame, the same line */
	uint32_t work2 = frame_intern(rec, FRAME_USER, libc, 0x34, string_intern(rec, "work"));
	uint32_t read = frame_intern(rec, FRAME_KERNEL, kernel, 4, string_intern(rec, "vfs_read"));
	uint32_t wait = frame_intern(rec, FRAME_KERNEL, kernel, 8, string_intern(rec, "io_wait"));
	uint32_t odd = frame_intern(rec, FRAME_USER, libc, 0x50,
				    string_intern(rec, "a;b\n\x1b[31m\xff c "));

	fixture = (struct fixture){
		.rec = rec,
		.web = add_thread(rec, 10, "web", true),
		.hog = add_thread(rec, 20, "hog", false),
		.kernel_thread = add_thread(rec, 30, "kworker", true),
		.user = stack_intern(rec, (uint32_t[]){work, main_frame}, 2, 0, STACK_COMPLETE),
		.both = stack_intern(rec, (uint32_t[]){wait, read, nameless, main_frame}, 4, 2,
				     STACK_COMPLETE),
		.broken =
			stack_intern(rec, (uint32_t[]){wait, work2, nowhere}, 3, 1, STACK_NO_TABLE),
		.empty = stack_intern(rec, NULL, 0, 0, STACK_LOST),
		.odd = stack_intern(rec, (uint32_t[]){odd, main_frame}, 2, 0, STACK_COMPLETE),
	};
	rec->processes.at[rec->threads.at[fixture.kernel_thread].process].kernel = true;
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	recording_free(fixture->rec);
	return 0;
}

static void check(const struct recording *rec, enum sample_kind kind,
		  const struct export_options *options, const char *expected)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(export_folded(rec, kind, out, options), 0);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

/* CPU samples count; slices and threads of the same process name are added up; sorted. */
static void counts_of_cpu_samples(void **state)
{
	struct fixture *f = *state;
	uint32_t other = add_thread(f->rec, 11, "web", true);

	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->user, 3, 30000000);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->both, 1, 10000000);
	recording_sample(f->rec, SAMPLE_OFFCPU, f->web, f->both, 9, 9000);
	recording_end_slice(f->rec, 1000000000);
	recording_begin_slice(f->rec, 1000000000, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->user, 4, 40000000);
	recording_sample(f->rec, SAMPLE_CPU, other, f->user, 5, 50000000);
	recording_end_slice(f->rec, 2000000000);
	check(f->rec, SAMPLE_CPU, NULL,
	      "web;main;libc.so.6+0x2f40;vfs_read_[k];io_wait_[k] 1\n"
	      "web;main;work 12\n");
	check(f->rec, SAMPLE_CPU, &(struct export_options){.value = EXPORT_WEIGHT},
	      "web;main;libc.so.6+0x2f40;vfs_read_[k];io_wait_[k] 10000\n"
	      "web;main;work 120000\n");
	check(f->rec, SAMPLE_LOCK, NULL, "");
}

/* Time in µs, rounded after the sum: two waits of 700 ns are 1 µs, one of 300 ns is no line. */
static void weight_of_waits(void **state)
{
	struct fixture *f = *state;
	uint32_t other = add_thread(f->rec, 12, "web", true);

	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_OFFCPU, f->web, f->both, 1, 700);
	recording_sample(f->rec, SAMPLE_OFFCPU, other, f->both, 1, 700);
	recording_sample(f->rec, SAMPLE_OFFCPU, f->web, f->user, 1, 300);
	recording_sample(f->rec, SAMPLE_FAULT, f->web, f->user, 2, 64);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_OFFCPU, NULL,
	      "web;main;libc.so.6+0x2f40;vfs_read_[k];io_wait_[k] 1\n");
	check(f->rec, SAMPLE_OFFCPU, &(struct export_options){.value = EXPORT_COUNT},
	      "web;main;libc.so.6+0x2f40;vfs_read_[k];io_wait_[k] 2\n"
	      "web;main;work 1\n");
	check(f->rec, SAMPLE_FAULT, NULL, "web;main;work 64\n");
}

/* Who ends others' waits: releases of mutexes are samples, other ends are in the single waits. */
static void ends_of_waits(void **state)
{
	struct fixture *f = *state;
	struct wait wait = {.thread = f->hog,
			    .stack = f->both,
			    .waker = f->web,
			    .waker_stack = f->user,
			    .state = STATE_WAIT_LOCAL,
			    .begin_ns = 1000000,
			    .end_ns = 6000000};

	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_WAKEUP, f->web, f->both, 1, 2000000);
	recording_wait(f->rec, &wait);
	recording_wait(f->rec, &wait);
	wait.lock = true;
	recording_wait(f->rec, &wait);
	wait.lock = false;
	wait.waker_stack = NONE;
	recording_wait(f->rec, &wait);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_WAKEUP, NULL,
	      "web;main;libc.so.6+0x2f40;vfs_read_[k];io_wait_[k] 2000\n"
	      "web;main;work 10000\n");
	check(f->rec, SAMPLE_WAKEUP, &(struct export_options){.value = EXPORT_COUNT},
	      "web;main;libc.so.6+0x2f40;vfs_read_[k];io_wait_[k] 1\n"
	      "web;main;work 2\n");
}

/* All over a function without a name: one line, of where it begins. */
static void nameless_functions(void **state)
{
	struct fixture *f = *state;
	uint32_t module = f->rec->frames.at[0].module;
	uint32_t other = frame_intern(f->rec, FRAME_USER, module, 0x2f77, 0);
	uint32_t apart = frame_intern(f->rec, FRAME_USER, module, 0x2f90, 0);

	f->rec->frames.at[frame_intern(f->rec, FRAME_USER, module, 0x2f40, 0)].begin = 0x2f00;
	f->rec->frames.at[other].begin = 0x2f00;
	f->rec->frames.at[apart].begin = 0x2f80;
	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->both, 1, 1);
	recording_sample(f->rec, SAMPLE_CPU, f->web,
			 stack_intern(f->rec, &other, 1, 0, STACK_COMPLETE), 2, 1);
	recording_sample(f->rec, SAMPLE_CPU, f->web,
			 stack_intern(f->rec, &apart, 1, 0, STACK_COMPLETE), 4, 1);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_CPU, &(struct export_options){.user_only = true},
	      "web;libc.so.6+0x2f00 2\n"
	      "web;libc.so.6+0x2f80 4\n"
	      "web;main;libc.so.6+0x2f00 1\n");
}

static void inlined_functions(void **state)
{
	struct fixture *f = *state;
	uint32_t module = f->rec->frames.at[0].module;
	uint32_t work = frame_intern(f->rec, FRAME_USER, module, 0x30, 0);

	frame_intern_inlined(f->rec, work, 1, string_intern(f->rec, "outer"));
	frame_intern_inlined(f->rec, work, 2, string_intern(f->rec, "inner"));
	stacks_expand(f->rec, 0);
	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->user, 3, 30000000);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_CPU, NULL, "web;main;work;outer_[i];inner_[i] 3\n");
}

static void broken_stacks_say_so(void **state)
{
	struct fixture *f = *state;

	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->broken, 2, 1);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->empty, 1, 1);
	/* a kernel thread has no user stack that could be missing */
	recording_sample(f->rec, SAMPLE_CPU, f->kernel_thread, f->empty, 1, 1);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_CPU, NULL,
	      "kworker 1\n"
	      "web;[incomplete: lost] 1\n"
	      "web;[incomplete: no_table];[unknown];work;io_wait_[k] 2\n");
	check(f->rec, SAMPLE_CPU, &(struct export_options){.kernel_only = true},
	      "kworker 1\n"
	      "web 1\n"
	      "web;io_wait_[k] 2\n");
	check(f->rec, SAMPLE_CPU, &(struct export_options){.user_only = true},
	      "kworker 1\n"
	      "web;[incomplete: lost] 1\n"
	      "web;[incomplete: no_table];[unknown];work 2\n");
}

static void only_the_target(void **state)
{
	struct fixture *f = *state;

	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->user, 1, 1);
	recording_sample(f->rec, SAMPLE_CPU, f->hog, f->user, 7, 1);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_CPU, NULL, "hog;main;work 7\nweb;main;work 1\n");
	f->rec->target.kind = TARGET_PID;
	check(f->rec, SAMPLE_CPU, NULL, "web;main;work 1\n");
	check(f->rec, SAMPLE_CPU, &(struct export_options){.all_processes = true},
	      "hog;main;work 7\nweb;main;work 1\n");
}

static uint32_t add_cgroup(struct recording *rec, uint64_t id, const char *container)
{
	uint32_t at = cgroup_intern(rec, id);

	rec->cgroups.at[at].container = string_intern(rec, container);
	return at;
}

/* Equal programs in two containers are two lines: by a part of the name, or by a frame below. */
static void containers(void **state)
{
	struct fixture *f = *state;
	uint32_t other = add_thread(f->rec, 11, "web", true);
	uint32_t third = add_thread(f->rec, 12, "web", true);
	uint32_t one = add_cgroup(f->rec, 1, "podman:a;b"), two = add_cgroup(f->rec, 2, "podman:c");

	f->rec->processes.at[f->rec->threads.at[f->web].process].cgroup = one;
	f->rec->processes.at[f->rec->threads.at[other].process].cgroup = two;
	f->rec->processes.at[f->rec->threads.at[third].process].cgroup = add_cgroup(f->rec, 3, "");
	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->user, 3, 1);
	recording_sample(f->rec, SAMPLE_CPU, other, f->user, 4, 1);
	recording_sample(f->rec, SAMPLE_CPU, third, f->user, 5, 1);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_CPU, NULL,
	      "web (podman:a:b);main;work 3\nweb (podman:c);main;work 4\nweb;main;work 5\n");
	check(f->rec, SAMPLE_CPU, &(struct export_options){.containers = true},
	      "podman:a:b;web;main;work 3\npodman:c;web;main;work 4\nweb;main;work 5\n");
}

static void hostile_names(void **state)
{
	struct fixture *f = *state;
	uint32_t evil = add_thread(f->rec, 66, " x;\xc2\x9b\u202e\n9", true);
	uint32_t nameless = add_thread(f->rec, 67, "", true);

	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, evil, f->odd, 1, 1);
	recording_sample(f->rec, SAMPLE_CPU, nameless, f->user, 1, 1);
	recording_end_slice(f->rec, 1000000000);
	check(f->rec, SAMPLE_CPU, NULL,
	      "[unknown];main;work 1\n"
	      "_x:\\u{9b}\\u{202e}\\x0a9;main;a:b\\x0a\\x1b[31m\\xff c_ 1\n");
}

static void errors(void **state)
{
	struct fixture *f = *state;
	FILE *full = fopen("/dev/full", "w");

	recording_begin_slice(f->rec, 0, false);
	recording_sample(f->rec, SAMPLE_CPU, f->web, f->user, 1, 1);
	recording_end_slice(f->rec, 1000000000);
	assert_int_equal(export_folded(f->rec, SAMPLE_CPU, full, NULL), -ENOSPC);
	assert_int_equal(
		export_folded(f->rec, SAMPLE_CPU, full,
			      &(struct export_options){.user_only = true, .kernel_only = true}),
		-EINVAL);
	fclose(full);
}

static void formats(void **state)
{
	(void)state;
	assert_ptr_equal(export_find("folded")->write, export_folded);
	assert_null(export_find("fold"));
	for (const struct export *export = export_formats; export->name; export ++)
		assert_true(export->what && *export->what);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_of_cpu_samples),
		TEST(weight_of_waits),
		TEST(ends_of_waits),
		TEST(broken_stacks_say_so),
		TEST(containers),
		TEST(nameless_functions),
		TEST(inlined_functions),
		TEST(only_the_target),
		TEST(hostile_names),
		TEST(errors),
		TEST(formats),
	};

	return cmocka_run_group_tests_name("export/folded", tests, NULL, NULL);
}
