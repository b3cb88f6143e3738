/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * block: how long requests wait in the I/O scheduler's queue, how long the device takes, and how
 * large they are, by device, operation and the process that submitted them. Of who is no target
 * only the time at the device is told: whoever keeps it busy is why the target's requests wait.
 *
 * A request that is issued directly never waited: it is filed with a queue time of 0, so that the
 * queue histogram is one of all requests. Requests issued before the programs were attached are not
 * filed at all. Runs in interrupts too: the maps are preallocated.
 */
#include "core/compat.bpf.h"
#include "core/ledger.bpf.h"
#include "core/sampling.bpf.h"
#include "core/targets.bpf.h"
#include "histogram.h"
#include <bpf/bpf_tracing.h>

#define OP_MASK 0xff /* REQ_OP_BITS = 8 */

/* One request in so many is sampled with its stacks, on average. */
const volatile __u32 block_period = 16;

GENERATION_MAPS(block_buckets, struct bucket_key, struct bucket_value, 16384);

/*
 * Requests on their way. The kernel takes requests from fixed pools, so a request that disappears
 * unseen (merged into another one) leaves an entry that the next user of its memory overwrites:
 * the map cannot fill up with leftovers. `born_ns` tells the two users apart.
 */
struct flight {
	__u64 born_ns;
	__u64 insert_ns, issue_ns; /* 0 = did not happen */
	__u32 tgid;                /* the submitter, 0 = the kernel's writeback */
	__u32 bytes;
	bool neighbour; /* of no target */
};

struct block_flights_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct flight);
};
struct block_flights_map block_flights SEC(".maps");

static __always_inline struct flight *flight_find(struct request *rq, __u64 key)
{
	struct flight *flight = bpf_map_lookup_elem(&block_flights, &key);

	if (flight && flight->born_ns != BPF_CORE_READ(rq, start_time_ns))
		return NULL;
	return flight;
}

static __always_inline enum block_op request_op(struct request *rq)
{
	switch (BPF_CORE_READ(rq, cmd_flags) & OP_MASK) {
	case REQ_OP_READ:
		return BLOCK_READ;
	case REQ_OP_WRITE:
		return BLOCK_WRITE;
	case REQ_OP_FLUSH:
		return BLOCK_FLUSH;
	case REQ_OP_DISCARD:
		return BLOCK_DISCARD;
	default:
		return BLOCK_OTHER;
	}
}

/*
 * Whether the current process is the one that wants this request. It is not in an interrupt (the
 * next step of somebody's flushed write), nor for a flush: the kernel joins the flushes of many and
 * issues one as whoever is there.
 */
static __always_inline bool submitter_is_current(struct request *rq)
{
	struct cpu_state *cpu = cpu_here();

	if (cpu && (cpu->in_hard || cpu->soft_foreign))
		return false;
	return request_op(rq) != BLOCK_FLUSH;
}

/* A request appears, in the context of its submitter or of a kernel thread. */
static __always_inline void flight_begin(void *ctx, struct request *rq, __u64 key, __u64 insert_ns,
					 __u64 issue_ns)
{
	struct flight flight = {.insert_ns = insert_ns, .issue_ns = issue_ns};
	struct wire_ledger *ledger = ledger_current();
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	bool known = submitter_is_current(rq);

	if (known && !ledger)
		return;
	if (known)
		ledger->issued =
			request_op(rq) == BLOCK_READ ? STATE_WAIT_DISK_READ : STATE_WAIT_DISK_WRITE;
	flight.neighbour = known ? !ledger->targeted : target_kind != TARGET_TEST_ALL;
	if (flight.neighbour && (target_kind == TARGET_TEST_ALL || (known && is_own(tgid))))
		return;
	flight.born_ns = BPF_CORE_READ(rq, start_time_ns);
	flight.bytes = BPF_CORE_READ(rq, __data_len);
	if (known && !(ledger->flags & LEDGER_KTHREAD))
		flight.tgid = tgid;
	if (bpf_map_update_elem(&block_flights, &key, &flight, BPF_ANY))
		drop_count(DROP_MAP_FLIGHT);
	if (known && !flight.neighbour && sample_due(SAMPLED_BLOCK, block_period))
		sample_later(ledger, WIRE_BLOCK_SAMPLE, stack_kernel(ctx, SLOT_BLOCK),
			     (__u64)flight.bytes * block_period);
}

