/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire between the BPF programs and user space: ring-buffer records and iterator records;
 * counts.h has the maps that count. Plain structs, no logic. Times are nanoseconds of
 * CLOCK_MONOTONIC, except start times of tasks, which are CLOCK_BOOTTIME (as /proc/PID/stat).
 *
 * The names __u8 … __s64 come from vmlinux.h on the BPF side, from linux/types.h in user space.
 */
#ifndef STRAIT_WIRE_H
#define STRAIT_WIRE_H

#ifndef __bpf__
#include <linux/types.h>
#endif
#include "counts.h"
#include "drops.h"
#include "states.h"

#define WIRE_FRAMES 127 /* sysctl kernel.perf_event_max_stack's default */
/* Frames of a user stack; deeper ones are cut at the root's end, and say so. */
#define WIRE_USER_FRAMES 256
#define WIRE_CPUS        256 /* CPUs named in an affinity mask; more exist, but are not told apart */

/* What is watched (.rodata target_kind). */
enum target_test {
	TARGET_TEST_ALL,    /* the whole host */
	TARGET_TEST_PIDS,   /* thread groups in target_pids, and their children */
	TARGET_TEST_CGROUP, /* a cgroup and everything below it */
	TARGET_TEST_TIDS,   /* threads in target_pids, and what they start */
};

/* ---- ring buffer: every record begins with this header ---- */

enum wire_kind {
	WIRE_STACK = 1,    /* struct wire_stack: the frames of a stack id, at first sight */
	WIRE_USER_STACK,   /* struct wire_user_stack: likewise */
	WIRE_FILE,         /* struct wire_file: a file whose code runs, or is about to */
	WIRE_CPU_SAMPLE,   /* struct wire_sample */
	WIRE_FAULT_SAMPLE, /* struct wire_sample: weight = page faults it stands for */
	WIRE_BLOCK_SAMPLE, /* struct wire_sample: weight = bytes of disk requests it stands for */
	WIRE_NET_SAMPLE,   /* struct wire_sample: weight = bytes sent and received it stands for */
	WIRE_CALL_SAMPLE,  /* struct wire_sample: weight = system calls it stands for */
	WIRE_WAIT,         /* struct wire_wait */
	WIRE_WAKER,        /* struct wire_waker: whence waits that were told of were ended */
	WIRE_DELAY,        /* struct wire_delay */
	WIRE_CONTEXT,      /* struct wire_context_sum: waits of a context that left the cache */
	WIRE_FORK,         /* struct wire_life: a new thread or process */
	WIRE_EXEC,         /* struct wire_exec: same process, new image */
	WIRE_EXIT,         /* struct wire_exit: a thread's last ledger */
	WIRE_OOM,          /* struct wire_life: the kernel's OOM killer chose this process */
	WIRE_SCHEDULE,     /* struct wire_schedule: a switch or wakeup inside an excerpt */
	WIRE_ALLOC_SAMPLE, /* struct wire_sample: weight = bytes of allocations it stands for */
};

struct wire_header {
	__u32 kind; /* enum wire_kind */
	__u32 cpu;
	__u64 time_ns;
	__u32 tid;
	__u32 tgid;
};

/* Stack ids are hashes of the frames: equal ids mean equal stacks. 0 means "no stack". */
struct wire_stack {
	struct wire_header header;
	__u64 id;
	__u32 pad;
	__u32 frames; /* used entries of address[]; the record is cut behind them */
	__u64 address[WIRE_FRAMES];
};

/*
 * Where the code of a user frame is. The same code is the same frame in every process. A return
 * address is told as the address before it: the call itself.
 */
struct wire_frame {
	__u64 file;   /* WIRE_FILE_* */
	__u64 offset; /* in the file; where there is none, the address */
};
#define WIRE_FILE_NONE      0ULL         /* no mapping there */
#define WIRE_FILE_VDSO      1ULL         /* the kernel's own, offset from its begin */
#define WIRE_FILE_ANONYMOUS (1ULL << 32) /* | tgid: generated code of that process */
#define WIRE_FILE_INODE     (1ULL << 63) /* | a hash of device, inode, generation and size */

/* Why a user stack ended. */
enum wire_stack_end {
	WIRE_END_ROOT,       /* complete */
	WIRE_END_TRUNCATED,  /* more than WIRE_USER_FRAMES */
	WIRE_END_NO_TABLE,   /* the table of a file was not loaded (yet), frame pointers led nowhere
			      */
	WIRE_END_NO_RULE,    /* code that no table describes, frame pointers led nowhere */
	WIRE_END_UNREADABLE, /* user memory could not be read */
	WIRE_END_LOOP,       /* the next frame would not be above this one: nonsense */
};

