/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of store share: a folder, a recording with every table filled, a comparison. */
#ifndef STRAIT_TEST_STORE_FIXTURE_H
#define STRAIT_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/recording.h"
#include "store/store.h"
#include "util/folder.h"

static char path[96];
static struct error error;

static inline int recording_setup(void **state)
{
	if (folder_make(state))
		return -1;
	snprintf(path, sizeof(path), "%s/r.strait", folder);
	error.text[0] = '\0';
	return 0;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, recording_setup, folder_remove)

/* The number of files in the folder. */
static inline int folder_files(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		int err_ = (call);                                                                 \
		if (err_)                                                                          \
			print_error("%s: %s\n", #call, error.text);                                \
		assert_int_equal(err_, 0);                                                         \
	} while (0)

/* The call fails with this errno, and its one line of text has this in it. */
#define assert_fails(call, errno_, text_)                                                          \
	do {                                                                                       \
		error.text[0] = '\0';                                                              \
		assert_int_equal((call), -(errno_));                                               \
		if (!strstr(error.text, text_))                                                    \
			print_error("\"%s\" is not in: %s\n", text_, error.text);                  \
		assert_non_null(strstr(error.text, text_));                                        \
		assert_null(strchr(error.text, '\n'));                                             \
	} while (0)

/* Everything but slices: names, with values at the ends of their ranges. */
static inline struct recording *fixture_names(void)
{
	struct recording *rec = recording_new();
	uint32_t frames[3], module;

	rec->host = (struct host){string_intern(rec, "host-a"), string_intern(rec, "6.18.5"),
				  string_intern(rec, "x86_64"), 4, 17179869184};
	rec->target = (struct target){TARGET_CONTAINER, string_intern(rec, "podman:web")};
	rec->start_unix_ns = 1795000000123456789;
	rec->sample_hz = 99;
	rec->sample_source = string_intern(rec, "cpu-clock");
	rec->self = (struct self_cost){0.75, -1, 31457280, 4096};
	cgroup_intern(rec, UINT64_MAX - 3);
	rec->cgroups.at[0].path = string_intern(rec, "/system.slice/web.service");
	rec->cgroups.at[0].container = string_intern(rec, "unit:web.service");
	process_intern(rec, 1, 10);
	process_intern(rec, 4194303, 99000000000);
	rec->processes.at[0].kernel = true;
	rec->processes.at[1] = (struct process){.pid = 4194303,
						.start_ns = 99000000000,
						.parent = 1,
						.comm = string_intern(rec, "w\xff\x1b[31m"),
						.exe = string_intern(rec, "/usr/bin/w\xc3\xa9"),
						.exe_id = 0x9123456789abcdef,
						.cgroup = 0,
						.uid = UINT32_MAX,
						.targeted = true,
						.exited = true,
						.born = true};
	thread_intern(rec, 1, 10, 0);
	thread_intern(rec, 4194304, 99000000001, 1);
	rec->threads.at[1] = (struct thread){.tid = 4194304,
					     .start_ns = 99000000001,
					     .process = 1,
					     .comm = string_intern(rec, "worker"),
					     .policy = 2,
					     .nice = -20,
					     .realtime_priority = 99,
					     .cpus_allowed = 3,
					     .cpu_mask = {1ull << 63, 2, 0, 3}};
	module = module_intern(rec, "/usr/bin/w\xc3\xa9", "00ff");
	module_intern(rec, "[kernel]", "");
	frames[0] = frame_intern(rec, FRAME_KERNEL, 1, 0x1f, string_intern(rec, "do_work"));
	frames[1] = frame_intern(rec, FRAME_USER, module, 0x4010, 0);
	frames[2] = frame_intern(rec, FRAME_USER, NONE, 0xffffffffff600000, 0);
	rec->frames.at[1].file = string_intern(rec, "w.c");
	rec->frames.at[1].line = 17;
	rec->frames.at[1].pause = 1;
	rec->frames.at[1].begin = 0x4000;
	frame_intern_inlined(rec, 1, 1, string_intern(rec, "inlined"));
	stack_intern(rec, NULL, 0, 0, STACK_COMPLETE);
	stack_intern(rec, frames, 3, 1, STACK_NO_TABLE);
	stack_intern(rec, frames + 1, 2, 0, STACK_COMPLETE);
	vec_push(&rec->listeners, (struct listener){1, 10, 65535, string_intern(rec, "::")});
	recording_family(rec, "cpu", FAMILY_OK, "");
	recording_family(rec, "net", FAMILY_PARTIAL, "no tcp_probe");
	recording_loss(rec, "ring buffer full: cpu samples", true, 12);
	return rec;
}

/* One slice of 1 s with a row of every kind. */
static inline void fixture_slice(struct recording *rec)
{
	uint64_t begin = rec->slices.len * 1000000000ull;
	struct wait wait = {.thread = 1,
			    .stack = 1,
			    .waker = 0,
			    .waker_stack = 2,
			    .state = STATE_WAIT_LOCAL,
			    .syscall = -1,
			    .end = WAIT_END_THREAD,
			    .lock = 1,
			    .begin_ns = begin + 5,
			    .end_ns = begin + 500};

	recording_begin_slice(rec, begin, rec->slices.len == 0);
	recording_sample(rec, SAMPLE_CPU, 0, 1, 3, 30303030);
	recording_sample(rec, SAMPLE_SYSCALL, 1, 2, 1, begin);
	recording_ledger(rec, recording_slice(rec), 0, STATE_RUN_USER, 999000000);
	recording_ledger(rec, recording_slice(rec), 0, STATE_WAIT_OTHER, 1000000);
	recording_edge(rec, EDGE_CULPRIT, 0, 1, 9, 123456);
	recording_edge(rec, EDGE_WAKER, 1, NONE, 1, 0);
	recording_wait(rec, &wait);
	wait.waker = wait.waker_stack = NONE;
	wait.end = WAIT_END_SOFTIRQ;
	wait.end_number = 3;
	recording_wait(rec, &wait);
	recording_delay(rec,
			&(struct delay){.thread = 1,
					.state = STATE_READY_PREEMPTED,
					.cpu = 300,
					.begin_ns = begin + 6,
					.end_ns = begin + 600,
					.weight_ns = 7000,
					.seen_ns = 594},
			(struct occupant[]){{.thread = 0, .ns = 500}, {.thread = 1, .ns = 94}}, 2);
	vec_push(&rec->excerpts, (struct excerpt){begin + 3, begin + 900});
	vec_push(&rec->events, (struct event){.time_ns = begin + 4,
					      .excerpt = (uint32_t)rec->excerpts.len - 1,
					      .thread = 1,
					      .other = NONE,
					      .sched_group = 3,
					      .cpu = 300,
					      .kind = EVENT_WAKE,
					      .state = STATE_WAIT_LOCK_USER,
					      .lock = 1});
	vec_push(&rec->events, (struct event){.time_ns = begin + 5,
					      .excerpt = (uint32_t)rec->excerpts.len - 1,
					      .thread = NONE,
					      .other = 0,
					      .kind = EVENT_SWITCH,
					      .yielded = 1});
	recording_count(rec, "syscall.count", 1, "read", begin + 7);
	recording_count(rec, "net.retransmits", NONE, "", 0);
	recording_bucket(rec, "block.device_ns", 1, "sda read", 3775, 2, INT64_MAX);
	recording_point(rec, "cpu.pressure", "some", 0.1);
	recording_point(rec, "disk.busy", "sda", -3);
	recording_point(rec, "disk.busy", "sdb", NAN);
	recording_end_slice(rec, begin + 1000000000);
}

#define SAME(field) assert_true(a->field == b->field)

/* Compares two rows of every table, field by field, by hand: not by the schema under test. */
#define ROWS_SAME(table, ...)                                                                      \
	do {                                                                                       \
		assert_int_equal(x->table.len, y->table.len);                                      \
		for (size_t i = 0; i < x->table.len; i++) {                                        \
			__typeof__(x->table.at) a = &x->table.at[i], b = &y->table.at[i];          \
			__VA_ARGS__;                                                               \
		}                                                                                  \
	} while (0)

static inline void same_names(const struct recording *x, const struct recording *y)
{
	ROWS_SAME(strings.at, assert_string_equal(*a, *b));
	ROWS_SAME(cgroups, SAME(id); SAME(path); SAME(container));
	ROWS_SAME(processes, SAME(pid); SAME(start_ns); SAME(parent); SAME(comm); SAME(exe);
		  SAME(exe_id); SAME(cgroup); SAME(uid); SAME(kernel); SAME(targeted); SAME(exited);
		  SAME(born));
	ROWS_SAME(threads, SAME(tid); SAME(start_ns); SAME(process); SAME(comm); SAME(policy);
		  SAME(nice); SAME(realtime_priority); SAME(cpus_allowed); SAME(cpu_mask[0]);
		  SAME(cpu_mask[1]); SAME(cpu_mask[2]); SAME(cpu_mask[3]));
	ROWS_SAME(modules, SAME(path); SAME(build_id));
	ROWS_SAME(frames, SAME(module); SAME(offset); SAME(function); SAME(file); SAME(line);
		  SAME(kind); SAME(named); SAME(pause); SAME(inlined); SAME(begin));
	ROWS_SAME(stack_frames, assert_int_equal(*a, *b));
	ROWS_SAME(stacks, SAME(first); SAME(len); SAME(kernel_len); SAME(user_end));
	ROWS_SAME(listeners, SAME(process); SAME(family); SAME(port); SAME(address));
	ROWS_SAME(families, SAME(name); SAME(why); SAME(status));
	ROWS_SAME(losses, SAME(reason); SAME(sample); SAME(count));
}

static inline void same_observations(const struct recording *x, const struct recording *y)
{
	ROWS_SAME(slices, SAME(begin_ns); SAME(end_ns); SAME(warmup));
	ROWS_SAME(samples, SAME(slice); SAME(thread); SAME(stack); SAME(kind); SAME(count);
		  SAME(weight));
	ROWS_SAME(ledger, SAME(slice); SAME(thread); SAME(state); SAME(ns));
	ROWS_SAME(edges, SAME(slice); SAME(thread); SAME(party); SAME(kind); SAME(count); SAME(ns));
	ROWS_SAME(waits, SAME(slice); SAME(thread); SAME(stack); SAME(waker); SAME(waker_stack);
		  SAME(end); SAME(end_number); SAME(lock); SAME(state); SAME(syscall);
		  SAME(begin_ns); SAME(end_ns));
	ROWS_SAME(delays, SAME(slice); SAME(thread); SAME(state); SAME(cpu); SAME(begin_ns);
		  SAME(end_ns); SAME(weight_ns); SAME(seen_ns));
	ROWS_SAME(occupants, SAME(delay); SAME(thread); SAME(ns));
	ROWS_SAME(excerpts, SAME(begin_ns); SAME(end_ns));
	ROWS_SAME(events, SAME(time_ns); SAME(excerpt); SAME(thread); SAME(other);
		  SAME(sched_group); SAME(cpu); SAME(kind); SAME(state); SAME(lock); SAME(yielded));
	ROWS_SAME(counts, SAME(slice); SAME(metric); SAME(process); SAME(label); SAME(value));
	ROWS_SAME(buckets, SAME(slice); SAME(metric); SAME(process); SAME(label); SAME(bucket);
		  SAME(count); SAME(sum));
	ROWS_SAME(points, SAME(slice); SAME(metric); SAME(label);
		  assert_true(a->value == b->value || (isnan(a->value) && isnan(b->value))));
}

static inline void assert_same(const struct recording *a, const struct recording *b)
{
	SAME(host.name), SAME(host.kernel), SAME(host.arch), SAME(host.cpus);
	SAME(host.memory_bytes), SAME(target.kind), SAME(target.name);
	SAME(start_unix_ns), SAME(length_ns), SAME(sample_hz), SAME(sample_source), SAME(cut);
	SAME(self.cpu_percent), SAME(self.bpf_percent), SAME(self.rss_bytes), SAME(self.map_bytes);
	same_names(a, b);
	same_observations(a, b);
}

#endif
