/* SPDX-License-Identifier: BSD-2-Clause */
/* Who ended long waits, from where, and what they were in the end: the parts sum to the wait. */
#include "analysis/report.h"
#include "analysis/stacks.h"
#include "analysis/wakeups.h"

#define MS 1000000ULL

/* The open slice is the last one; ms since the window began. */
static uint32_t host_wait(struct recording *rec, uint32_t thread, const char *stack, uint32_t waker,
			  const char *waker_stack, enum thread_state state, uint64_t begin_ms,
			  uint64_t end_ms)
{
	struct wait wait = {.thread = thread,
			    .stack = stack_of(rec, stack),
			    .waker = waker,
			    .waker_stack = waker_stack ? stack_of(rec, waker_stack) : NONE,
			    .state = state,
			    .syscall = -1,
			    .end = waker == NONE ? WAIT_END_SOFTIRQ : WAIT_END_THREAD,
			    .end_number = waker == NONE ? 4 : 0,
			    .begin_ns = begin_ms * MS,
			    .end_ns = end_ms * MS};

	recording_wait(rec, &wait);
	return (uint32_t)rec->waits.len - 1;
}

/* The ns of a part; 0 if there is none. */
static double part_of(const struct wait_part *parts, size_t count, uint32_t group, uint32_t state)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].group == group && parts[i].state == state)
			return parts[i].ns;
	return 0;
}

static double parts_sum(const struct wait_part *parts, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += parts[i].ns;
	return sum;
}

/*
 * The client waits 100 ms for the server, which waits 60 ms of them for the database, which reads
 * 45 ms of these from the disk. What the server does otherwise is running, the database runs and
 * waits for a CPU, half and half.
 */
static struct recording *host_of_three(void)
{
	struct recording *rec = host_new(0.5);
	uint32_t client = host_program(rec, "client"), server = host_program(rec, "server");
	uint32_t database = host_program(rec, "database");

	host_listen(rec, server);
	host_listen(rec, database);
	host_wait(rec, client, "[k]schedule [k]tcp_recvmsg libc:recv ask main", server,
		  "[k]try_to_wake_up [k]tcp_sendmsg libc:send answer main", STATE_WAIT_LOCAL, 100,
		  200);
	host_wait(rec, server, "[k]schedule libc:poll query answer main", database,
		  "[k]try_to_wake_up libc:send reply main", STATE_WAIT_POLL, 130, 190);
	host_wait(rec, database, "[k]io_schedule libc:pread fetch main", NONE, NULL,
		  STATE_WAIT_DISK_READ, 140, 185);
	host_spend(rec, client, STATE_WAIT_LOCAL, 0.01);
	recording_ledger(rec, 0, client, STATE_WAIT_LOCAL, 100 * MS);
	recording_ledger(rec, 0, server, STATE_RUN_USER, 300 * MS);
	recording_ledger(rec, 0, server, STATE_RUN_KERNEL, 100 * MS);
	recording_ledger(rec, 0, server, STATE_WAIT_POLL, 60 * MS);
	recording_ledger(rec, 0, database, STATE_RUN_USER, 100 * MS);
	recording_ledger(rec, 0, database, STATE_READY_WOKEN, 60 * MS);
	recording_ledger(rec, 0, database, STATE_READY_PREEMPTED, 40 * MS);
	recording_ledger(rec, 0, database, STATE_WAIT_DISK_READ, 45 * MS);
	/* Another slice is another matter. */
	recording_ledger(rec, 1, server, STATE_WAIT_TIMER, 900 * MS);
	return rec;
}

static void waits_are_followed(void **state)
{
	struct recording *rec = host_of_three();
	struct facts *facts = facts_new(rec);
	struct follower *follower = follower_new(facts);
	const struct wait_part *parts;
	size_t count;

	(void)state;
	assert_true(follower_add(follower, 0));
	parts = follower_take(follower, &count);
	assert_near(parts_sum(parts, count), 100 * MS, 10);
	assert_near(part_of(parts, count, 1, STATE_RUN_USER), 40 * MS, 10);
	assert_near(part_of(parts, count, 2, STATE_WAIT_DISK_READ), 45 * MS, 10);
	assert_near(part_of(parts, count, 2, STATE_RUN_USER), 7.5 * MS, 10);
	assert_near(part_of(parts, count, 2, STATE_READY_WOKEN), 7.5 * MS, 10);
	assert_int_equal(count, 4);
	assert_int_equal(parts[0].state, STATE_WAIT_DISK_READ);
	/* Taken is taken. */
	follower_take(follower, &count);
	assert_int_equal(count, 0);
	follower_free(follower);
	facts_free(facts);
	recording_free(rec);
}

static void the_way_to_the_cause(void **state)
{
	struct recording *rec = host_of_three();
	struct facts *facts = facts_new(rec);
	struct follower *follower = follower_new(facts);
	struct wait_path path = follower_path(follower, 0);

	(void)state;
	assert_int_equal(path.count, 2);
	assert_int_equal(path.waits[0], 0);
	assert_int_equal(path.waits[1], 1);
	assert_int_equal(path.cause.group, 2);
	assert_int_equal(path.cause.state, STATE_WAIT_DISK_READ);
	follower_free(follower);
	facts_free(facts);
	recording_free(rec);
}