struct wire_user_stack {
	struct wire_header header; /* of the first thread seen with it */
	__u64 id;
	__u32 end; /* enum wire_stack_end */
	__u32 frames;
	struct wire_frame frame[WIRE_USER_FRAMES]; /* leaf first; cut behind `frames` */
};

#define WIRE_NAMES      24 /* parts of a path */
#define WIRE_PATH_BYTES 1024

/* A file that a process has mapped to run; sent once, again when that may have been lost. */
struct wire_file {
	struct wire_header header; /* of a thread that maps it */
	__u64 file;                /* WIRE_FILE_INODE | … */
	__u64 start, end;          /* the mapping seen, 0 = it was about to be made */
	__u64 offset;              /* of the mapping in the file, bytes */
	__u64 inode, size;
	__u32 device; /* as the kernel keeps it: major << 20 | minor */
	__u32 generation;
	__u32 names; /* in path[] */
	__u32 pad;
	/* Names from the file's own up to the root of its file system, each with its NUL. */
	char path[WIRE_PATH_BYTES];
};

/* One sample of the profilers that fire at a fixed rate. */
struct wire_sample {
	struct wire_header header;
	__u64 kernel_stack, user_stack; /* ids, 0 = none */
	__u64 weight;                   /* ns of CPU time, faults, bytes, or calls */
};

/* One blocked interval longer than the threshold (.rodata wait_threshold_ns). */
struct wire_wait {
	struct wire_header header; /* the thread that waited; time_ns = end of the wait */
	__u64 begin_ns;
	__u64 kernel_stack, user_stack;
	__u32 state; /* enum thread_state, STATE_WAIT_* */
	__u32 waker; /* tid that ended it, 0 = an interrupt or unknown */
	__u32 waker_tgid;
	__s32 syscall; /* number, -1 = none */
	/*
	 * Whence the waker ended it. Its user stack is here if the context cache had it; else a
	 * struct wire_waker with this key follows, unless the thread leaves that place unseen.
	 */
	__u64 waker_kernel_stack, waker_user_stack, waker_key;
	__u32 end_number;
	__u16 end;  /* enum wait_end */
	__u16 lock; /* it was for a mutex that another thread held */
};

/* The user stack of a thread that ended waits: of those that named this key. */
struct wire_waker {
	struct wire_header header; /* the waker */
	__u64 key, user_stack;
};

#define WIRE_RUNS 8 /* a power of two */

/*
 * One wait for a CPU that was longer than the threshold. Where they are many not all are told;
 * those that are stand for the others.
 */
struct wire_delay {
	struct wire_header header; /* the thread that waited, and the CPU it got at time_ns */
	__u64 begin_ns;
	__u64 weight_ns; /* of such waiting, that it stands for */
	__u64 seen_ns;   /* the last part of it, of which it is known who had that CPU */
	__u32 state;     /* enum thread_state, STATE_READY_* */
	__u32 pad;
	struct {
		__u32 tid, tgid;
		__u64 ns; /* 0 = none */
	} run[WIRE_RUNS]; /* who had it, the last one first */
};

/*
 * The context cache: an array that user space maps. What one thread waited in one place: the time
 * and the number of its waits since user space last took them. Both sides take by subtracting what
 * they read, so that nothing is lost or counted twice.
 */
struct wire_context {
	/* The key of the context ^ the other fields of its identity: 0 = free. A slot that two CPUs
	 * wrote at once has the check of neither. */
	__u64 check;
	__u64 kernel_stack, user_stack;
	__u32 tid, tgid;
	__u32 what;        /* enum thread_state, STATE_WAIT_*, | CONTEXT_* */
	__u16 provisional; /* a table was missing when it was walked, and may come */
	__u16 doubtful;    /* two stacks have this key: see struct context_doubt */
	__s64 count;
	__s64 ns;
	__u64 pad; /* a cache line */
};
#define WIRE_CONTEXTS 32768
#define CONTEXT_LOCK  0x40u /* a mutex that another thread held */
#define CONTEXT_WAKER 0x80u /* not the place of a wait, but whence waits were ended */
#define CONTEXT_STATE 0x3fu /* the bits of the state */

_Static_assert(sizeof(struct wire_context) == 64, "a cache line");

