/* SPDX-License-Identifier: BSD-2-Clause */
/* Ledgers as the kernel would tell them, and the rows that must come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "capture/tasks.h"

#define MS 1000000ULL

struct fixture {
	struct recording *rec;
	struct tasks *tasks;
};

static int setup(void **state)
{
	static struct fixture fixture;

	fixture.rec = recording_new();
	fixture.tasks = tasks_new(fixture.rec);
	recording_begin_slice(fixture.rec, 0, false);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	tasks_free(fixture->tasks);
	recording_free(fixture->rec);
	return 0;
}

/* A thread that is its own process; pids far above pid_max, so that nothing on the host is read. */
static struct wire_thread thread_make(uint32_t tid, uint64_t start)
{
	struct wire_thread thread = {};

	thread.who.tid = thread.who.tgid = tid;
	thread.who.start_ns = thread.who.process_start_ns = start;
	thread.who.cgroup = 1;
	memcpy(thread.who.comm, "worker", 7);
	thread.ledger.flags = LEDGER_TARGETED;
	return thread;
}

static uint64_t ledger_sum(const struct recording *rec, uint32_t slice, int state)
{
	uint64_t sum = 0;

	vec_each(&rec->ledger, row)
		if ((slice == NONE || row->slice == slice) &&
		    (state < 0 || row->state == (uint32_t)state))
			sum += row->ns;
	return sum;
}

static void a_sleeper_is_asleep_in_every_slice(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	thread.ledger.state = STATE_WAIT_TIMER;
	thread.ledger.since = 100 * MS;
	tasks_dump(f->tasks, &thread, 0, 0);
	tasks_begin(f->tasks, 150 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 0);
	for (uint32_t slice = 0; slice < 3; slice++) {
		if (slice)
			recording_begin_slice(f->rec, slice * 1000 * MS, false);
		tasks_dump(f->tasks, &thread, (slice + 1) * 1000 * MS, slice);
		recording_end_slice(f->rec, (slice + 1) * 1000 * MS);
	}
	assert_int_equal(ledger_sum(f->rec, 0, STATE_WAIT_TIMER), 850 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_WAIT_TIMER), 1000 * MS);
	assert_int_equal(ledger_sum(f->rec, 2, STATE_WAIT_TIMER), 1000 * MS);
}

static void what_was_before_the_window_does_not_count(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	/* Asleep since 100, read then; it ran from 140 on; the window begins at 200. */
	thread.ledger.state = STATE_WAIT_TIMER;
	thread.ledger.since = 100 * MS;
	thread.ledger.switches = 5;
	tasks_dump(f->tasks, &thread, 0, 0);
	tasks_begin(f->tasks, 200 * MS);
	thread.ledger.ns[STATE_WAIT_TIMER] = 40 * MS;
	thread.ledger.ns[STATE_RUN_USER] = 1060 * MS;
	thread.ledger.switches = 115;
	thread.ledger.since = 1200 * MS;
	tasks_dump(f->tasks, &thread, 1100 * MS, 0);
	tasks_end_slice(f->tasks);
	/* 100 ms were before, 100 ms after the end of the slice. */
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 900 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_WAIT_TIMER), 0);
	assert_int_equal(f->rec->counts.at[0].value, 90);
	recording_end_slice(f->rec, 1100 * MS);
	recording_begin_slice(f->rec, 1100 * MS, false);
	tasks_dump(f->tasks, &thread, 1300 * MS, 1);
	tasks_end_slice(f->tasks);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 1100 * MS);
	assert_int_equal(f->rec->counts.at[1].value, 11);
}

