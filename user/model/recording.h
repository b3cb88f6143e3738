/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recording: everything that was observed in one window, in memory. capture fills it, store
 * writes it to a file and reads it back, analysis reads it. It holds observations and names, no
 * conclusions.
 *
 * Rows refer to each other by position (u32), NONE where there is nothing. All text is interned in
 * `strings`: a u32 string id, 0 = the empty string. Text is kept as it was observed, bytes of a
 * stranger: whoever shows it escapes it.
 *
 * Rows of one slice are appended while it is observed and never change after recording_end_slice();
 * the tables of names (processes, threads, frames) may gain fields until the recording is finished,
 * and a stack that broke off may turn out to be complete (user_end), once its frames have names.
 *
 * What always holds, also for a recording read from a file:
 * - string 0 is ""; no text holds a NUL or is longer than STRING_MAX (it is cut when interned);
 * - a position is below the length of its table, or NONE where the field says so;
 * - every observation belongs to a slice of `slices`, and begin_ns <= end_ns everywhere;
 * - stacks of samples and waits are never NONE: where no stack was taken it is an empty one;
 * - a process, thread, cgroup, module, frame of one identity has one row.
 * The functions below assert this: they must not be called before the first slice has begun.
 */
#ifndef STRAIT_RECORDING_H
#define STRAIT_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "states.h"
#include "util/index.h"
#include "util/vec.h"

#define NONE UINT32_MAX

#define STRING_MAX 4096 /* bytes of one text: PATH_MAX */

struct strings {
	VEC(char *) at;
	struct index index;
};

#define HOST_CPUS_MAX 65536 /* struct event tells them apart by 16 bits */

/* What the observed machine is. */
struct host {
	uint32_t name, kernel, arch; /* strings */
	uint32_t cpus;               /* online, at most HOST_CPUS_MAX */
	uint64_t memory_bytes;
};

enum target_kind {
	TARGET_HOST,
	TARGET_PID,
	TARGET_CGROUP,
	TARGET_CONTAINER,
	TARGET_COMMAND,
	TARGET_TID,
	TARGET_KINDS
};

struct target {
	enum target_kind kind;
	uint32_t name; /* string: "1234,1240" (pids, tids), a cgroup path, the command line */
};

struct process {
	uint32_t pid;
	uint64_t start_ns; /* CLOCK_BOOTTIME; pid and start together are its identity */
	uint32_t parent;   /* pid */
	uint32_t comm;     /* string: of the group leader */
	uint32_t exe;      /* string: path, empty when unknown */
	uint64_t exe_id;   /* hash of device and inode of the executable, 0 = unknown */
	uint32_t cgroup;   /* position in cgroups, NONE = unknown */
	uint32_t uid;
	bool kernel;   /* a kernel thread */
	bool targeted; /* belongs to the target */
	bool exited;   /* ended inside the window */
	bool born;     /* began inside the window */
};

struct thread {
	uint32_t tid;
	uint64_t start_ns; /* CLOCK_BOOTTIME */
	uint32_t process;  /* position */
	uint32_t comm;     /* string */
	uint32_t policy;   /* SCHED_* */
	int32_t nice;
	uint32_t realtime_priority; /* 0 = none */
	uint32_t cpus_allowed;      /* how many CPUs it may use */
	uint64_t cpu_mask[4];       /* the first 256 of them */
};

struct cgroup {
	uint64_t id;
	uint32_t path;      /* string, below the mount point of its hierarchy */
	uint32_t container; /* string: "podman:web", "unit:nginx.service", empty = none */
};

struct module {
	uint32_t path;     /* string; "[kernel]" for the kernel, "[vdso]" */
	uint32_t build_id; /* string of hex digits, empty when unknown */
};

enum frame_kind {
	FRAME_USER,
	FRAME_KERNEL,
	FRAME_INTERPRETED,
};