/* What a context held when another one took its place, or a wait whose context was gone. */
struct wire_context_sum {
	struct wire_header header; /* the thread that waited */
	__u64 kernel_stack, user_stack;
	__u64 count, ns;
	__u32 what, pad;
};

/* How the cache did, since the programs were loaded. */
struct wire_context_stats {
	__u64 walks;  /* contexts that were not in it: their stacks were walked */
	__u64 checks; /* contexts that were, and were walked all the same */
	__u64 wrong;  /* of these: the stack, or what was waited for, was another one */
	__u64 polls;  /* long waits in poll that were not told: too many */
};

/* ---- excerpts of the schedule ---- */

enum schedule_what {
	SCHEDULE_RUNS,   /* the thread has the CPU, at the begin or the end of the excerpt */
	SCHEDULE_SWITCH, /* the thread leaves the CPU to `other` */
	SCHEDULE_WAKE,   /* the thread is woken by `other` */
	SCHEDULE_KINDS,
};

/* tid 0 = the idle thread. */
struct wire_schedule {
	struct wire_header header;
	__u32 other, other_tgid; /* of a wakeup: 0 = an interrupt */
	__u64 group; /* of `other` at a switch, else of the thread: its scheduling group */
	__u32 excerpt;
	__u8 what;  /* enum schedule_what */
	__u8 state; /* of the thread, from now on or until now: enum thread_state */
	__u8 flags; /* SCHEDULE_* */
	__u8 pad;
};
#define SCHEDULE_LOCK  1u /* it waits for a mutex that another holds */
#define SCHEDULE_YIELD 2u /* it gave the CPU away by sched_yield() */

/* How far a CPU got in its part of an excerpt. */
struct wire_schedule_cpu {
	__u32 excerpt, told;
	__u64 cut_ns; /* from here on something is missing, 0 = nothing is */
};

/* Who a thread is. */
struct wire_identity {
	__u32 tid, tgid;
	__u64 start_ns;         /* of the thread */
	__u64 process_start_ns; /* of its thread group leader */
	__u32 parent;           /* tgid of the parent */
	__u32 flags;            /* WIRE_LIFE_* */
	/*
	 * kernfs id in the hierarchy that says most (v2 unless it is the root there), the number of
	 * the hierarchy in the top byte.
	 */
	__u64 cgroup;
	__u64 exe_inode; /* of the executable, 0 = none */
	__u32 exe_device;
	__u32 uid;
	__u64 minor_faults, major_faults; /* of the thread, up to now */
	__u64 user_ns, kernel_ns;         /* that it ran, up to now, as far as ticks saw it */
	char comm[WIRE_COMM];
};

struct wire_life {
	struct wire_header header;
	struct wire_identity who;
};
#define WIRE_LIFE_KTHREAD 1u

struct wire_exec {
	struct wire_header header;
	struct wire_identity who;
	__u64 exe; /* WIRE_FILE_INODE | … of the executable, told of before; 0 = not told */
};

/* ---- the thread ledger: task storage, read through the task iterator ---- */

#define WIRE_PARTIES 8 /* a power of two */
#define WIRE_HOLDERS 2

/* Another process that took part in this thread's waits. tgid 0 = free slot. */
struct wire_party {
	__u32 tgid, count;
	__u64 ns;
};

/*
 * A process (0 = free slot) whose threads ended waits for mutexes of this thread: `owners` of them
 * by the thread that had it when the wait began; and what they did meanwhile, us by state.
 */
struct wire_holder {
	__u32 tgid, waits, owners;
	__u32 us[STATE_COUNT];
};

/* Waits in one place that are over, and not in the place's slot (struct wire_context): its key. */
struct wire_collected {
	__u64 context, kernel_stack, user_stack, ns;
	__u32 what, count;
};

/* Of one slice: the last waits, who had the CPU while this thread was READY_*, who ended its
 * STATE_WAIT_*, who held its mutexes (the last ones). What did not fit is in *_other_ns. */
struct wire_parties {
	__u32 slice; /* `generation` + 1 when it was last written, 0 = never */
	__u32 pad;
	struct wire_collected waits;
	struct wire_party culprit[WIRE_PARTIES];
	struct wire_party waker[WIRE_PARTIES];
	struct wire_holder holder[WIRE_HOLDERS];
	__u64 culprit_other_ns, waker_other_ns;
};

