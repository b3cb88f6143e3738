/* SPDX-License-Identifier: BSD-2-Clause */
/* Who threads and processes are, and what is told of them beside their times. */
#include "capture/ledgers.h"

static void a_reused_id_is_another_process(void **state)
{
	struct fixture *f = *state;
	struct wire_exit exit = {};
	struct wire_thread first = thread_make(5000001, 7), second = thread_make(5000001, 99);

	window_begin(f);
	exit.who = first.who;
	exit.ledger.sum.ns[STATE_RUN_USER] = 10 * MS;
	tasks_exit(f->tasks, &exit);
	tasks_born(f->tasks, &second.who);
	enter(&second, STATE_RUN_USER, 400);
	cut(f, 1000);
	tasks_dump(f->tasks, &second, 0);
	assert_int_equal(f->rec->processes.len, 2);
	assert_int_equal(f->rec->threads.len, 2);
	assert_true(f->rec->processes.at[1].born);
	assert_false(f->rec->processes.at[1].exited);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 610 * MS);
}

struct successor {
	struct wire_thread first, caller;
	struct wire_exit end; /* of the first one */
};

/* 400 ms of a window in which 5000002, a thread of 5000001, runs; then it calls exec(). */
static struct successor before_exec(struct fixture *f)
{
	struct successor s = {thread_make(5000001, 7), thread_make(5000001, 9), {}};

	s.caller.who.tid = s.caller.ledger.tid = 5000002;
	s.caller.who.process_start_ns = 7;
	window_begin(f);
	enter(&s.first, STATE_WAIT_TIMER, 0);
	enter(&s.caller, STATE_RUN_USER, 0);
	cut(f, 400);
	tasks_dump(f->tasks, &s.first, 0);
	tasks_dump(f->tasks, &s.caller, 0);
	slice_end(f, 400);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 800 * MS);
	s.end.who = s.first.who;
	s.end.ledger = s.first.ledger;
	s.end.ledger.state = STATE_RUN_KERNEL;
	s.end.ledger.sum.ns[STATE_WAIT_TIMER] = 450 * MS;
	s.end.ledger.sum.switches = 1000;
	return s;
}

/* 600 ms later: the caller's ledger goes on, under the first one's id and begin. */
static void behind_exec(struct fixture *f, struct successor *s)
{
	s->caller.who = s->first.who;
	cut(f, 1000);
	tasks_dump(f->tasks, &s->caller, 1);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_USER), 600 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_WAIT_TIMER), 50 * MS);
	vec_each(&f->rec->ledger, row)
		if (row->slice)
			assert_int_equal(f->rec->threads.at[row->thread].tid, 5000001);
	assert_int_equal(f->rec->threads.len, 2);
	assert_int_equal(f->rec->processes.len, 1);
	assert_false(f->rec->processes.at[0].exited);
}

static void who_calls_exec_takes_the_first_threads_place(void **state)
{
	struct fixture *f = *state;
	struct successor s = before_exec(f);

	tasks_exit(f->tasks, &s.end);
	tasks_exec(f->tasks, &s.first.who, "/bin/second");
	behind_exec(f, &s);
}

/* The first one's last switch comes behind the exchange of ids, and is told behind the exec. */
static void who_was_replaced_may_end_late(void **state)
{
	struct fixture *f = *state;
	struct successor s = before_exec(f);

	tasks_exec(f->tasks, &s.first.who, "/bin/second");
	s.end.who.tid = 5000002;
	tasks_exit(f->tasks, &s.end);
	behind_exec(f, &s);
}

static void who_was_replaced_is_not_told_twice(void **state)
{
	struct fixture *f = *state;
	struct successor s = before_exec(f);
	size_t rows;

	tasks_exit(f->tasks, &s.end);
	/* No record of the exec at all. */
	s.caller.who = s.first.who;
	cut(f, 1000);
	tasks_dump(f->tasks, &s.caller, 1);
	rows = f->rec->ledger.len;
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_USER), 600 * MS);
	s.end.who.tid = 5000002;
	assert_int_equal(tasks_exit(f->tasks, &s.end), 0);
	assert_int_equal(f->rec->ledger.len, rows);
}

/* A sample of the window's first moments comes before its thread was dumped. */
static void who_is_met_before_it_is_known_is_the_same(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);
	uint32_t met;

	cut(f, 0);
	met = tasks_thread(f->tasks, 5000001, 5000001);
	tasks_dump(f->tasks, &thread, UINT32_MAX);
	assert_int_equal(tasks_thread(f->tasks, 5000001, 5000001), met);
	assert_int_equal(f->rec->threads.len, 1);
	assert_int_equal(f->rec->processes.len, 1);
	assert_int_equal(f->rec->threads.at[met].start_ns, 7);
	assert_string_equal(string_get(f->rec, f->rec->processes.at[0].comm), "worker");
	assert_int_equal(process_intern(f->rec, 5000001, 7), 0);
	assert_int_equal(thread_intern(f->rec, 5000001, 7, 0), met);
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
	cut(f, 0);
	tasks_dump(f->tasks, &thread, UINT32_MAX);
	tasks_end_slice(f->tasks);
	assert_int_equal(f->rec->edges.len, 0);
	cut(f, 1000);
	assert_int_equal(tasks_dump(f->tasks, &thread, 0), 0);
	assert_int_equal(f->rec->edges.len, 0);
	cut(f, 2000);
	assert_int_equal(tasks_dump(f->tasks, &thread, 1), 1 << 1);
	cut(f, 3000);
	assert_int_equal(tasks_dump(f->tasks, &thread, 2), 0);
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
	window_begin(f);
	cut(f, 2000);
	tasks_dump(f->tasks, &thread, 1);
	cut(f, 3000);
	tasks_dump(f->tasks, &thread, 2);
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
	cut(f, 0);
	tasks_dump(f->tasks, &thread, UINT32_MAX);
	tasks_end_slice(f->tasks);
	thread.who.minor_faults = 5042;
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reused_id_is_another_process),
		TEST(who_calls_exec_takes_the_first_threads_place),
		TEST(who_was_replaced_may_end_late),
		TEST(who_was_replaced_is_not_told_twice),
		TEST(who_is_met_before_it_is_known_is_the_same),
		TEST(parties_are_taken_once),
		TEST(holders_are_rows_by_state),
		TEST(faults_from_before_are_not_counted),
		TEST(a_process_that_is_gone_has_its_executable),
		TEST(an_exec_that_is_not_told_leaves_no_old_name),
		TEST(a_last_ledger_names_new_processes),
	};

	return cmocka_run_group_tests_name("capture/tasks", tests, NULL, NULL);
}
