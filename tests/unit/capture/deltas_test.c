/* SPDX-License-Identifier: BSD-2-Clause */
/* What was before a cut and what behind it: the rows that must come of a thread's ledger. */
#include "capture/ledgers.h"

static void a_sleeper_is_asleep_in_every_slice(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	enter(&thread, STATE_WAIT_TIMER, -150);
	cut(f, 0);
	tasks_dump(f->tasks, &thread, 0);
	tasks_end_slice(f->tasks);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 0);
	for (uint32_t slice = 0; slice < 3; slice++) {
		cut(f, 1000 * (slice + 1));
		tasks_dump(f->tasks, &thread, slice);
		slice_end(f, 1000 * (slice + 1));
		assert_int_equal(ledger_sum(f->rec, slice, STATE_WAIT_TIMER), 1000 * MS);
	}
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 3000 * MS);
}

static void what_was_before_the_window_does_not_count(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	/* Asleep since -100; at 10 it ran, at 15 it was read for the first time. */
	thread.ledger.sum.ns[STATE_RUN_USER] = 3 * MS;
	thread.ledger.sum.switches = 5;
	enter(&thread, STATE_WAIT_TIMER, -100);
	cut(f, 0);
	keep(&thread.ledger, 0);
	thread.ledger.sum.ns[STATE_WAIT_TIMER] = 110 * MS;
	thread.ledger.sum.wakeups = 1;
	enter(&thread, STATE_RUN_USER, 10);
	tasks_dump(f->tasks, &thread, 0);
	tasks_end_slice(f->tasks);
	assert_int_equal(f->rec->counts.len, 0);
	/* It slept again from 600 on. */
	thread.ledger.sum.ns[STATE_RUN_USER] = 593 * MS;
	thread.ledger.sum.switches = 6;
	enter(&thread, STATE_WAIT_POLL, 600);
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	slice_end(f, 1000);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_WAIT_TIMER), 10 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_RUN_USER), 590 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_WAIT_POLL), 400 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 1000 * MS);
	assert_int_equal(count_of(f->rec, 0, "sched.switches"), 1);
	assert_int_equal(count_of(f->rec, 0, "sched.wakeups"), 1);
}

static void what_came_behind_the_cut_is_the_next_slices(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	/* It runs from 400 on, sleeps at 1300, and is read at 1310. */
	thread.ledger.sum.ns[STATE_WAIT_POLL] = 400 * MS;
	thread.ledger.sum.switches = 10;
	thread.ledger.sum.futile_ns = 7;
	enter(&thread, STATE_RUN_KERNEL, 400);
	thread.ledger.flags |= LEDGER_KTHREAD;
	cut(f, 1000);
	keep(&thread.ledger, 1000);
	thread.ledger.sum.ns[STATE_RUN_KERNEL] = 900 * MS;
	thread.ledger.sum.switches = 11;
	thread.ledger.sum.futile_ns = 9;
	enter(&thread, STATE_WAIT_DISK_READ, 1300);
	tasks_dump(f->tasks, &thread, 0);
	slice_end(f, 1000);
	cut(f, 2000);
	tasks_dump(f->tasks, &thread, 1);
	slice_end(f, 2000);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_WAIT_POLL), 400 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_RUN_KERNEL), 600 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 1000 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_KERNEL), 300 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_WAIT_DISK_READ), 700 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, -1), 1000 * MS);
	assert_int_equal(count_of(f->rec, 0, "sched.switches"), 10);
	assert_int_equal(count_of(f->rec, 1, "sched.switches"), 1);
	assert_int_equal(count_of(f->rec, 0, "sched.futile_ns"), 7);
	assert_int_equal(count_of(f->rec, 1, "sched.futile_ns"), 2);
}