struct frame {
	uint32_t module; /* position; NONE = address in no known mapping */
	uint64_t offset; /* in the file for user code; the address's offset in its symbol for kernel
			    code */
	uint32_t function; /* string, empty = no name: show module+begin, else module+offset */
	uint32_t file;     /* string, empty = unknown */
	uint32_t line;     /* 0 = unknown */
	/*
	 * User code without a name: offset in the file at which its function begins, by the unwind
	 * table, so that what is sampled all over it is gathered. 0 = unknown.
	 */
	uint64_t begin;
	uint8_t kind;  /* enum frame_kind */
	uint8_t named; /* a lookup of the name was made */
	uint8_t pause; /* the code at this place spins: it executes a CPU pause instruction */
	/*
	 * 0 = the function whose code it is. User code: n = the n-th function that the compiler
	 * inlined at this place, the first into the function itself, each into the one before it.
	 * In stacks each comes right before the one it is inlined into, as if it had been called;
	 * the line is where it has got to, of all but the innermost that of the "call".
	 */
	uint8_t inlined;
};

#define FRAME_INLINED_MAX 32 /* functions inlined at one place that are told apart */

enum stack_end {
	STACK_COMPLETE,
	STACK_TRUNCATED,  /* more frames than are kept */
	STACK_NO_TABLE,   /* a file's unwind table was not there (yet) */
	STACK_UNREADABLE, /* user memory could not be read */
	STACK_LOST,       /* its record was lost */
	STACK_NO_RULE,    /* code that no table describes, and that keeps no frame pointers */
	STACK_LOOP,       /* the next frame would not be above the last: nonsense */
	STACK_END_COUNT,
};

struct stack {
	uint32_t first, len; /* into stack_frames: leaf first, kernel part before user part */
	uint32_t kernel_len; /* how many of them are the kernel's */
	uint8_t user_end;    /* enum stack_end of the user part */
};

enum sample_kind {
	SAMPLE_CPU,
	SAMPLE_OFFCPU,
	SAMPLE_WAKEUP,
	SAMPLE_ALLOC,
	SAMPLE_FREE,
	SAMPLE_FAULT,
	SAMPLE_BLOCK,
	SAMPLE_FS,
	SAMPLE_NET,
	SAMPLE_LOCK,
	SAMPLE_SYSCALL,
	SAMPLE_IDLE, /* waits for work to arrive, or for a time of one's choice */
	SAMPLE_KINDS,
};

/* Aggregated within a slice: one row for each (slice, kind, thread, stack). */
struct sample {
	uint32_t slice, thread, stack;
	uint8_t kind;
	uint64_t count;
	uint64_t weight; /* in sample_kind_unit() */
};

/* Time of one thread in one state within one slice; states with no time have no row. */
struct ledger_row {
	uint32_t slice, thread;
	uint32_t state; /* enum thread_state */
	uint64_t ns;
};

enum edge_kind {
	EDGE_CULPRIT, /* `party` had the CPU while `thread` was runnable */
	EDGE_WAKER,   /* `party` ended blocked intervals of `thread` */
};

struct edge {
	uint32_t slice, thread;
	uint32_t party; /* process position; NONE = an interrupt, or not told apart */
	uint8_t kind;   /* enum edge_kind */
	uint64_t count;
	uint64_t ns; /* of the thread's waiting */
};

/*
 * What the threads of a process did while `thread` waited for mutexes that they then let go. Less
 * than the waits: where it cannot be told when the holder took the mutex, nothing is.
 */
struct hold {
	uint32_t slice, thread;
	uint32_t holder; /* process position */
	uint32_t state; /* running as STATE_RUN_USER, waiting for a mutex as STATE_WAIT_LOCK_USER */
	uint64_t ns;
};

/* One blocked interval above the threshold. Times are ns since the window began. */
struct wait {
	uint32_t slice, thread, stack;
	uint32_t waker;       /* thread position, NONE = interrupt or unknown */
	uint32_t waker_stack; /* whence that thread ended it, NONE = not known */
	uint32_t state;       /* STATE_WAIT_* */
	int32_t syscall;
	uint32_t end_number; /* of an interrupt or softirq: which */
	uint8_t end;         /* enum wait_end */
	uint8_t lock;        /* it was for a mutex that another thread held */
	uint64_t begin_ns, end_ns;
};