static void the_open_stretch_is_not_counted_twice(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	/* Asleep from 0; read at 1000; woken at 1300, ran from 1400 on; read at 2000. */
	thread.ledger.state = STATE_WAIT_DISK_READ;
	tasks_dump(f->tasks, &thread, 1000 * MS, 0);
	recording_end_slice(f->rec, 1000 * MS);
	recording_begin_slice(f->rec, 1000 * MS, false);
	thread.ledger.ns[STATE_WAIT_DISK_READ] = 1300 * MS;
	thread.ledger.ns[STATE_READY_WOKEN] = 100 * MS;
	thread.ledger.state = STATE_RUN_USER;
	thread.ledger.since = 1400 * MS;
	tasks_dump(f->tasks, &thread, 2000 * MS, 1);

	assert_int_equal(ledger_sum(f->rec, 0, STATE_WAIT_DISK_READ), 1000 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_WAIT_DISK_READ), 300 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_READY_WOKEN), 100 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_USER), 600 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 2000 * MS);
}

static void running_that_the_kernel_splits_later_still_sums(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	/* Running from 0, accounted as user code up to 1000; the kernel then files what it was. */
	thread.ledger.state = STATE_RUN_USER;
	tasks_dump(f->tasks, &thread, 1000 * MS, 0);
	recording_end_slice(f->rec, 1000 * MS);
	recording_begin_slice(f->rec, 1000 * MS, false);
	thread.ledger.ns[STATE_RUN_USER] = 900 * MS;
	thread.ledger.ns[STATE_RUN_IRQ] = 300 * MS;
	thread.ledger.ns[STATE_RUN_KERNEL] = 800 * MS;
	thread.ledger.state = STATE_WAIT_POLL;
	thread.ledger.since = 2000 * MS;
	tasks_dump(f->tasks, &thread, 2000 * MS, 1);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 1000 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, -1), 1000 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_IRQ), 300 * MS);
}

static void running_that_nobody_split_goes_by_ticks(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	/* What was before the window does not count: it ran kernel code only. */
	thread.who.kernel_ns = 8000 * MS;
	thread.ledger.state = STATE_WAIT_POLL;
	tasks_dump(f->tasks, &thread, 0, 0);
	thread.who.kernel_ns += 300 * MS;
	thread.who.user_ns += 500 * MS;
	thread.ledger.ns[LEDGER_UNSPLIT] = 700 * MS;
	/* Seen exactly: as much evidence as ticks of the same length. */
	thread.ledger.ns[STATE_RUN_USER] = 200 * MS;
	thread.ledger.since = 900 * MS;
	tasks_dump(f->tasks, &thread, 1000 * MS, 0);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_RUN_KERNEL), 210 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_RUN_USER), 690 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 1000 * MS);
}

static void a_transition_after_the_slice_end_waits_for_the_next(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	/* Read at 1000, but a CPU filed a transition at 1001 before the iterator came by. */
	thread.ledger.ns[STATE_RUN_USER] = 1001 * MS;
	thread.ledger.state = STATE_WAIT_POLL;
	thread.ledger.since = 1001 * MS;
	tasks_dump(f->tasks, &thread, 1000 * MS, 0);
	recording_end_slice(f->rec, 1000 * MS);
	recording_begin_slice(f->rec, 1000 * MS, false);
	tasks_dump(f->tasks, &thread, 2000 * MS, 1);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_RUN_USER), 1001 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_WAIT_POLL), 999 * MS);
}

static void the_last_ledger_ends_a_thread(void **state)
{
	struct fixture *f = *state;
	struct wire_exit exit = {};
	struct wire_thread thread = thread_make(5000001, 7);

	/* Never seen by the iterator: born and gone within a slice. */
	exit.who = thread.who;
	exit.ledger = thread.ledger;
	exit.ledger.ns[STATE_RUN_USER] = 30 * MS;
	exit.ledger.ns[STATE_READY_WOKEN] = 5 * MS;
	exit.ledger.state = STATE_WAIT_OTHER;
	exit.ledger.since = 500 * MS;
	tasks_exit(f->tasks, &exit);
	/* A late reading of the same thread adds nothing. */
	thread.ledger = exit.ledger;
	tasks_dump(f->tasks, &thread, 1000 * MS, 0);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 35 * MS);
	assert_true(f->rec->processes.at[0].exited);
}