static void what_an_older_cut_kept_is_over(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	/* One was made in vain at 990, another one at 1000; since 995 it has done nothing. */
	enter(&thread, STATE_RUN_USER, 0);
	thread.ledger.run_phase = 1;
	keep(&thread.ledger, 990);
	thread.ledger.sum.ns[STATE_RUN_USER] = 995 * MS;
	enter(&thread, STATE_WAIT_TIMER, 995);
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_RUN_USER), 995 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_WAIT_TIMER), 5 * MS);
}

static void running_is_what_it_was_at_the_cut(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	thread.who.kernel_ns = 100 * MS;
	enter(&thread, STATE_RUN_USER, 0);
	thread.ledger.run_phase = 3;
	/* All its calls were seen up to the cut; later they are not any more. */
	keep(&thread.ledger, 1000);
	thread.ledger.at_cut.run_phase = thread.ledger.at_cut.calls_on = 3;
	thread.ledger.run_phase = 0;
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	slice_end(f, 1000);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_RUN_USER), 1000 * MS);
	/* Another stretch of observing calls had begun: some may have come between. */
	thread.who.kernel_ns = 300 * MS;
	thread.who.user_ns = 200 * MS;
	enter(&thread, STATE_RUN_USER, 1000);
	thread.ledger.sum.ns[STATE_RUN_USER] = 1000 * MS;
	keep(&thread.ledger, 2000);
	thread.ledger.at_cut.run_phase = 3;
	thread.ledger.at_cut.calls_on = 4;
	cut(f, 2000);
	tasks_dump(f->tasks, &thread, 1);
	assert_int_equal(ledger_sum(f->rec, 1, -1), 1000 * MS);
	assert_true(ledger_sum(f->rec, 1, STATE_RUN_KERNEL) > 0);
}

static void the_open_stretch_is_not_counted_twice(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	/* Asleep from 0; read at 1000; woken at 1300, ran from 1400 on; read at 2000. */
	enter(&thread, STATE_WAIT_DISK_READ, 0);
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	slice_end(f, 1000);
	thread.ledger.sum.ns[STATE_WAIT_DISK_READ] = 1300 * MS;
	thread.ledger.sum.ns[STATE_READY_WOKEN] = 100 * MS;
	enter(&thread, STATE_RUN_USER, 1400);
	cut(f, 2000);
	tasks_dump(f->tasks, &thread, 1);

	assert_int_equal(ledger_sum(f->rec, 0, STATE_WAIT_DISK_READ), 1000 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_WAIT_DISK_READ), 300 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_READY_WOKEN), 100 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_USER), 600 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 2000 * MS);
}

/* The programs end such a wait when the thread gets a CPU. */
static void who_was_woken_early_is_ready_at_the_cut(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	/* Ran until 700, when it went to sleep; woken at 710, has a CPU at 1300. */
	thread.ledger.flags |= LEDGER_KTHREAD;
	thread.ledger.sum.ns[STATE_RUN_KERNEL] = 700 * MS;
	enter(&thread, STATE_WAIT_LOCAL, 700);
	thread.ledger.woken_early = BEGIN + 710 * MS;
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	slice_end(f, 1000);
	thread.ledger.sum.ns[STATE_WAIT_LOCAL] = 10 * MS;
	thread.ledger.sum.ns[STATE_READY_WOKEN] = 590 * MS;
	thread.ledger.woken_early = 0;
	enter(&thread, STATE_RUN_KERNEL, 1300);
	cut(f, 2000);
	tasks_dump(f->tasks, &thread, 1);

	assert_int_equal(ledger_sum(f->rec, 0, STATE_WAIT_LOCAL), 10 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_READY_WOKEN), 290 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_READY_WOKEN), 300 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_KERNEL), 700 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 2000 * MS);
}

/* A note of before the wait is about one that never began; one behind the cut, about later. */
static void notes_of_other_times_do_not_count(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	enter(&thread, STATE_WAIT_LOCAL, 0);
	thread.ledger.woken_early = BEGIN - 10 * MS;
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	slice_end(f, 1000);
	thread.ledger.woken_early = BEGIN + 2010 * MS;
	cut(f, 2000);
	tasks_dump(f->tasks, &thread, 1);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_WAIT_LOCAL), 2000 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 2000 * MS);
}

