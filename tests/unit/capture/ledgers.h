/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads with ledgers as the kernel would tell them, cut and read. */
#ifndef STRAIT_LEDGERS_H
#define STRAIT_LEDGERS_H

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

static inline int setup(void **state)
{
	static struct fixture fixture;

	fixture.rec = recording_new();
	fixture.tasks = tasks_new(fixture.rec);
	recording_begin_slice(fixture.rec, 0, false);
	*state = &fixture;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	tasks_free(fixture->tasks);
	recording_free(fixture->rec);
	return 0;
}

/* A thread that is its own process; pids far above pid_max, so that nothing on the host is read. */
static inline struct wire_thread thread_make(uint32_t tid, uint64_t start)
{
	struct wire_thread thread = {};

	thread.who.tid = thread.who.tgid = tid;
	thread.who.start_ns = thread.who.process_start_ns = start;
	thread.who.cgroup = 1;
	memcpy(thread.who.comm, "worker", 7);
	thread.ledger.targeted = 1;
	thread.ledger.tid = tid;
	return thread;
}

static inline uint64_t ledger_sum(const struct recording *rec, uint32_t slice, int state)
{
	uint64_t sum = 0;

	vec_each(&rec->ledger, row)
		if ((slice == NONE || row->slice == slice) &&
		    (state < 0 || row->state == (uint32_t)state))
			sum += row->ns;
	return sum;
}

#define BEGIN 1000000000000ULL /* of the window */

/* The ms-th ms of the window: what was cut there, and whoever is dumped then, is read. */
static inline void cut(struct fixture *f, uint64_t ms)
{
	tasks_cut(f->tasks, BEGIN + ms * MS);
}

static inline void slice_end(struct fixture *f, uint64_t ms)
{
	tasks_end_slice(f->tasks);
	recording_end_slice(f->rec, ms * MS);
	recording_begin_slice(f->rec, ms * MS, false);
}

static inline void window_begin(struct fixture *f)
{
	cut(f, 0);
	tasks_end_slice(f->tasks);
}

/* In this state since then, ms of the window. */
static inline void enter(struct wire_thread *thread, uint32_t state, int64_t ms)
{
	thread->ledger.state = state;
	thread->ledger.since = BEGIN + (uint64_t)(ms * (int64_t)MS);
}

/* What the programs do at the first event behind the cut at the ms-th ms. */
static inline void keep(struct wire_ledger *ledger, uint64_t ms)
{
	ledger->cut_ns = BEGIN + ms * MS;
	ledger->at_cut.since = ledger->since;
	ledger->at_cut.state = ledger->state;
	ledger->at_cut.sum = ledger->sum;
}

static inline uint64_t count_of(const struct recording *rec, uint32_t slice, const char *metric)
{
	uint64_t sum = 0;

	vec_each(&rec->counts, row)
		if (row->slice == slice && !strcmp(string_get(rec, row->metric), metric))
			sum += row->value;
	return sum;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