static void a_reused_id_is_another_process(void **state)
{
	struct fixture *f = *state;
	struct wire_exit exit = {};
	struct wire_thread first = thread_make(5000001, 7), second = thread_make(5000001, 99);

	exit.who = first.who;
	exit.ledger.ns[STATE_RUN_USER] = 10 * MS;
	tasks_exit(f->tasks, &exit);
	tasks_born(f->tasks, &second.who);
	second.ledger.state = STATE_RUN_USER;
	second.ledger.since = 400 * MS;
	tasks_dump(f->tasks, &second, 1000 * MS, 0);
	assert_int_equal(f->rec->processes.len, 2);
	assert_int_equal(f->rec->threads.len, 2);
	assert_true(f->rec->processes.at[1].born);
	assert_false(f->rec->processes.at[1].exited);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 610 * MS);
}

static void parties_are_taken_once(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);
	struct wire_parties *filled = &thread.ledger.parties[1];

	/* The programs fill generation 1; it is read at its end, and lies there ever after. */
	filled->slice = 2;
	filled->culprit[3] = (struct wire_party){.tgid = 5000009, .count = 4, .ns = 20 * MS};
	filled->waker_other_ns = 7 * MS;
	tasks_dump(f->tasks, &thread, 0, UINT32_MAX);
	assert_int_equal(f->rec->edges.len, 0);
	tasks_dump(f->tasks, &thread, 1000 * MS, 0);
	assert_int_equal(f->rec->edges.len, 0);
	tasks_dump(f->tasks, &thread, 2000 * MS, 1);
	tasks_dump(f->tasks, &thread, 3000 * MS, 2);
	assert_int_equal(f->rec->edges.len, 2);
	assert_int_equal(f->rec->edges.at[0].kind, EDGE_CULPRIT);
	assert_int_equal(f->rec->edges.at[0].ns, 20 * MS);
	assert_int_equal(f->rec->edges.at[0].count, 4);
	assert_int_equal(f->rec->processes.at[f->rec->edges.at[0].party].pid, 5000009);
	assert_int_equal(f->rec->edges.at[1].kind, EDGE_WAKER);
	assert_int_equal(f->rec->edges.at[1].party, NONE);
}

static void holders_are_rows_by_state(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);
	struct wire_parties *filled = &thread.ledger.parties[1];

	filled->slice = 2;
	filled->holder[1] = (struct wire_holder){.tgid = 5000009, .waits = 5, .owners = 3};
	filled->holder[1].us[STATE_RUN_USER] = 40;
	filled->holder[1].us[STATE_WAIT_DISK_WRITE] = 5000000;
	tasks_dump(f->tasks, &thread, 2000 * MS, 1);
	tasks_dump(f->tasks, &thread, 3000 * MS, 2);
	tasks_end_slice(f->tasks);
	assert_int_equal(f->rec->holds.len, 2);
	assert_int_equal(f->rec->holds.at[0].state, STATE_RUN_USER);
	assert_int_equal(f->rec->holds.at[0].ns, 40000);
	assert_int_equal(f->rec->holds.at[1].state, STATE_WAIT_DISK_WRITE);
	assert_int_equal(f->rec->holds.at[1].ns, 5000 * MS);
	assert_int_equal(f->rec->processes.at[f->rec->holds.at[1].holder].pid, 5000009);
	assert_int_equal(f->rec->counts.len, 2);
	assert_string_equal(string_get(f->rec, f->rec->counts.at[0].metric), "lock.waits");
	assert_int_equal(f->rec->counts.at[0].value, 5);
	assert_string_equal(string_get(f->rec, f->rec->counts.at[1].metric), "lock.waits_by_owner");
	assert_int_equal(f->rec->counts.at[1].value, 3);
}

static void faults_from_before_are_not_counted(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	thread.who.minor_faults = 5000;
	tasks_dump(f->tasks, &thread, 0, UINT32_MAX);
	thread.who.minor_faults = 5042;
	tasks_dump(f->tasks, &thread, 1000 * MS, 0);
	tasks_end_slice(f->tasks);
	assert_int_equal(f->rec->counts.len, 1);
	assert_string_equal(string_get(f->rec, f->rec->counts.at[0].metric), "memory.minor_faults");
	assert_int_equal(f->rec->counts.at[0].value, 42);
}

