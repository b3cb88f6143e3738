/* SPDX-License-Identifier: BSD-2-Clause */
/* Single waits as the kernel would tell them, and stacks of wakers that come later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "capture/stacks.h"
#include "capture/tasks.h"
#include "capture/waits.h"

#define MS      1000000ULL
#define TID     90000001U /* far above pid_max, so that nothing on the host is read */
#define WAKER   90000002U
#define KERNEL  11ULL /* ids of stacks: of one kernel frame, */
#define USER    22ULL /* complete and of none */
#define PENDING 1024  /* as in waits.c */

static struct session session;
static struct recording *rec;
static struct waits *waits;

static int setup(void **state)
{
	struct wire_stack kernel = {.id = KERNEL, .frames = 1, .address = {0xffffffff81000000}};
	struct wire_user_stack user = {.id = USER, .end = WIRE_END_ROOT};

	(void)state;
	rec = recording_new();
	session = (struct session){.recording = rec, .begin_ns = 1000 * MS};
	session.tasks = tasks_new(rec);
	session.stacks = stacks_new(rec, NULL);
	stacks_kernel_arrived(session.stacks, &kernel, sizeof(kernel));
	stacks_user_arrived(session.stacks, &user, sizeof(user));
	recording_begin_slice(rec, 0, false);
	waits = waits_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	waits_free(waits);
	stacks_free(session.stacks);
	tasks_free(session.tasks);
	recording_free(rec);
	return 0;
}

static struct wire_wait wait_make(uint64_t key)
{
	return (struct wire_wait){
		.header = {.kind = WIRE_WAIT, .time_ns = 1007 * MS, .tid = TID, .tgid = TID},
		.begin_ns = 1002 * MS,
		.state = STATE_WAIT_LOCAL,
		.waker = WAKER,
		.waker_tgid = WAKER,
		.syscall = 0,
		.waker_kernel_stack = KERNEL,
		.waker_key = key,
		.end = WAIT_END_THREAD};
}

static void waker_came(uint64_t key, uint64_t stack)
{
	struct wire_waker waker = {.header = {.kind = WIRE_WAKER, .tid = WAKER, .tgid = WAKER},
				   .key = key,
				   .user_stack = stack};

	waits_waker(waits, &session, &waker, sizeof(waker));
}

static void told(const struct wire_wait *wait)
{
	waits_told(waits, &session, wait, sizeof(*wait));
}

static void known_at_once(void **state)
{
	struct wire_wait wait = wait_make(0);
	const struct wait *row;

	(void)state;
	wait.waker_user_stack = USER;
	wait.lock = 1;
	told(&wait);
	assert_int_equal(rec->waits.len, 1);
	row = rec->waits.at;
	assert_int_equal(row->begin_ns, 2 * MS);
	assert_int_equal(row->end_ns, 7 * MS);
	assert_int_equal(rec->threads.at[row->thread].tid, TID);
	assert_int_equal(rec->threads.at[row->waker].tid, WAKER);
	assert_int_equal(row->end, WAIT_END_THREAD);
	assert_int_equal(row->lock, 1);
	assert_int_equal(rec->stacks.at[row->waker_stack].kernel_len, 1);
	assert_int_equal(rec->stacks.at[row->waker_stack].user_end, STACK_COMPLETE);
}

static void an_interrupt(void **state)
{
	struct wire_wait wait = wait_make(0);

	(void)state;
	wait.waker = wait.waker_tgid = 0;
	wait.waker_kernel_stack = 0;
	wait.end = WAIT_END_SOFTIRQ;
	wait.end_number = 3;
	told(&wait);
	assert_int_equal(rec->waits.len, 1);
	assert_int_equal(rec->waits.at[0].waker, NONE);
	assert_int_equal(rec->waits.at[0].waker_stack, NONE);
	assert_int_equal(rec->waits.at[0].end, WAIT_END_SOFTIRQ);
	assert_int_equal(rec->waits.at[0].end_number, 3);
}

/* All waits of one key get the stack that comes for it; the others keep waiting for theirs. */
static void known_later(void **state)
{
	struct wire_wait one = wait_make(7), other = wait_make(8);
	const struct stack *stack;

	(void)state;
	told(&one);
	told(&other);
	told(&one);
	assert_int_equal(rec->waits.len, 0);
	waker_came(9, USER);
	assert_int_equal(rec->waits.len, 0);
	waker_came(7, 33); /* whose frames were lost */
	assert_int_equal(rec->waits.len, 2);
	stack = &rec->stacks.at[rec->waits.at[1].waker_stack];
	assert_int_equal(stack->kernel_len, 1);
	assert_int_equal(stack->user_end, STACK_LOST);
	waits_end_slice(waits, &session);
	assert_int_equal(rec->waits.len, 3);
	stack = &rec->stacks.at[rec->waits.at[2].waker_stack];
	assert_int_equal(stack->len, 1);
	assert_int_equal(stack->user_end, STACK_COMPLETE);
	waker_came(8, USER);
	waits_end_slice(waits, &session);
	assert_int_equal(rec->waits.len, 3);
}

static void they_are_bounded(void **state)
{
	struct wire_wait wait = wait_make(7);

	(void)state;
	for (uint32_t i = 0; i < PENDING + 10; i++) {
		wait.waker_key = 7 + i;
		told(&wait);
	}
	assert_int_equal(rec->waits.len, 10);
	waits_end_slice(waits, &session);
	assert_int_equal(rec->waits.len, PENDING + 10);
}

static void nonsense_is_refused(void **state)
{
	struct wire_wait wait = wait_make(7);
	struct wire_waker waker = {.key = 7};

	(void)state;
	waits_told(waits, &session, &wait, sizeof(wait) - 1);
	wait.end = WAIT_ENDS;
	told(&wait);
	wait.end = WAIT_END_THREAD;
	wait.header.time_ns = wait.begin_ns;
	told(&wait);
	waits_end_slice(waits, &session);
	assert_int_equal(rec->waits.len, 0);
	wait.header.time_ns++;
	told(&wait);
	waits_waker(waits, &session, &waker, sizeof(waker) - 1);
	assert_int_equal(rec->waits.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(known_later, setup, teardown),
		cmocka_unit_test_setup_teardown(they_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