/*
 * One wait for a CPU above the threshold. Where they were many, those that are told stand for the
 * others: the weights of all are what all took.
 */
struct delay {
	uint32_t slice, thread;
	uint32_t state; /* STATE_READY_* */
	uint32_t cpu;   /* that it got */
	uint64_t begin_ns, end_ns;
	uint64_t weight_ns; /* of such waiting, that it stands for */
	uint64_t seen_ns;   /* the last part of it, of which it is known who had that CPU */
};

/* Who had the CPU that a thread waited for, meanwhile. */
struct occupant {
	uint32_t delay;  /* position */
	uint32_t thread; /* one row each */
	uint64_t ns;     /* of the delay's seen_ns: in all not more */
};

/* A short part of the window in which every switch and every wakeup was recorded. */
struct excerpt {
	uint64_t begin_ns, end_ns; /* since the window began; equal = it was not completed */
};

enum event_kind {
	EVENT_RUNS,   /* `thread` has the CPU: told of every CPU at the begin of an excerpt */
	EVENT_SWITCH, /* `thread` leaves the CPU, which `other` gets */
	EVENT_WAKE,   /* `thread` is woken, by `other` */
	EVENT_KINDS,
};

/* Within an excerpt; of one CPU in order of time. */
struct event {
	uint64_t time_ns; /* since the window began */
	uint32_t excerpt;
	uint32_t thread, other; /* NONE = idle, at a wakeup an interrupt */
	uint32_t sched_group;   /* of who gets the CPU or is woken: threads that share its share of
				 * the CPUs */
	uint16_t cpu;
	uint8_t kind;    /* enum event_kind */
	uint8_t state;   /* enum thread_state: of `thread`, from now on, or until now if woken */
	uint8_t lock;    /* it waits for a mutex that another holds */
	uint8_t yielded; /* it gave the CPU away by sched_yield() */
};

/* A counter of one family within one slice, e.g. metric "syscall.count" of "read". */
struct count {
	uint32_t slice, metric, process, label; /* metric, label: strings; process NONE = host */
	uint64_t value;
};

/* One histogram bucket within one slice; buckets of include/histogram.h. */
struct bucket {
	uint32_t slice, metric, process, label;
	uint32_t bucket;
	uint64_t count, sum;
};

/* A figure read from /proc, cgroupfs or PSI at the end of a slice. */
struct point {
	uint32_t slice, metric, label; /* strings */
	double value;
};

struct slice {
	uint64_t begin_ns, end_ns; /* since the window began */
	bool warmup;               /* observed, but not part of the baseline */
};

/* A listening socket: a server found on the host. */
struct listener {
	uint32_t process;
	uint16_t family, port;
	uint32_t address; /* string: "127.0.0.1", "::", a socket path */
};

/* State of a probe family in this recording. */
enum family_status {
	FAMILY_OK,
	FAMILY_PARTIAL, /* some of its programs are missing */
	FAMILY_SKIPPED,
};

/* A row beside those of the families: not all threads are seen (capture/namespace.h). */
#define FAMILY_PID_NAMESPACE "pid namespace"
/* Another one: what missing capabilities cost (util/rights.h). */
#define FAMILY_RIGHTS "rights"
/* Not observed in time: the host left strait itself waiting for a CPU. */
#define FAMILY_TURNS "strait's own turns"
/* And these: strangers' files whose reader had to be ended (util/reader.h), by what was read. */
#define FAMILY_FILES "files"
#define FAMILY_NAMES "names"

struct family_state {
	uint32_t name, why; /* strings; why is empty when all is well */
	uint8_t status;
};

struct loss {
	uint32_t reason; /* string, e.g. "ring buffer full: cpu samples" */
	bool sample;     /* a sample rather than an event */
	uint64_t count;
};

struct self_cost {
	double cpu_percent; /* of one CPU, over the window: user space and BPF programs */
	double bpf_percent; /* of it, measured in the BPF programs; < 0 = not measured */
	uint64_t rss_bytes, map_bytes;
};