/* Where a thread waits: the key of the context (context.bpf.h), 0 = none, and what it says. */
struct wire_waiting {
	__u64 context, kernel_stack, user_stack;
	__u32 what;  /* as in struct wire_context */
	__u32 owner; /* who had the mutex then: a tid in its pid namespace, 0 = unknown */
	/* Where it waited last, if that is sure: the next wait there is the same (wait_repeats()).
	 */
	__u64 last_ip, last_sp, last_context; /* last_ip 0 = not sure */
	__s32 last_call, last_fd;
};

/* Where a thread has ended a long wait, until its user stack is walked; key 0 = nowhere. */
struct wire_waking {
	__u64 key, ip, sp;
};

/* A stretch in which a thread did not run, or a call that syncs. Of long ones the last 4 s. */
struct wire_pause {
	__u64 end;
	__u32 ns, what; /* what: enum thread_state, | CONTEXT_LOCK or PAUSE_CALL */
};
#define PAUSE_CALL  0x80u /* all of a system call: the pauses in it come before it */
#define WIRE_PAUSES 8     /* a power of two */

/* What a thread did of late, for those who wait for its mutexes (holder.bpf.h). */
struct wire_holding {
	__u32 released; /* waits for mutexes that it let go in the system call it is in */
	__u32 pause_at; /* next slot of pause[] */
	__u64 released_ns;
	__u64 last_release; /* when it last let one go that others waited for */
	struct wire_pause pause[WIRE_PAUSES];
};

/* What a thread did since it was first seen. */
struct wire_sums {
	/* Time in each state; last, running while no calls were observed: user or kernel code. */
	__u64 ns[STATE_COUNT + 1];
	/* Woken by one act right behind another thread: crowd; back to sleep at once: futile. */
	__u64 futile_ns; /* that it ran in these */
	__u32 crowd, futile, switches, preemptions, wakeups, migrations;
};

struct wire_ledger {
	__u32 seq;    /* odd while the record is being written */
	__u32 state;  /* enum thread_state since `since` */
	__u64 since;  /* when the current state began: `sum` is complete up to then */
	__u64 cut_ns; /* the cut (cut_ns in ledger.bpf.h) that at_cut is of, 0 = none yet */
	/* Apart from the flags, which the thread's own events change: the iterator may set it. */
	__u8 targeted; /* samples and counts are wanted for this thread */
	__u8 pad;
	__u16 flags;     /* LEDGER_* */
	__u32 run_phase; /* the value of calls_on at `since` */
	struct wire_sums sum;
	__u32 tid; /* that it was made for: exec() may give its thread another one */
	__u32 pad2;
	struct {
		__u64 since;
		__u32 state, run_phase, calls_on, pad;
		struct wire_sums sum;
	} at_cut;
	struct wire_parties parties[2]; /* of the generation with this lowest bit */
	/* Bookkeeping of the BPF side from here on, not sent at a thread's end. */
	__s32 syscall;    /* number, -1 = not in a system call; as of calls_phase */
	__s32 syscall_fd; /* its first argument */
	/* STATE_WAIT_DISK_* of the disk request issued in this stretch of running, 0 = none. */
	__u32 issued;
	__u32 calls_phase;   /* the value of calls_on when `syscall` was last known to be true */
	__u64 syscall_enter; /* when it began, 0 = unseen */
	__u64 memory_begin;  /* when the reclaim or compaction it is in began */
	__u64 run_begin;     /* when the thread last got a CPU */
	__u64 irq_mark;      /* the CPU's interrupt time up to `since`, while running */
	__u64 run_irq;       /* interrupt time since run_begin */
	__u64 run_clock;     /* the scheduler's clock of the thread at its last switch, ns */
	__u64 stolen_owed;   /* stolen time that is not yet taken out of a running state */
	__u64 context_seed;
	struct wire_waiting wait;
	struct wire_waking waking;
	struct wire_holding holding;
	/* A sampled request or message, until its user stack is had; the code that made it. */
	__u64 sample_kernel_stack, sample_weight, sample_ip;
	__u32 sample_kind; /* enum wire_kind, 0 = none */
	__u32 crowd_ran;   /* ns since a wakeup in a crowd, while crowd_place is set */
	__u64 crowd_place; /* the context it slept in until then, 0 = none */
	/* It was woken on its way off its CPU, 0 = it was not; by whom, tgid << 32 | tid. */
	__u64 woken_early, woken_by;
};
#define LEDGER_UNSPLIT    STATE_COUNT /* the last of ns[] */
#define LEDGER_IN_RECLAIM 2u
#define LEDGER_IN_LOCK    4u /* between contention_begin and contention_end */
#define LEDGER_KTHREAD    8u
#define LEDGER_TOLD       16u /* the thread had its last switch, and its ledger was sent */