static void running_that_the_kernel_splits_later_still_sums(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	/* Running from 0, accounted as user code up to 1000; the kernel then files what it was. */
	enter(&thread, STATE_RUN_USER, 0);
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	slice_end(f, 1000);
	thread.ledger.sum.ns[STATE_RUN_USER] = 900 * MS;
	thread.ledger.sum.ns[STATE_RUN_IRQ] = 300 * MS;
	thread.ledger.sum.ns[STATE_RUN_KERNEL] = 800 * MS;
	enter(&thread, STATE_WAIT_POLL, 2000);
	cut(f, 2000);
	tasks_dump(f->tasks, &thread, 1);
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
	enter(&thread, STATE_WAIT_POLL, 0);
	cut(f, 0);
	tasks_dump(f->tasks, &thread, 0);
	tasks_end_slice(f->tasks);
	thread.who.kernel_ns += 300 * MS;
	thread.who.user_ns += 500 * MS;
	thread.ledger.sum.ns[LEDGER_UNSPLIT] = 700 * MS;
	/* Seen exactly: as much evidence as ticks of the same length. */
	thread.ledger.sum.ns[STATE_RUN_USER] = 200 * MS;
	enter(&thread, STATE_WAIT_POLL, 900);
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_RUN_KERNEL), 210 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, STATE_RUN_USER), 690 * MS);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 1000 * MS);
}

static void the_last_ledger_ends_a_thread(void **state)
{
	struct fixture *f = *state;
	struct wire_exit exit = {};
	struct wire_thread thread = thread_make(5000001, 7);

	window_begin(f);
	/* Never seen by the iterator: born and gone within a slice. */
	thread.ledger.sum.ns[STATE_RUN_USER] = 30 * MS;
	thread.ledger.sum.ns[STATE_READY_WOKEN] = 5 * MS;
	enter(&thread, STATE_WAIT_OTHER, 500);
	exit.who = thread.who;
	exit.ledger = thread.ledger;
	tasks_exit(f->tasks, &exit);
	/* A late reading of the same thread adds nothing. */
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 35 * MS);
	assert_true(f->rec->processes.at[0].exited);
}

/* Ends at `end`, ms, having run since `begin`; the cut before that is at `at`. */
static struct wire_exit exit_make(uint32_t tid, uint64_t begin, uint64_t at, uint64_t end)
{
	struct wire_thread thread = thread_make(tid, 7);
	struct wire_exit exit = {.who = thread.who};

	thread.ledger.flags = LEDGER_KTHREAD;
	enter(&thread, STATE_RUN_KERNEL, (int64_t)begin);
	keep(&thread.ledger, at);
	thread.ledger.sum.ns[STATE_RUN_KERNEL] = (end - begin) * MS;
	thread.ledger.sum.switches = 1;
	enter(&thread, STATE_WAIT_OTHER, (int64_t)end);
	exit.ledger = thread.ledger;
	return exit;
}

static void an_end_behind_the_cut_is_in_both_slices(void **state)
{
	struct fixture *f = *state;
	struct wire_exit exit = exit_make(5000001, 400, 1000, 1030);
	struct wire_thread next = thread_make(5000001, 99);

	window_begin(f);
	/* It ends while the others are read; then its id is another's. */
	cut(f, 1000);
	tasks_exit(f->tasks, &exit);
	tasks_born(f->tasks, &next.who);
	slice_end(f, 1000);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 600 * MS);
	cut(f, 2000);
	slice_end(f, 2000);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 600 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, STATE_RUN_KERNEL), 30 * MS);
	assert_int_equal(count_of(f->rec, 0, "sched.switches"), 0);
	assert_int_equal(count_of(f->rec, 1, "sched.switches"), 1);
	vec_each(&f->rec->ledger, row)
		assert_int_equal(row->thread, 0);
	/* Once. */
	cut(f, 3000);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 630 * MS);
}