struct recording {
	struct strings strings;
	struct host host;
	struct target target;
	uint64_t start_unix_ns; /* CLOCK_REALTIME when the window began */
	uint64_t length_ns;
	uint32_t sample_hz;     /* CPU samples per second and CPU */
	uint32_t sample_source; /* string: "cpu-clock" or "cycles" */
	bool cut;               /* the recording did not end by itself: killed, or disk full */

	VEC(struct slice) slices;
	VEC(struct cgroup) cgroups;
	VEC(struct process) processes;
	VEC(struct thread) threads;
	VEC(struct module) modules;
	VEC(struct frame) frames;
	VEC(uint32_t) stack_frames; /* frame positions, sliced by stacks */
	VEC(struct stack) stacks;
	VEC(struct listener) listeners;

	VEC(struct sample) samples;
	VEC(struct ledger_row) ledger;
	VEC(struct edge) edges;
	VEC(struct hold) holds;
	VEC(struct wait) waits;
	VEC(struct delay) delays;
	VEC(struct occupant) occupants;
	VEC(struct excerpt) excerpts;
	VEC(struct event) events;
	VEC(struct count) counts;
	VEC(struct bucket) buckets;
	VEC(struct point) points;

	VEC(struct family_state) families;
	VEC(struct loss) losses;
	struct self_cost self;

	/* Indices of the interned tables; private to recording.c. */
	struct index by_process, by_thread, by_cgroup, by_module, by_frame, by_stack, by_sample;
	size_t slice_samples; /* samples before this one are final; the open slice's begin here */
	/* Rows of stack_frames from here on were made anew since the begin of the last slice. */
	size_t stacks_changed;
};

struct recording *recording_new(void);
void recording_free(struct recording *rec);

/*
 * Makes the indices anew after the tables were filled by hand, as store does when it reads a file.
 * The rows must already hold to the rules above.
 */
void recording_reindex(struct recording *rec);

/* The position a new row gets behind `len` others; aborts where that would be NONE. */
uint32_t position_next(size_t len);

/* ---- names ---- */

/* The id of a text; NULL is "". The text ends at its first NUL or after STRING_MAX bytes. */
uint32_t string_intern(struct recording *rec, const char *text);
uint32_t string_intern_n(struct recording *rec, const char *text, size_t length);
const char *string_get(const struct recording *rec, uint32_t id);
/* The id of a text that may not occur: NONE if it was never interned. */
uint32_t string_find(const struct recording *rec, const char *text);

/*
 * Each returns the position of the row with this identity, made if it is new. The caller fills in
 * what is not part of the identity; a new process has no cgroup, a new thread an empty CPU mask.
 */
uint32_t process_intern(struct recording *rec, uint32_t pid, uint64_t start_ns);
uint32_t thread_intern(struct recording *rec, uint32_t tid, uint64_t start_ns, uint32_t process);
/* When the process or thread in this row began, which was not known (0) when the row was made. */
void process_date(struct recording *rec, uint32_t process, uint64_t start_ns);
void thread_date(struct recording *rec, uint32_t thread, uint64_t start_ns);
uint32_t cgroup_intern(struct recording *rec, uint64_t id);
/*
 * The identity is the build-id where there is one (the first path seen is kept), else the path. The
 * kernel's own code and that of its modules is "[kernel]", "[nvme]", …; the vDSO is "[vdso]".
 */
uint32_t module_intern(struct recording *rec, const char *path, const char *build_id);
/*
 * User frames are (module, offset); `function` may be 0 and is taken over if none is known yet.
 * Kernel and interpreted frames are told apart by function too: (symbol, offset).
 */
uint32_t frame_intern(struct recording *rec, enum frame_kind kind, uint32_t module, uint64_t offset,
		      uint32_t function);
/* The `level`th function (from 1) that was inlined at the place of the user frame `frame`. */
uint32_t frame_intern_inlined(struct recording *rec, uint32_t frame, uint8_t level,
			      uint32_t function);
/*
 * Puts what was inlined at their frames into the stacks from position `first` on, as far as it is
 * not in them already. Positions in stack_frames change from the first of them on.
 */
