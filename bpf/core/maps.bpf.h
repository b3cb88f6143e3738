/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps that all families share, defined in core.bpf.c, and the pattern for a family's own.
 */
#ifndef STRAIT_MAPS_BPF_H
#define STRAIT_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "wire.h"

/* Set by user space before loading. */
extern const volatile __u64 wait_threshold_ns;
extern const volatile __u32 target_kind;
extern const volatile __u64 target_cgroup;
extern const volatile bool has_task_storage;
extern const volatile bool stolen_time;
extern const volatile __u8 syscall_class[WIRE_SYSCALLS];
extern const volatile __u32 own_tgid;
extern const volatile __u32 own_waiter; /* own_tgid where there is none */
extern const volatile __u32 own_reader; /* the same */
extern const volatile __u32 own_namer;
extern const volatile __u32 own_keeper;

/* Which of a pair of generation maps the programs write: the lowest bit. User space flips it. */
extern __u32 generation;

/*
 * When all ledgers are cut, so that they are read as of one moment: the end of a slice. User space
 * sets it shortly before it comes (user/capture/cut.h); 0 = there was none yet.
 */
extern __u64 cut_ns;

/*
 * The programs at system calls can cost more than all others together: the budget decides for how
 * much of the time they are attached (user/capture/budget.c). While they are, the number of that
 * stretch of time, from 1; else 0.
 */
extern __u32 calls_on;
/*
 * When that stretch ends, 0 = user space ends it: what is counted stands for time by a weight that
 * was chosen for its length, and user space may be late, or stopped.
 */
extern __u64 calls_until;
/* What is counted or sampled of a call in this stretch stands for so much, 1 / WIRE_CALL_WEIGHT. */
extern __u32 calls_weight;
/* The same of messages, 0 = they are not observed: where they are many, calls are too. */
extern __u32 messages_weight;

/* For how much time a CPU sample stands: the period of the timers, which the budget decides:
 * likewise. */
extern __u64 sample_weight_ns;

/* Known places of waits are seldom walked again: switches cost more than they may: likewise. */
extern bool context_rarely;

/*
 * Frames of a program at a switch or wakeup that are not the kernel's way there: its own, and what
 * runs it (bpf_trace_runN), which calls from one place while programs are timed and from another
 * while they are not. Where the tracepoint has a second program, that of excerpts, the kernel goes
 * through one function more (__traceiter_NAME): user space says so (families/schedule.c).
 */
#define TRACEPOINT_FRAMES (2 + tracepoints_shared)
extern __u32 tracepoints_shared; /* 0 or 1 */

#define EVENTS_BYTES (16 << 20)

struct events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_BYTES);
};
extern struct events_map events SEC(".maps");

/*
 * How to hand on a record that may come in storms: the reader comes by every 50 ms, and is called
 * when there is much to read before.
 */
static __always_inline __u64 events_wakeup(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > EVENTS_BYTES / 32
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

/* Calls the reader without a record. */
static __always_inline void events_call(void)
{
	void *nothing = bpf_ringbuf_reserve(&events, sizeof(__u64), 0);

	if (nothing)
		bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* Ledgers: task storage where tracing programs may use it (5.11), else a hash by tid. */
struct ledger_storage_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct wire_ledger);
};
extern struct ledger_storage_map ledger_storage SEC(".maps");

struct ledger_hash_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct wire_ledger);
};
extern struct ledger_hash_map ledger_hash SEC(".maps");

/* What a CPU is doing. Written by that CPU only. */
struct cpu_state {
	struct wire_cpu told;           /* what user space reads; first */
	__u32 in_hard;                  /* a hard interrupt runs */
	__u32 hard_end_as, hard_number; /* which: enum wait_end, what tells it from others */
	__u32 soft_vector;              /* of the softirq that runs */
	__u32 soft_foreign;         /* a softirq runs that is not the current thread's own doing */
	__u64 irq_begin, irq_total; /* outermost interrupts, hard and foreign soft together */
	__u32 soft_foreign_last;    /* the last one was */
	__u64 hard_begin, hard_end, soft_begin, soft_end;
	__u32 run_at; /* next slot of run[] */
	struct {
		__u32 tid, tgid;
		__u64 begin, end;
	} run[WIRE_RUNS]; /* the last runs on this CPU: whom a waiting thread waited for */
	struct wire_party charged[WIRE_PARTIES]; /* where culprits_charge() works */
	__u64 waits_second;                      /* rate limit of single waits */
	__u32 waits_sent, polls_sent;
	__u64 calls_told; /* when user space was last told that calls are many */
	/* What waker_find() found: the current thread's user stack, or else a key for it. */
	__u64 waker_stack, waker_key;
	__u32 contexts; /* looked up in the context cache */
	__u64 woken;    /* who was woken here last, and whose ledger says so already */
	/* What it waited for until this call, state and CONTEXT_LOCK; 0 = it did not. */
	__u32 woken_from;
	/* What holder_sum() found. */
	bool held_by_owner;
	__u32 held_us[STATE_COUNT];
	/* The last wakeup made here: by whom (tgid << 32 | tid, 0 = an interrupt), when, what
	 * tells the act, 0 = not looked at, and of which thread. */
	__u64 wake_by, wake_time, wake_act;
	__u32 wake_whom;
	/* Of the two threads of a switch: how the one blocks (enum blocks_as), and how long the
	 * other one waited that was woken on its way off its CPU, ns. */
	__u32 blocks_as;
	__u64 early_waited;
	/*
	 * Long waits for this CPU: in delay_second so many were sent of delay_ns. Shorter ones than
	 * delay_step are thinned, 0 = none; what no sent one stands for yet is delay_debt, and one
	 * will at delay_due.
	 */
	__u64 delay_second, delay_ns, delay_step, delay_debt, delay_due;
	__u32 delays_sent;
};

struct cpus_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
};
extern struct cpus_map cpus SEC(".maps");

struct dropped_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_COUNT);
	__type(key, __u32);
	__type(value, __u64);
};
extern struct dropped_map dropped SEC(".maps");

/* Thread groups that are watched when the target is a set of processes or a command. */
struct target_pids_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
};
extern struct target_pids_map target_pids SEC(".maps");

static __always_inline struct cpu_state *cpu_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cpus, &zero);
}

static __always_inline void drop_count(enum drop_reason reason)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&dropped, &key);

	/* An interrupt may come in between. */
	if (count)
		__sync_fetch_and_add(count, 1);
}

/*
 * A family's counters: a pair of hash maps. The programs fill the one that `generation` names;
 * user space drains the other. Use generation_add() to reach a value, and never in NMI or
 * scheduler context: it may insert.
 */
#define GENERATION_MAPS(name, key_type, value_type, entries)                                       \
	struct name##_map {                                                                        \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	};                                                                                         \
	struct name##_map name##_0 SEC(".maps");                                                   \
	struct name##_map name##_1 SEC(".maps")

static __always_inline void *map_find_or_add(void *map, const void *key, const void *zero,
					     enum drop_reason full)
{
	void *value = bpf_map_lookup_elem(map, key);

	if (value)
		return value;
	bpf_map_update_elem(map, key, zero, BPF_NOEXIST);
	value = bpf_map_lookup_elem(map, key);
	if (!value)
		drop_count(full);
	return value;
}

/* The current generation's value of a key, made from *zero if it is new; NULL when full. */
#define generation_add(name, key, zero, full)                                                      \
	(generation & 1 ? map_find_or_add(&name##_1, key, zero, full)                              \
			: map_find_or_add(&name##_0, key, zero, full))

#endif