static const char *exe_of(const struct recording *rec, uint32_t process)
{
	return string_get(rec, rec->processes.at[process].exe);
}

static void a_process_that_is_gone_has_its_executable(void **state)
{
	struct fixture *f = *state;
	struct wire_thread parent = thread_make(5000001, 7), child = thread_make(5000002, 8);

	child.who.parent = 5000001;
	child.who.exe_inode = parent.who.exe_inode = 41;
	child.who.exe_device = parent.who.exe_device = 9;
	tasks_exec(f->tasks, &parent.who, "/bin/first");
	tasks_born(f->tasks, &child.who);
	assert_string_equal(exe_of(f->rec, 0), "/bin/first");
	assert_string_equal(exe_of(f->rec, 1), "/bin/first");
	/* At its end it has no image any more; that changes nothing. */
	child.who.exe_inode = child.who.exe_device = 0;
	tasks_exit(f->tasks, &(struct wire_exit){.who = child.who});
	assert_string_equal(exe_of(f->rec, 1), "/bin/first");
}

static void an_exec_that_is_not_told_leaves_no_old_name(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	thread.who.exe_inode = 41;
	tasks_exec(f->tasks, &thread.who, "/bin/first");
	thread.who.exe_inode = 42;
	tasks_exec(f->tasks, &thread.who, "/bin/second");
	assert_string_equal(exe_of(f->rec, 0), "/bin/second");
	thread.who.exe_inode = 43;
	tasks_exec(f->tasks, &thread.who, NULL);
	assert_string_equal(exe_of(f->rec, 0), "");
	assert_int_equal(f->rec->processes.len, 1);
}

/* More processes than the table had room for, whatever that was. */
static void a_last_ledger_names_new_processes(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 200; i++) {
		struct wire_thread thread = thread_make(5000001 + i, 7);
		struct wire_exit exit = {.who = thread.who};

		exit.ledger.parties[0].slice = 1;
		exit.ledger.parties[0].culprit[0] = (struct wire_party){6000000 + i, 1, MS};
		tasks_exit(f->tasks, &exit);
	}
	assert_int_equal(f->rec->processes.len, 400);
	assert_int_equal(f->rec->edges.len, 200);
	vec_each(&f->rec->processes, process)
		assert_int_equal(process->exited, process->pid < 6000000);
}

/* As if a counter had gone back: no double holds all of 2^64 - 1. */
static void wrapped_times_are_a_number(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	thread.ledger.since = 1;
	tasks_dump(f->tasks, &thread, 0, 0);
	tasks_begin(f->tasks, 1);
	thread.ledger.ns[LEDGER_UNSPLIT] = UINT64_MAX;
	thread.ledger.since = UINT64_MAX;
	tasks_dump(f->tasks, &thread, 2, 0);
	tasks_end_slice(f->tasks);
	/* All of it is after the slice's end. */
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sleeper_is_asleep_in_every_slice),
		TEST(what_was_before_the_window_does_not_count),
		TEST(the_open_stretch_is_not_counted_twice),
		TEST(running_that_the_kernel_splits_later_still_sums),
		TEST(running_that_nobody_split_goes_by_ticks),
		TEST(a_transition_after_the_slice_end_waits_for_the_next),
		TEST(the_last_ledger_ends_a_thread),
		TEST(a_reused_id_is_another_process),
		TEST(parties_are_taken_once),
		TEST(holders_are_rows_by_state),
		TEST(faults_from_before_are_not_counted),
		TEST(a_process_that_is_gone_has_its_executable),
		TEST(an_exec_that_is_not_told_leaves_no_old_name),
		TEST(a_last_ledger_names_new_processes),
		TEST(wrapped_times_are_a_number),
	};

	return cmocka_run_group_tests_name("capture/tasks", tests, NULL, NULL);
}