static void an_end_before_the_cut_is_in_one_slice(void **state)
{
	struct fixture *f = *state;
	struct wire_exit exit = exit_make(5000001, 400, 0, 990);

	window_begin(f);
	/* Told after the cut was made. */
	cut(f, 1000);
	tasks_exit(f->tasks, &exit);
	slice_end(f, 1000);
	cut(f, 2000);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 590 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, -1), 590 * MS);
}

static void who_was_read_and_ends_is_not_read_again(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);
	struct wire_exit exit = exit_make(5000001, 400, 1000, 1030);

	window_begin(f);
	thread.ledger.flags = LEDGER_KTHREAD;
	enter(&thread, STATE_RUN_KERNEL, 400);
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	tasks_exit(f->tasks, &exit);
	slice_end(f, 1000);
	cut(f, 2000);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 600 * MS);
	assert_int_equal(ledger_sum(f->rec, 1, -1), 30 * MS);
}

static void ends_at_the_begin_of_the_window(void **state)
{
	struct fixture *f = *state;
	/* One ended before the window, one in it, but before it was read. */
	struct wire_exit before = exit_make(5000001, 0, 0, 300);
	struct wire_exit in = exit_make(5000002, 0, 0, 20);

	before.ledger.cut_ns = 0;
	/* 40 ms of it were before. */
	in.ledger.at_cut.since = BEGIN - 40 * MS;
	in.ledger.sum.ns[STATE_RUN_KERNEL] = 60 * MS;
	cut(f, 0);
	tasks_exit(f->tasks, &before);
	tasks_exit(f->tasks, &in);
	tasks_end_slice(f->tasks);
	cut(f, 1000);
	tasks_end_slice(f->tasks);
	assert_int_equal(ledger_sum(f->rec, 0, -1), 20 * MS);
	assert_int_equal(ledger_sum(f->rec, NONE, STATE_RUN_KERNEL), 20 * MS);
	assert_int_equal(count_of(f->rec, 0, "sched.switches"), 1);
}

/* As if a counter had gone back: no double holds all of 2^64 - 1. */
static void wrapped_times_are_a_number(void **state)
{
	struct fixture *f = *state;
	struct wire_thread thread = thread_make(5000001, 7);

	thread.ledger.since = UINT64_MAX;
	cut(f, 0);
	tasks_dump(f->tasks, &thread, 0);
	tasks_end_slice(f->tasks);
	thread.ledger.sum.ns[LEDGER_UNSPLIT] = UINT64_MAX;
	cut(f, 1000);
	tasks_dump(f->tasks, &thread, 0);
	tasks_end_slice(f->tasks);
	assert_true(ledger_sum(f->rec, NONE, STATE_RUN_USER) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sleeper_is_asleep_in_every_slice),
		TEST(what_was_before_the_window_does_not_count),
		TEST(what_came_behind_the_cut_is_the_next_slices),
		TEST(what_an_older_cut_kept_is_over),
		TEST(running_is_what_it_was_at_the_cut),
		TEST(the_open_stretch_is_not_counted_twice),
		TEST(who_was_woken_early_is_ready_at_the_cut),
		TEST(notes_of_other_times_do_not_count),
		TEST(running_that_the_kernel_splits_later_still_sums),
		TEST(running_that_nobody_split_goes_by_ticks),
		TEST(the_last_ledger_ends_a_thread),
		TEST(an_end_behind_the_cut_is_in_both_slices),
		TEST(an_end_before_the_cut_is_in_one_slice),
		TEST(who_was_read_and_ends_is_not_read_again),
		TEST(ends_at_the_begin_of_the_window),
		TEST(wrapped_times_are_a_number),
	};

	return cmocka_run_group_tests_name("capture/deltas", tests, NULL, NULL);
}