/* Each waits for the other most of the time: that is nobody's; what is left is told. */
static void circles_are_left_out(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t a = host_program(rec, "a"), b = host_program(rec, "b");
	struct follower *follower;
	const struct wait_part *parts;
	struct facts *facts;
	size_t count;

	(void)state;
	host_wait(rec, a, "libc:read pull", b, "libc:write push", STATE_WAIT_LOCAL, 100, 200);
	host_wait(rec, b, "libc:read pull", a, "libc:write push", STATE_WAIT_LOCAL, 90, 180);
	recording_ledger(rec, 0, a, STATE_RUN_USER, 100 * MS);
	recording_ledger(rec, 0, b, STATE_RUN_USER, 100 * MS);
	recording_ledger(rec, 0, b, STATE_WAIT_LOCAL, 90 * MS);
	facts = facts_new(rec);
	follower = follower_new(facts);
	follower_add(follower, 0);
	parts = follower_take(follower, &count);
	assert_int_equal(count, 1);
	assert_near(part_of(parts, count, 1, STATE_RUN_USER), 20 * MS, 10);
	follower_free(follower);
	facts_free(facts);
	recording_free(rec);
}

static const struct wakeup *wakeup_of(const struct document *doc, const char *function)
{
	vec_each(&doc->wakeups, row)
		if (row->waits.function && !strcmp(row->waits.function, function))
			return row;
	fail_msg("no waits in %s", function);
	return NULL;
}

static void they_are_told(void **state)
{
	struct document *doc = host_report(host_of_three());
	const struct wakeup *ask = wakeup_of(doc, "ask"), *fetch = wakeup_of(doc, "fetch");

	(void)state;
	assert_int_equal(doc->wakeups.len, 3);
	assert_string_equal(ask->state, "local peer");
	assert_string_equal(ask->waits.process, "client");
	assert_string_equal(ask->ended_by, "thread");
	assert_string_equal(ask->wakes.process, "server");
	assert_string_equal(ask->wakes.function, "answer");
	assert_int_equal(ask->count, 1);
	assert_near(ask->seconds, 0.1, 1e-6);
	assert_near(ask->longest_ms, 100, 1e-6);
	assert_true(ask->blamed);
	assert_string_equal(ask->terminals.at[0].what, "disk read");
	assert_string_equal(ask->terminals.at[0].who.process, "database");
	assert_near(ask->terminals.at[0].share, 0.45, 0.001);
	assert_int_equal(ask->chain.len, 3);
	assert_string_equal(ask->chain.at[0].where.process, "database");
	assert_string_equal(ask->chain.at[1].where.function, "query");
	assert_string_equal(ask->chain.at[1].woken_by.function, "reply");
	assert_string_equal(ask->chain.at[2].where.function, "ask");
	assert_string_equal(ask->chain.at[2].woken_by.function, "answer");
	/* One server waits in poll for another: it may as well be idle. */
	assert_false(wakeup_of(doc, "query")->blamed);
	assert_true(fetch->blamed);
	assert_string_equal(fetch->ended_by, "softirq BLOCK");
	assert_null(fetch->wakes.process);
	assert_int_equal(fetch->terminals.len, 0);
	assert_int_equal(doc->coverage.waits_single, 3);
	assert_near(doc->coverage.wakers_placed, 1, 1e-6);
	document_free(doc);
}

/* Waits of one kind are one row; those of another place, or from another place, are not. */
static void kinds_are_told_apart(void **state)
{
	struct recording *rec = host_new(0.5);
	uint32_t a = host_program(rec, "a"), b = host_program(rec, "b");
	struct document *doc;

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		host_wait(rec, a, "libc:read pull", b, "libc:write push", STATE_WAIT_LOCAL, i * 10,
			  i * 10 + 2 + i / 9);
		host_wait(rec, a, "libc:read pull", b, "libc:write other", STATE_WAIT_LOCAL,
			  i * 10 + 4, i * 10 + 5);
	}
	host_wait(rec, a, "libc:read pull", b, NULL, STATE_WAIT_LOCAL, 200, 210);
	recording_ledger(rec, 0, a, STATE_WAIT_LOCAL, 100 * MS);
	recording_ledger(rec, 5, b, STATE_RUN_USER, 100 * MS);
	/* Not worth a line. */
	host_wait(rec, a, "libc:read tiny", b, NULL, STATE_WAIT_OTHER, 300, 300);
	doc = host_report(rec);
	assert_int_equal(doc->wakeups.len, 3);
	assert_string_equal(doc->wakeups.at[0].wakes.function, "push");
	assert_int_equal(doc->wakeups.at[0].count, 10);
	assert_near(doc->wakeups.at[0].seconds, 0.021, 1e-9);
	assert_near(doc->wakeups.at[0].longest_ms, 3, 1e-9);
	assert_near(doc->coverage.wakers_placed, 31.0 / 41, 1e-6);
	/* Where nothing is known of what the waker did, that is said. */
	assert_string_equal(doc->wakeups.at[0].terminals.at[0].what, "not known");
	document_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_are_followed),   cmocka_unit_test(the_way_to_the_cause),
		cmocka_unit_test(circles_are_left_out), cmocka_unit_test(they_are_told),
		cmocka_unit_test(kinds_are_told_apart),
	};

	return cmocka_run_group_tests_name("wakeups", tests, NULL, NULL);
}