static __always_inline void flight_file(const struct flight *flight, struct bucket_key *key,
					enum block_what what, __u64 value)
{
	struct bucket_value zero = {}, *filed;

	key->what = what;
	key->bucket = what < BLOCK_HISTOGRAMS ? histogram_bucket(value) : 0;
	filed = generation_add(block_buckets, key, &zero, DROP_MAP_BLOCK);
	if (!filed)
		return;
	__sync_fetch_and_add(&filed->count, 1);
	__sync_fetch_and_add(&filed->sum, value);
}

static __always_inline void request_insert(void *ctx, struct request *rq)
{
	flight_begin(ctx, rq, (__u64)rq, bpf_ktime_get_ns(), 0);
}

/* A request that the device could not take is issued again: its device time begins at the last. */
static __always_inline void request_issue(void *ctx, struct request *rq)
{
	__u64 key = (__u64)rq, now = bpf_ktime_get_ns();
	struct flight *flight = flight_find(rq, key);

	if (!flight) {
		flight_begin(ctx, rq, key, 0, now);
		return;
	}
	flight->issue_ns = now;
	/* It may have grown in the queue, by merges. */
	flight->bytes = BPF_CORE_READ(rq, __data_len);
}

/* Whether this completion is the request's last; `bytes` are what it completes. */
static __always_inline void request_complete(struct request *rq, bool failed, unsigned int bytes)
{
	__u64 key = (__u64)rq, now = bpf_ktime_get_ns();
	struct bucket_key bucket = {};
	struct flight *flight, taken;

	if (bytes < BPF_CORE_READ(rq, __data_len))
		return;
	flight = flight_find(rq, key);
	if (!flight)
		return;
	taken = *flight;
	bpf_map_delete_elem(&block_flights, &key);
	/* An empty flush ends without having been issued. */
	if (!taken.issue_ns)
		return;
	bucket.tgid = taken.tgid;
	bucket.device = compat_request_device(rq);
	bucket.op = request_op(rq);
	if (taken.neighbour) {
		flight_file(&taken, &bucket, BLOCK_NEIGHBOUR_NS, now - taken.issue_ns);
		return;
	}
	flight_file(&taken, &bucket, BLOCK_QUEUE_NS,
		    taken.insert_ns ? taken.issue_ns - taken.insert_ns : 0);
	flight_file(&taken, &bucket, BLOCK_DEVICE_NS, now - taken.issue_ns);
	flight_file(&taken, &bucket, BLOCK_BYTES, taken.bytes);
	if (failed)
		flight_file(&taken, &bucket, BLOCK_ERRORS, taken.bytes);
}

/* Before 5.11 the queue came first: user space looks at the tracepoint's type and says so. */
const volatile bool block_request_second = false;

#define request_argument(ctx) ((struct request *)(block_request_second ? (ctx)[1] : (ctx)[0]))

TRACEPOINT("block_rq_insert")
int block__insert(__u64 *ctx)
{
	request_insert(ctx, request_argument(ctx));
	return 0;
}

TRACEPOINT("block_rq_issue")
int block__issue(__u64 *ctx)
{
	request_issue(ctx, request_argument(ctx));
	return 0;
}

/* The second argument was an errno, is a blk_status_t (5.16): 0 means success in both. */
TRACEPOINT("block_rq_complete")
int BPF_PROG(block__complete, struct request *rq, int status, unsigned int bytes)
{
	request_complete(rq, (__u8)status, bytes);
	return 0;
}