/*
 * What a system call waits for when it blocks: user space fills the table by name, so that the
 * programs know no numbers.
 */
enum syscall_class {
	CLASS_OTHER,
	CLASS_READ,  /* reads from the descriptor in its first argument */
	CLASS_WRITE, /* writes to it */
	CLASS_SYNC,  /* waits for writeback */
	CLASS_LOCK,  /* futex */
	CLASS_TIMER,
	CLASS_POLL,
	CLASS_EXIT,   /* never returns */
	CLASS_RETURN, /* its result is a register of the interrupted code, no result */
};
/* Number space of 32-bit programs on a 64-bit kernel, in keys and ledgers: number | this. */
#define WIRE_SYSCALL_COMPAT 0x20000000
#define WIRE_SYSCALLS       512 /* numbers with a class; higher ones are CLASS_OTHER */

/* What the task iterator writes for each thread. */
struct wire_thread {
	struct wire_identity who;
	__u32 policy;
	__s32 nice;
	__u32 realtime_priority; /* 0 = none */
	__u32 cpus_allowed;      /* how many */
	__u64 cpu_mask[WIRE_CPUS / 64];
	__u64 rss_pages; /* of the process */
	struct wire_ledger ledger;
};

struct wire_exit {
	struct wire_header header;
	struct wire_identity who;
	struct wire_ledger ledger; /* without its bookkeeping */
};
#define WIRE_LEDGER_TOLD __builtin_offsetof(struct wire_ledger, syscall)
#define WIRE_EXIT_BYTES  (__builtin_offsetof(struct wire_exit, ledger) + WIRE_LEDGER_TOLD)

/* What the descriptor iterator writes for each listening socket of each process. */
struct wire_listener {
	__u32 tgid;
	__u16 family; /* AF_INET, AF_INET6, AF_UNIX */
	__u16 port;   /* host byte order; 0 for AF_UNIX */
	__u8 address[16];
	char path[108]; /* AF_UNIX; '@' first for an abstract name */
};

/* ---- run-queue latency ---- */

/* Histograms and sums in .bss, one of these for a CPU by its low bits, cumulative. */
#define WIRE_SHARDS 8

/* ---- per CPU ---- */

/* Interrupts that have no number of their own. Softirqs: by vector, the last one for all above. */
#define WIRE_SOFTIRQS 16
enum wire_irq {
	WIRE_IRQ_TIMER = WIRE_SOFTIRQS, /* the local timer */
	WIRE_IRQ_CALL,                  /* another CPU's call */
	WIRE_IRQS,
};

struct wire_cpu {
	__u64 idle_ns;    /* complete up to the CPU's last switch */
	__u64 idle_since; /* 0 = not idle now */
	__u64 irq_ns, softirq_ns;
	__u64 switches;
	__u64 calls;    /* system calls seen to begin */
	__u64 messages; /* that the programs of net looked at */
	/* Calls that ran into a probe of an allocator, and what these traps took (alloc_point). */
	__u64 probes, probe_ns;
	struct {
		__u64 count, ns;
	} irqs[WIRE_IRQS]; /* cumulative */
};

#ifndef __bpf__
_Static_assert(sizeof(struct wire_header) == 24, "wire size");
_Static_assert(sizeof(struct wire_sample) == 48, "wire size");
_Static_assert(sizeof(struct wire_user_stack) == 40 + 16 * WIRE_USER_FRAMES, "wire size");
_Static_assert(sizeof(struct wire_file) == 88 + WIRE_PATH_BYTES, "wire size");
_Static_assert(sizeof(struct wire_wait) == 96, "wire size");
_Static_assert(sizeof(struct wire_waker) == 40, "wire size");
_Static_assert(sizeof(struct wire_delay) == 184, "wire size");
_Static_assert(sizeof(struct wire_schedule) == 48, "wire size");
_Static_assert(sizeof(struct wire_schedule_cpu) == 16, "wire size");
_Static_assert(sizeof(struct wire_identity) == 104, "wire size");
_Static_assert(sizeof(struct wire_life) == 128, "wire size");
_Static_assert(sizeof(struct wire_exec) == 136, "wire size");
_Static_assert(sizeof(struct wire_ledger) == 1784, "wire size");
_Static_assert(sizeof(struct wire_thread) == 1944, "wire size");
_Static_assert(WIRE_EXIT_BYTES == 1536, "wire size");
_Static_assert(sizeof(struct wire_listener) == 132, "wire size");
#endif
#endif
