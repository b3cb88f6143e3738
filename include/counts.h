/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What families count: keys and values of the generation maps. Part of the wire (wire.h), with its
 * rules.
 */
#ifndef STRAIT_COUNTS_H
#define STRAIT_COUNTS_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define WIRE_COMM 16

#define WIRE_CALL_WEIGHT 1024u /* what counts once; of messages too */

struct syscall_key {
	__u32 tgid;
	__u32 nr;
};

/* Sums of calls, each with its weight (calls_weight): in units of 1 / WIRE_CALL_WEIGHT. */
struct syscall_value {
	__u64 count, errors;
	__u64 again; /* of the errors: EAGAIN, the mark of busy polling */
	__u64 ns;
	__u64 empty;   /* CLASS_POLL: there was nothing, and it returned at once */
	__u64 expired; /* CLASS_POLL: there was nothing until its time-out; of any: ETIMEDOUT */
};

/* One bucket of one histogram. */
struct bucket_key {
	__u32 tgid;
	__u32 device; /* dev_t as the kernel keeps it: major << 20 | minor */
	__u16 what;   /* enum of the family */
	__u16 op;     /* of the family */
	__u32 bucket; /* histogram_bucket() */
};

struct bucket_value {
	__u64 count;
	__u64 sum; /* exact sum of the values filed here */
};

enum block_what {
	BLOCK_QUEUE_NS,  /* insert to issue: in the scheduler's queue */
	BLOCK_DEVICE_NS, /* issue to completion */
	BLOCK_BYTES,     /* request size */
	BLOCK_HISTOGRAMS,
	BLOCK_ERRORS = BLOCK_HISTOGRAMS, /* size of requests that failed */
	BLOCK_NEIGHBOUR_NS,              /* issue to completion, of who is no target */
};

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD,
	BLOCK_OTHER,
};

struct net_key {
	__u32 tgid;
	__u16 family; /* AF_INET, AF_INET6; an AF_UNIX peer is all zero */
	__u16 port;   /* the service's, host byte order: local unless side is NET_CLIENT */
	__u8 peer[16];
	__u8 side;     /* enum net_side */
	__u8 protocol; /* IPPROTO_*, 0 for AF_UNIX */
	__u16 pad;
};

enum net_side {
	NET_CLIENT, /* this side connected to the port */
	NET_SERVER, /* this side accepted on it */
	NET_LOCAL,  /* no connection: a datagram socket bound to it */
};

struct net_value {
	/* Sums of messages, each with its weight (messages_weight): in 1 / WIRE_CALL_WEIGHT. */
	__u64 sent_bytes, received_bytes;
	__u64 sends, receives;
	__u64 retransmits, connects, accepts, resets;
	__u64 connect_failures;
	__u64 rtt_us_sum, rtt_samples;
};

struct memory_key {
	__u32 tgid;
	__u32 what; /* enum memory_what */
};

enum memory_what {
	MEMORY_RECLAIM_DIRECT, /* value: count, ns */
	MEMORY_RECLAIM_CGROUP,
	MEMORY_COMPACTION,
	MEMORY_FAULT_USER, /* count */
	MEMORY_FAULT_KERNEL,
	MEMORY_KINDS,
};

struct memory_value {
	__u64 count, ns;
};

/* alloc family: functions that allocate, by where they have the number of bytes. */
enum alloc_call {
	ALLOC_MALLOC,  /* the first argument; operator new too */
	ALLOC_CALLOC,  /* the first times the second */
	ALLOC_REALLOC, /* the second */
	ALLOC_ALIGNED, /* the second: aligned_alloc(), memalign() */
	ALLOC_POSIX,   /* the third: posix_memalign() */
	ALLOC_CALLS,
};

struct alloc_key {
	__u32 tgid;
	__u32 call; /* enum alloc_call */
};

/* Sums, each call with its weight (alloc_weight). */
struct alloc_value {
	__u64 count; /* in units of 1 / WIRE_CALL_WEIGHT */
	__u64 bytes; /* that were asked for */
};

/*
 * A place where a probe of an allocator is: known to the programs by what is called and where in
 * its page it is. Two that share both share what is largest.
 */
#define ALLOC_PAGE   4096
#define ALLOC_POINTS (ALLOC_CALLS * ALLOC_PAGE)
struct alloc_point {
	__u32 ahead;   /* bytes from the function's begin to the probe */
	__u32 length;  /* bytes from the function's begin to its end */
	__u32 depth;   /* bytes that were put on the stack since the function's begin */
	__u32 trap_ns; /* what a call that runs into it takes, beside the program */
};

/* irq family: time by hard interrupt; the others are in struct wire_cpu. */
struct irq_key {
	__u32 number;
	__u32 cpu;
};

struct irq_value {
	__u64 count, ns;
	char name[WIRE_COMM]; /* of its action */
};

#ifndef __bpf__
_Static_assert(sizeof(struct alloc_key) == 8, "wire size");
_Static_assert(sizeof(struct alloc_value) == 16, "wire size");
_Static_assert(sizeof(struct alloc_point) == 16, "wire size");
_Static_assert(sizeof(struct bucket_key) == 16, "wire size");
_Static_assert(sizeof(struct net_key) == 28, "wire size");
_Static_assert(sizeof(struct net_value) == 88, "wire size");
_Static_assert(sizeof(struct syscall_value) == 48, "wire size");
#endif

#endif