void stacks_expand(struct recording *rec, uint32_t first);
/* frames: positions, leaf first, kernel part first; kernel_len <= len. An empty stack is a stack.
 */
uint32_t stack_intern(struct recording *rec, const uint32_t *frames, uint32_t len,
		      uint32_t kernel_len, enum stack_end user_end);

/*
 * ---- observations; each belongs to the open slice ----
 *
 * Between the end of a slice and the begin of the next, rows still go to the slice that ended, as
 * new rows: a row that was there at the end of its slice never changes. So readers add rows up.
 */
void recording_begin_slice(struct recording *rec, uint64_t begin_ns, bool warmup);
void recording_end_slice(struct recording *rec, uint64_t end_ns);
/*
 * Adds to the (kind, thread, stack) row of the open slice. Stack NONE becomes the empty stack that
 * was lost. Nothing at all (count and weight 0) makes no row.
 */
void recording_sample(struct recording *rec, enum sample_kind kind, uint32_t thread, uint32_t stack,
		      uint64_t count, uint64_t weight);
/* 0 ns make no row. The slice may be an earlier one: a thread's exit is learned late. */
void recording_ledger(struct recording *rec, uint32_t slice, uint32_t thread,
		      enum thread_state state, uint64_t ns);
void recording_edge(struct recording *rec, enum edge_kind kind, uint32_t thread, uint32_t party,
		    uint64_t count, uint64_t ns);
void recording_hold(struct recording *rec, uint32_t thread, uint32_t holder,
		    enum thread_state state, uint64_t ns);
/*
 * wait->slice is ignored: the open slice is taken. Stack NONE as with samples; waker_stack may be.
 */
void recording_wait(struct recording *rec, const struct wait *wait);
/* Likewise. `occupants` may name a thread more than once, and each delay->seen_ns in all at most.
 */
void recording_delay(struct recording *rec, const struct delay *delay,
		     const struct occupant *occupants, size_t count);
/* Callers give each (metric, process, label) once a slice; metric and label are interned. */
void recording_count(struct recording *rec, const char *metric, uint32_t process, const char *label,
		     uint64_t value);
void recording_bucket(struct recording *rec, const char *metric, uint32_t process,
		      const char *label, uint32_t bucket, uint64_t count, uint64_t sum);
void recording_point(struct recording *rec, const char *metric, const char *label, double value);
/* Adds to what was lost for this reason. */
void recording_loss(struct recording *rec, const char *reason, bool sample, uint64_t count);
/* Sets the state of a family, anew if it is already known. */
void recording_family(struct recording *rec, const char *name, enum family_status status,
		      const char *why);

/* The open slice's number. */
static inline uint32_t recording_slice(const struct recording *rec)
{
	return rec->slices.len ? (uint32_t)rec->slices.len - 1 : 0;
}

/*
 * What a process is called, and what it is in: "sh", "sh (podman:web)". Strings; 0 = unknown, or in
 * nothing. To be freed.
 */
char *process_name(const struct recording *rec, uint32_t comm, uint32_t container);

/* "cc1+0x4c21a0", with the module's path cut to its file's name. To be freed. */
char *code_name(const char *module, uint64_t offset);

const char *state_name(enum thread_state state);       /* "disk read", … for people */
const char *sample_kind_name(enum sample_kind kind);   /* "cpu", "offcpu", … */
const char *sample_kind_unit(enum sample_kind kind);   /* of its weights: "ns", "bytes", "count" */
const char *edge_kind_name(enum edge_kind kind);       /* "culprit", "waker" */
const char *event_kind_name(enum event_kind kind);     /* "runs", "switch", "wake" */
const char *wait_end_name(enum wait_end end);          /* "thread", "timer", "softirq", … */
const char *softirq_name(uint32_t vector);             /* "NET_RX", …; NULL: not known */
const char *frame_kind_name(enum frame_kind kind);     /* "user", "kernel", "interpreted" */
const char *stack_end_name(enum stack_end end);        /* "complete", "truncated", … */
const char *family_status_name(enum family_status st); /* "ok", "partial", "skipped" */
const char *target_kind_name(enum target_kind kind);   /* "host", "pid", … */

#endif
