/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "histogram.h"
#include "store/schema.h"

#define FIELD(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

/* COLUMN(name, type, field, column kind, what, further initialisers) */
#define COLUMN(name_, type, field, kind_, what_, ...)                                              \
	{                                                                                          \
		.name = name_, .what = what_, .kind = kind_, FIELD(type, field), ##__VA_ARGS__     \
	}
#define UINT(type, field, what) COLUMN(#field, type, field, COLUMN_UINT, what)
#define FLAG(type, field, what) COLUMN(#field, type, field, COLUMN_UINT, what, .limit = 2)
#define BITS(type, field, what) COLUMN(#field, type, field, COLUMN_BITS, what)
#define ENUM(type, field, count, what)                                                             \
	COLUMN(#field, type, field, COLUMN_UINT, what, .limit = (count))
#define STRING(type, field, what)                                                                  \
	COLUMN(#field, type, field, COLUMN_STRING, what, .target = TABLE_STRINGS)
#define REF(type, field, table, what)                                                              \
	COLUMN(#field, type, field, COLUMN_REF, what, .target = (table))
#define MAYBE(type, field, table, what)                                                            \
	COLUMN(#field, type, field, COLUMN_MAYBE, what, .target = (table))
#define SLICE(type)  REF(type, slice, TABLE_SLICES, "slice it belongs to")
#define THREAD(type) REF(type, thread, TABLE_THREADS, "thread")
#define ROWS(growth_, vec_)                                                                        \
	.growth = growth_, .vec = offsetof(struct recording, vec_),                                \
	.row_size = sizeof(*((struct recording *)0)->vec_.at)

static const char *string_check(const struct recording *rec, const void *row, size_t position)
{
	(void)rec;
	return !position && **(char *const *)row ? "the first string is not empty" : NULL;
}

static const char *slice_check(const struct recording *rec, const void *row, size_t position)
{
	const struct slice *slice = row;

	if (slice->end_ns < slice->begin_ns)
		return "it ends before it begins";
	if (position && slice->begin_ns < rec->slices.at[position - 1].begin_ns)
		return "it begins before the one before it";
	return NULL;
}

/*
 * Stacks share no row of stack_frames, so all of them together are no longer than it. Rows between
 * two of them are frames that were left out again, once they had names.
 */
static const char *stack_check(const struct recording *rec, const void *row, size_t position)
{
	const struct stack *stack = row, *last = position ? &rec->stacks.at[position - 1] : NULL;

	if (last && stack->first < last->first + last->len)
		return "its frames do not follow those of the stack before it";
	if (stack->first > rec->stack_frames.len ||
	    stack->len > rec->stack_frames.len - stack->first)
		return "it has more frames than there are";
	return stack->kernel_len > stack->len ? "it has more kernel frames than frames" : NULL;
}

static const char *wait_check(const struct recording *rec, const void *row, size_t position)
{
	const struct wait *wait = row;

	(void)rec;
	(void)position;
	if (wait->end_ns < wait->begin_ns)
		return "it ends before it begins";
	return wait->state < STATE_WAIT_DISK_READ ? "its state is no wait" : NULL;
}

static const char *delay_check(const struct recording *rec, const void *row, size_t position)
{
	const struct delay *delay = row;

	(void)rec;
	(void)position;
	if (delay->end_ns < delay->begin_ns)
		return "it ends before it begins";
	if (!state_is_ready(delay->state))
		return "its state is no wait for a CPU";
	return delay->seen_ns > delay->end_ns - delay->begin_ns ? "more of it was seen than it took"
								: NULL;
}

static const char *excerpt_check(const struct recording *rec, const void *row, size_t position)
{
	const struct excerpt *excerpt = row;

	(void)rec;
	(void)position;
	return excerpt->end_ns < excerpt->begin_ns ? "it ends before it begins" : NULL;
}

/* clang-format off */
const struct table schema_tables[TABLE_COUNT] = {
[TABLE_STRINGS] = {
	"strings", "Every text, once. Bytes of a stranger: a BLOB where they are not UTF-8.",
	ROWS(TABLE_APPENDED, strings.at), {
	{.name = "text", .what = "the text; row 0 is the empty text", .kind = COLUMN_TEXT,
	 .size = sizeof(char *)},
	}, string_check},
[TABLE_RECORDING] = {
	"recording", "One row: what was recorded, where, and at what cost.",
	TABLE_SINGLE, 0, sizeof(struct recording), {
	COLUMN("host", struct recording, host.name, COLUMN_STRING, "name of the host"),
	COLUMN("kernel", struct recording, host.kernel, COLUMN_STRING, "kernel release"),
	COLUMN("arch", struct recording, host.arch, COLUMN_STRING, "machine architecture"),
	COLUMN("cpus", struct recording, host.cpus, COLUMN_UINT, "CPUs online",
	       .limit = HOST_CPUS_MAX + 1),
	COLUMN("memory_bytes", struct recording, host.memory_bytes, COLUMN_UINT, "main memory, bytes"),
	COLUMN("target_kind", struct recording, target.kind, COLUMN_UINT,
	       "what was observed (words: target)", .limit = TARGET_KINDS),
	COLUMN("target_name", struct recording, target.name, COLUMN_STRING,
	       "which: pids, tids, a cgroup path, a container, a command line"),
	UINT(struct recording, start_unix_ns, "begin of the window, ns since 1970 (UTC)"),
	UINT(struct recording, length_ns, "length of the window, ns"),
	UINT(struct recording, sample_hz, "CPU samples per second and CPU"),
	STRING(struct recording, sample_source, "what triggers CPU samples: cpu-clock, cycles"),
	FLAG(struct recording, cut, "1 = it did not end by itself, or is still being written"),
	COLUMN("self_cpu_percent", struct recording, self.cpu_percent, COLUMN_REAL,
	       "cost of the recording, percent of one CPU"),
	COLUMN("self_bpf_percent", struct recording, self.bpf_percent, COLUMN_REAL,
	       "of it in BPF programs, percent of one CPU; below 0 = not measured"),
	COLUMN("self_rss_bytes", struct recording, self.rss_bytes, COLUMN_UINT,
	       "memory of the recorder, bytes"),
	COLUMN("self_map_bytes", struct recording, self.map_bytes, COLUMN_UINT,
	       "memory of its BPF maps, bytes"),
	}},
[TABLE_SLICES] = {
	"slices", "The window is cut in slices; every observation belongs to one.",
	ROWS(TABLE_CHANGING, slices), {
	UINT(struct slice, begin_ns, "ns since the window began"),
	UINT(struct slice, end_ns, "ns since the window began"),
	FLAG(struct slice, warmup, "1 = observed, but not part of the baseline"),
	}, slice_check},
[TABLE_CGROUPS] = {
	"cgroups", "Control groups of the processes.",
	ROWS(TABLE_CHANGING, cgroups), {
	COLUMN("kernfs_id", struct cgroup, id, COLUMN_BITS, "the kernel's id of the cgroup"),
	STRING(struct cgroup, path, "path below the mount point of its hierarchy"),
	STRING(struct cgroup, container, "\"podman:web\", \"containerd:shop/cart-0/redis\", \"unit:nginx.service\", empty = none"),
	}},
[TABLE_PROCESSES] = {
	"processes", "Processes seen in the window; pid and start_ns together tell them apart.",
	ROWS(TABLE_CHANGING, processes), {
	UINT(struct process, pid, "process id, in the host's pid namespace"),
	UINT(struct process, start_ns, "begin, ns since boot (CLOCK_BOOTTIME)"),
	UINT(struct process, parent, "pid of the parent"),
	STRING(struct process, comm, "name of the main thread"),
	STRING(struct process, exe, "path of the executable, empty = unknown"),
	BITS(struct process, exe_id, "hash of the executable's device and inode, 0 = unknown"),
	MAYBE(struct process, cgroup, TABLE_CGROUPS, "control group, NULL = unknown"),
	UINT(struct process, uid, "user id"),
	FLAG(struct process, kernel, "1 = a kernel thread"),
	FLAG(struct process, targeted, "1 = belongs to the target"),
	FLAG(struct process, exited, "1 = ended inside the window"),
	FLAG(struct process, born, "1 = began inside the window"),
	}},
[TABLE_THREADS] = {
	"threads", "Threads seen in the window; tid and start_ns together tell them apart.",
	ROWS(TABLE_CHANGING, threads), {
	UINT(struct thread, tid, "thread id, in the host's pid namespace"),
	UINT(struct thread, start_ns, "begin, ns since boot (CLOCK_BOOTTIME)"),
	REF(struct thread, process, TABLE_PROCESSES, "process it belongs to"),
	STRING(struct thread, comm, "name"),
	UINT(struct thread, policy, "scheduling policy, SCHED_* of sched(7)"),
	COLUMN("nice", struct thread, nice, COLUMN_INT, "nice value, -20 … 19"),
	UINT(struct thread, realtime_priority, "1 … 99, 0 = none"),
	UINT(struct thread, cpus_allowed, "number of CPUs it may run on"),
	COLUMN("cpu_mask_0", struct thread, cpu_mask[0], COLUMN_BITS, "which of CPUs 0 … 63, a bit each"),
	COLUMN("cpu_mask_1", struct thread, cpu_mask[1], COLUMN_BITS, "which of CPUs 64 … 127"),
	COLUMN("cpu_mask_2", struct thread, cpu_mask[2], COLUMN_BITS, "which of CPUs 128 … 191"),
	COLUMN("cpu_mask_3", struct thread, cpu_mask[3], COLUMN_BITS, "which of CPUs 192 … 255"),
	}},
[TABLE_MODULES] = {
	"modules", "ELF files that code ran from; the build-id tells them apart where there is one.",
	ROWS(TABLE_CHANGING, modules), {
	STRING(struct module, path, "path, for show; \"[kernel]\", \"[vdso]\""),
	STRING(struct module, build_id, "build-id in hex digits, empty = unknown"),
	}},
[TABLE_FRAMES] = {
	"frames", "Places in code. The same code in a hundred processes is one frame.",
	ROWS(TABLE_CHANGING, frames), {
	MAYBE(struct frame, module, TABLE_MODULES, "module, NULL = an address in no known mapping"),
	BITS(struct frame, offset, "byte in the file; in the symbol for kernel code; the address without a module"),
	STRING(struct frame, function, "function, empty = no name"),
	STRING(struct frame, file, "source file, empty = unknown"),
	UINT(struct frame, line, "source line, 0 = unknown"),
	BITS(struct frame, begin, "user code without a name: byte in the file at which its function begins, by the unwind table; 0 = unknown"),
	ENUM(struct frame, kind, FRAME_INTERPRETED + 1, "kind of code (words: frame)"),
	FLAG(struct frame, named, "1 = a name was looked up"),
	FLAG(struct frame, pause, "1 = the code spins here: a CPU pause instruction"),
	ENUM(struct frame, inlined, FRAME_INLINED_MAX + 1,
	     "n = the n-th function that the compiler inlined here, 0 = the function itself"),
	}},
[TABLE_STACK_FRAMES] = {
	"stack_frames", "The frames of all stacks, one stack behind the other.",
	ROWS(TABLE_APPENDED, stack_frames), {
	{.name = "frame", .what = "frame", .kind = COLUMN_REF, .target = TABLE_FRAMES,
	 .size = sizeof(uint32_t)},
	}},
[TABLE_STACKS] = {
	"stacks", "Call stacks: rows first … first + len - 1 of stack_frames, leaf first.",
	ROWS(TABLE_CHANGING, stacks), {
	UINT(struct stack, first, "row of its leaf in stack_frames"),
	UINT(struct stack, len, "number of frames; kernel frames come before user frames"),
	UINT(struct stack, kernel_len, "how many of them are the kernel's"),
	ENUM(struct stack, user_end, STACK_END_COUNT, "why the user part ends (words: stack_end)"),
	}, stack_check},
[TABLE_LISTENERS] = {
	"listeners", "Listening sockets: the servers found on the host.",
	ROWS(TABLE_CHANGING, listeners), {
	REF(struct listener, process, TABLE_PROCESSES, "process that listens"),
	UINT(struct listener, family, "address family: 1 = Unix, 2 = IPv4, 10 = IPv6"),
	UINT(struct listener, port, "TCP port, 0 for a Unix socket"),
	STRING(struct listener, address, "address, or the path of a Unix socket"),
	}},
[TABLE_SAMPLES] = {
	"samples", "Profiles, added up by slice, kind, thread and stack.",
	ROWS(TABLE_APPENDED, samples), {
	SLICE(struct sample), THREAD(struct sample),
	REF(struct sample, stack, TABLE_STACKS, "call stack; an empty one where none was taken"),
	ENUM(struct sample, kind, SAMPLE_KINDS, "profile (words: sample)"),
	UINT(struct sample, count, "events, or samples taken"),
	UINT(struct sample, weight, "ns (cpu, offcpu, idle, wakeup, lock), bytes (alloc, free, block, fs, net) or a count (fault, syscall)"),
	}},
[TABLE_LEDGER] = {
	"ledger", "Wall time of each thread by state; the rows of a thread sum to the time it existed.",
	ROWS(TABLE_APPENDED, ledger), {
	SLICE(struct ledger_row), THREAD(struct ledger_row),
	ENUM(struct ledger_row, state, STATE_COUNT, "state (words: state)"),
	UINT(struct ledger_row, ns, "ns spent in it"),
	}},
[TABLE_EDGES] = {
	"edges", "Who kept a thread waiting, and who ended its waits.",
	ROWS(TABLE_APPENDED, edges), {
	SLICE(struct edge), REF(struct edge, thread, TABLE_THREADS, "thread that waited"),
	MAYBE(struct edge, party, TABLE_PROCESSES, "the other process, NULL = an interrupt or not told apart"),
	ENUM(struct edge, kind, EDGE_WAKER + 1, "its part (words: edge)"),
	UINT(struct edge, count, "number of intervals"),
	UINT(struct edge, ns, "ns the thread waited"),
	}},
[TABLE_HOLDS] = {
	"holds", "What the holders of mutexes did while others waited for them.",
	ROWS(TABLE_APPENDED, holds), {
	SLICE(struct hold), REF(struct hold, thread, TABLE_THREADS, "thread that waited"),
	REF(struct hold, holder, TABLE_PROCESSES, "process whose thread let the mutex go"),
	ENUM(struct hold, state, STATE_COUNT, "what that thread did meanwhile (words: state)"),
	UINT(struct hold, ns, "ns of the wait"),
	}},
[TABLE_WAITS] = {
	"waits", "Single blocked intervals above the threshold.",
	ROWS(TABLE_APPENDED, waits), {
	SLICE(struct wait), REF(struct wait, thread, TABLE_THREADS, "thread that waited"),
	REF(struct wait, stack, TABLE_STACKS, "where it waited; an empty one where none was taken"),
	MAYBE(struct wait, waker, TABLE_THREADS, "thread that ended it, NULL = an interrupt or unknown"),
	MAYBE(struct wait, waker_stack, TABLE_STACKS, "whence that thread ended it, NULL = not known"),
	ENUM(struct wait, state, STATE_COUNT, "what for (words: state)"),
	COLUMN("syscall", struct wait, syscall, COLUMN_INT, "system call number, -1 = none"),
	COLUMN("ended_by", struct wait, end, COLUMN_UINT, "what ended it (words: wait_end)",
	       .limit = WAIT_ENDS),
	UINT(struct wait, end_number, "which interrupt, or which softirq (its vector); else 0"),
	FLAG(struct wait, lock, "1 = for a mutex that another thread held"),
	UINT(struct wait, begin_ns, "ns since the window began"),
	UINT(struct wait, end_ns, "ns since the window began"),
	}, wait_check},
[TABLE_DELAYS] = {
	"delays", "Single waits for a CPU above the threshold; where they were many, some stand for all.",
	ROWS(TABLE_APPENDED, delays), {
	SLICE(struct delay), REF(struct delay, thread, TABLE_THREADS, "thread that waited"),
	ENUM(struct delay, state, STATE_COUNT, "woken, preempted or throttled (words: state)"),
	UINT(struct delay, cpu, "CPU that it got"),
	UINT(struct delay, begin_ns, "ns since the window began"),
	UINT(struct delay, end_ns, "ns since the window began"),
	UINT(struct delay, weight_ns, "ns of such waiting that it stands for"),
	UINT(struct delay, seen_ns, "ns, the last part of it: of which it is known who had that CPU"),
	}, delay_check},
[TABLE_OCCUPANTS] = {
	"occupants", "Who had the CPU that a thread waited for.",
	ROWS(TABLE_APPENDED, occupants), {
	REF(struct occupant, delay, TABLE_DELAYS, "the wait"),
	REF(struct occupant, thread, TABLE_THREADS, "thread that had the CPU"),
	UINT(struct occupant, ns, "ns of the seen part"),
	}},
[TABLE_EXCERPTS] = {
	"excerpts", "Short parts of the window in which every switch and wakeup was recorded.",
	ROWS(TABLE_CHANGING, excerpts), {
	UINT(struct excerpt, begin_ns, "ns since the window began"),
	UINT(struct excerpt, end_ns, "ns since the window began; begin_ns = it was not completed"),
	}, excerpt_check},
[TABLE_EVENTS] = {
	"events", "The schedule in the excerpts: switches and wakeups.",
	ROWS(TABLE_APPENDED, events), {
	UINT(struct event, time_ns, "ns since the window began"),
	REF(struct event, excerpt, TABLE_EXCERPTS, "excerpt it belongs to"),
	MAYBE(struct event, thread, TABLE_THREADS, "who runs, leaves the CPU or is woken; NULL = idle"),
	MAYBE(struct event, other, TABLE_THREADS, "who gets the CPU, NULL = idle; who woke it, NULL = an interrupt"),
	UINT(struct event, sched_group, "number of the scheduling group of who gets the CPU or is woken"),
	UINT(struct event, cpu, "CPU it happened on"),
	ENUM(struct event, kind, EVENT_KINDS, "what happened (words: event)"),
	ENUM(struct event, state, STATE_COUNT, "state of the thread from then on, of a woken one until then (words: state)"),
	FLAG(struct event, lock, "1 = it waits for a mutex that another thread holds"),
	FLAG(struct event, yielded, "1 = it gave the CPU away by sched_yield()"),
	}},
[TABLE_COUNTS] = {
	"counts", "Counters of the probe families by slice.",
	ROWS(TABLE_APPENDED, counts), {
	SLICE(struct count), STRING(struct count, metric, "what is counted: \"syscall.count\", …"),
	MAYBE(struct count, process, TABLE_PROCESSES, "process, NULL = the host"),
	STRING(struct count, label, "of what: a system call, a device, a peer, …"),
	UINT(struct count, value, "count in this slice, in the metric's unit"),
	}},
[TABLE_BUCKETS] = {
	"buckets", "Histograms by slice, one row a bucket.",
	ROWS(TABLE_APPENDED, buckets), {
	SLICE(struct bucket), STRING(struct bucket, metric, "what is measured: \"block.device_ns\", …"),
	MAYBE(struct bucket, process, TABLE_PROCESSES, "process, NULL = the host"),
	STRING(struct bucket, label, "of what: a device and operation, …"),
	ENUM(struct bucket, bucket, HIST_BUCKETS, "bucket number; v_buckets has its lower bound"),
	UINT(struct bucket, count, "values in it"),
	UINT(struct bucket, sum, "their exact sum, in the metric's unit"),
	}},
[TABLE_POINTS] = {
	"points", "Figures read from /proc, cgroupfs and PSI at the end of a slice.",
	ROWS(TABLE_APPENDED, points), {
	SLICE(struct point), STRING(struct point, metric, "what was read"),
	STRING(struct point, label, "of what: a device, a cgroup, …"),
	COLUMN("value", struct point, value, COLUMN_REAL, "value, in the metric's unit; NULL = not observed"),
	}},
[TABLE_FAMILIES] = {
	"families", "The probe families, and why one is missing.",
	ROWS(TABLE_CHANGING, families), {
	STRING(struct family_state, name, "name of the family"),
	STRING(struct family_state, why, "what is missing and why, empty = nothing"),
	ENUM(struct family_state, status, FAMILY_SKIPPED + 1, "state (words: family)"),
	}},
[TABLE_LOSSES] = {
	"losses", "What could not be recorded.",
	ROWS(TABLE_CHANGING, losses), {
	STRING(struct loss, reason, "why it was lost"),
	FLAG(struct loss, sample, "1 = samples, 0 = events"),
	UINT(struct loss, count, "how many"),
	}},
};
/* clang-format on */

const char *column_type(const struct column *column)
{
	switch (column->kind) {
	case COLUMN_REAL:
		return "REAL";
	case COLUMN_TEXT:
		return "TEXT";
	default:
		return "INTEGER";
	}
}

bool column_nullable(const struct column *column)
{
	return column->kind == COLUMN_REAL || column->kind == COLUMN_MAYBE;
}

/* Statements fit by far: the names are ours. A test makes them all. */
struct sql {
	char *at;
	size_t size, len;
};

static void sql_add(struct sql *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void sql_add(struct sql *sql, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(sql->at + sql->len, sql->size - sql->len, format, args);
	va_end(args);
	if (n > 0)
		sql->len = sql->len + n < sql->size ? sql->len + n : sql->size - 1;
}

void table_create_sql(const struct table *table, char *at, size_t size)
{
	struct sql sql = {at, size, 0};

	sql_add(&sql, "CREATE TABLE %s( -- %s\n id INTEGER PRIMARY KEY", table->name, table->what);
	for (const struct column *column = table->columns; column->name; column++) {
		const char *what = column == table->columns ? "position, from 0" : column[-1].what;

		sql_add(&sql, ", -- %s\n %s %s%s", what, column->name, column_type(column),
			column_nullable(column) ? "" : " NOT NULL");
		if (column->kind >= COLUMN_STRING)
			sql_add(&sql, " REFERENCES %s", schema_tables[column->target].name);
		if (!column[1].name)
			sql_add(&sql, " -- %s\n)", column->what);
	}
}

void table_insert_sql(const struct table *table, char *at, size_t size)
{
	struct sql sql = {at, size, 0};

	/* Without a look for an older row, SQLite puts a row with the highest id at the end. */
	sql_add(&sql, "INSERT%s INTO %s VALUES(?",
		table->growth == TABLE_APPENDED ? "" : " OR REPLACE", table->name);
	for (const struct column *column = table->columns; column->name; column++)
		sql_add(&sql, ",?");
	sql_add(&sql, ")");
}

void table_select_sql(const struct table *table, char *at, size_t size)
{
	struct sql sql = {at, size, 0};

	sql_add(&sql, "SELECT id");
	for (const struct column *column = table->columns; column->name; column++)
		sql_add(&sql, ",%s", column->name);
	sql_add(&sql, " FROM %s NOT INDEXED ORDER BY id", table->name);
}
