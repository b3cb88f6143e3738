/* SPDX-License-Identifier: BSD-2-Clause */
/* The words for the recording's enums: what outputs show, and what recording files hold. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/recording.h"

#define NAME(table, value)                                                                         \
	((size_t)(value) < sizeof(table) / sizeof(*(table)) && (table)[value] ? (table)[value]     \
									      : "unknown")

const char *state_name(enum thread_state state)
{
	static const char *const names[STATE_COUNT] = {
		[STATE_RUN_USER] = "running user code",
		[STATE_RUN_KERNEL] = "running kernel code",
		[STATE_RUN_IRQ] = "interrupted",
		[STATE_RUN_STOLEN] = "taken by the hypervisor",
		[STATE_READY_WOKEN] = "waiting for CPU",
		[STATE_READY_PREEMPTED] = "preempted",
		[STATE_READY_THROTTLED] = "throttled",
		[STATE_WAIT_DISK_READ] = "disk read",
		[STATE_WAIT_DISK_WRITE] = "disk write",
		[STATE_WAIT_FAULT] = "page fault",
		[STATE_WAIT_RECLAIM] = "memory reclaim",
		[STATE_WAIT_LOCK_USER] = "user lock",
		[STATE_WAIT_LOCK_KERNEL] = "kernel lock",
		[STATE_WAIT_LOCAL] = "local peer",
		[STATE_WAIT_REMOTE] = "remote peer",
		[STATE_WAIT_TIMER] = "timer",
		[STATE_WAIT_POLL] = "poll or accept",
		[STATE_WAIT_OTHER] = "other wait",
	};

	return NAME(names, state);
}

const char *sample_kind_name(enum sample_kind kind)
{
	static const char *const names[SAMPLE_KINDS] = {
		[SAMPLE_CPU] = "cpu",     [SAMPLE_OFFCPU] = "offcpu",   [SAMPLE_WAKEUP] = "wakeup",
		[SAMPLE_ALLOC] = "alloc", [SAMPLE_FREE] = "free",       [SAMPLE_FAULT] = "fault",
		[SAMPLE_BLOCK] = "block", [SAMPLE_FS] = "fs",           [SAMPLE_NET] = "net",
		[SAMPLE_LOCK] = "lock",   [SAMPLE_SYSCALL] = "syscall", [SAMPLE_IDLE] = "idle",
	};

	return NAME(names, kind);
}

const char *sample_kind_unit(enum sample_kind kind)
{
	switch (kind) {
	case SAMPLE_FAULT:
	case SAMPLE_SYSCALL:
		return "count";
	case SAMPLE_ALLOC:
	case SAMPLE_FREE:
	case SAMPLE_BLOCK:
	case SAMPLE_FS:
	case SAMPLE_NET:
		return "bytes";
	default:
		return "ns";
	}
}

const char *edge_kind_name(enum edge_kind kind)
{
	static const char *const names[] = {
		[EDGE_CULPRIT] = "culprit",
		[EDGE_WAKER] = "waker",
	};

	return NAME(names, kind);
}

const char *event_kind_name(enum event_kind kind)
{
	static const char *const names[] = {
		[EVENT_RUNS] = "runs",
		[EVENT_SWITCH] = "switch",
		[EVENT_WAKE] = "wake",
	};

	return NAME(names, kind);
}

const char *wait_end_name(enum wait_end end)
{
	static const char *const names[WAIT_ENDS] = {
		[WAIT_END_UNKNOWN] = "unknown", [WAIT_END_THREAD] = "thread",
		[WAIT_END_IRQ] = "interrupt",   [WAIT_END_TIMER] = "timer",
		[WAIT_END_CALL] = "call",       [WAIT_END_SOFTIRQ] = "softirq",
	};

	return NAME(names, end);
}

const char *frame_kind_name(enum frame_kind kind)
{
	static const char *const names[] = {
		[FRAME_USER] = "user",
		[FRAME_KERNEL] = "kernel",
		[FRAME_INTERPRETED] = "interpreted",
	};

	return NAME(names, kind);
}

const char *stack_end_name(enum stack_end end)
{
	static const char *const names[STACK_END_COUNT] = {
		[STACK_COMPLETE] = "complete", [STACK_TRUNCATED] = "truncated",
		[STACK_NO_TABLE] = "no_table", [STACK_UNREADABLE] = "unreadable",
		[STACK_LOST] = "lost",         [STACK_NO_RULE] = "no_rule",
		[STACK_LOOP] = "loop",
	};

	return NAME(names, end);
}

const char *family_status_name(enum family_status st)
{
	static const char *const names[] = {
		[FAMILY_OK] = "ok",
		[FAMILY_PARTIAL] = "partial",
		[FAMILY_SKIPPED] = "skipped",
	};

	return NAME(names, st);
}

const char *target_kind_name(enum target_kind kind)
{
	static const char *const names[] = {
		[TARGET_HOST] = "host",       [TARGET_PID] = "pid",
		[TARGET_CGROUP] = "cgroup",   [TARGET_CONTAINER] = "container",
		[TARGET_COMMAND] = "command", [TARGET_TID] = "tid",
	};

	return NAME(names, kind);
}

char *process_name(const struct recording *rec, uint32_t comm, uint32_t container)
{
	const char *name = string_get(rec, comm), *in = string_get(rec, container);
	char *text;

	name = *name ? name : "[unknown]";
	if (asprintf(&text, "%s%s%s%s", name, *in ? " (" : "", in, *in ? ")" : "") < 0) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	return text;
}

char *code_name(const char *module, uint64_t offset)
{
	const char *slash = strrchr(module, '/');
	char *text;

	if (asprintf(&text, "%s+0x%" PRIx64, slash ? slash + 1 : module, offset) < 0) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	return text;
}

const char *softirq_name(uint32_t vector)
{
	/* In the order of the kernel's numbers (include/linux/interrupt.h), unchanged since 4.x. */
	static const char *const names[] = {
		"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
		"IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU",
	};

	return vector < sizeof(names) / sizeof(*names) ? names[vector] : NULL;
}
