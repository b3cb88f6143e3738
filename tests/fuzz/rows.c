/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "store/schema.h"

#define ROWS 2048 /* of one input */

/* Texts by which the analysis knows what a row is about, and such as must be shown with care. */
static const char *const texts[] = {
	"block.device_ns",
	"block.errors",
	"block.queue_ns",
	"block.bytes",
	"context.checks",
	"context.wrong",
	"cpu.idle_ns",
	"cpu.irq_ns",
	"cpu.softirq_ns",
	"cpu.sampled_share",
	"irq.ns",
	"irq.count",
	"lock.waits",
	"lock.waits_by_owner",
	"memory.major_faults",
	"memory.minor_faults",
	"memory.reclaim_cgroup_ns",
	"memory.reclaim_direct_ns",
	"memory.rss_bytes",
	"net.observed_share",
	"net.retransmits",
	"net.rtt_samples",
	"net.rtt_us_sum",
	"net.sends",
	"net.received_bytes",
	"net.accepts",
	"sched.crowd_wakeups",
	"sched.futile_ns",
	"sched.futile_wakeups",
	"sched.runqueue_ns",
	"sched.switches",
	"sched.wakeups",
	"self.budget_percent",
	"self.interrupt_share",
	"syscall.again",
	"syscall.count",
	"syscall.empty",
	"syscall.errors",
	"syscall.expired",
	"syscall.ns",
	"syscall.observed_share",
	"unwind.load_longest_ms",
	"unwind.table_bytes",
	"unwind.tables_loaded",
	"waits.polls_untold",
	"cpu0",
	"cpu1",
	"vda read",
	"vda write",
	"vda flush",
	"read",
	"futex",
	"epoll_wait",
	"clone",
	"execve",
	"fdatasync",
	"client 10.0.0.1:5432",
	"server :80 from ::1",
	"unix",
	"softirq NET_RX cpu0",
	"irq 24 eth0 cpu1",
	"timer cpu0",
	"[kernel]",
	"[vdso]",
	"mutex_lock",
	"rwsem_down_write_slowpath",
	"_raw_spin_lock",
	"asm_exc_page_fault",
	"copy_process",
	"_PyEval_EvalFrameDefault",
	"bpf_prog_0123456789abcdef_x",
	"/usr/bin/x",
	"podman:web",
	"/system.slice/x.service",
	"a;b c\n%s%n\x1b[31m\xc0\xaf\xff\"'\\<&>",
	"\xe2\x80\xae",
	" ",
	";",
};

/* A value for this column that store_open() would take. */
static uint64_t value_take(const struct recording *rec, const struct column *column,
			   struct feed *feed)
{
	size_t rows =
		column->kind >= COLUMN_STRING ? table_len(&schema_tables[column->target], rec) : 0;
	uint64_t value = feed_number(feed);
	double real;

	switch (column->kind) {
	case COLUMN_MAYBE:
		return rows && value != UINT64_MAX ? value % rows : NONE;
	case COLUMN_STRING:
	case COLUMN_REF:
		return value % rows;
	case COLUMN_UINT:
		if (column->limit)
			return value % column->limit;
		value &= INT64_MAX;
		return column->size < 8 ? value & (UINT64_MAX >> (64 - 8 * column->size)) : value;
	case COLUMN_REAL:
		if (value >> 63)
			memcpy(&real, &value, sizeof(real));
		else
			real = value == INT64_MAX ? NAN : (double)(int64_t)value;
		if (isinf(real))
			real = -1;
		memcpy(&value, &real, sizeof(value));
		return value;
	default:
		return value;
	}
}

static bool references_exist(const struct recording *rec, const struct table *table)
{
	for (const struct column *c = table->columns; c->name; c++)
		if ((c->kind == COLUMN_STRING || c->kind == COLUMN_REF) &&
		    !table_len(&schema_tables[c->target], rec))
			return false;
	return true;
}

/* One more row; none where its table's own check refuses it. */
static void row_take(struct recording *rec, const struct table *table, struct feed *feed)
{
	struct table_rows *rows = table_rows(table, rec);
	char *row;

	if (!references_exist(rec, table))
		return;
	if (table->growth == TABLE_SINGLE) {
		for (const struct column *c = table->columns; c->name; c++)
			column_set(c, rec, value_take(rec, c, feed));
		return;
	}
	vec_reserve(&rows->at, &rows->cap, rows->len + 1, table->row_size);
	row = (char *)rows->at + rows->len * table->row_size;
	memset(row, 0, table->row_size);
	if (table == &schema_tables[TABLE_STRINGS]) {
		char *text = feed_text(feed);

		memcpy(row, &text, sizeof(text));
	} else {
		for (const struct column *c = table->columns; c->name; c++)
			column_set(c, row, value_take(rec, c, feed));
		if (table->check && table->check(rec, row, rows->len))
			return;
	}
	rows->len++;
}

void recording_fill(struct recording *rec, struct feed *feed)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		string_intern(rec, texts[i]);
	for (int i = 0; feed->left && i < ROWS; i++) {
		uint8_t id = feed_byte(feed);
		/* The table in the low bits, how many such rows in the high ones. */
		const struct table *table = &schema_tables[(id & 31) % TABLE_COUNT];

		for (int more = 1 << (id >> 5 & 3); more && feed->left; more--)
			row_take(rec, table, feed);
	}
	recording_reindex(rec);
}
