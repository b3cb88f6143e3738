/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block: time in the queue, time in the device and size of block requests, by device, operation and
 * the process that submitted them; no process means the kernel's writeback.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "capture/families.h"
#include "capture/loader.h"
#include "histogram.h"
#include "strait.skel.h"

static const char *const op_names[] = {
	[BLOCK_READ] = "read",       [BLOCK_WRITE] = "write", [BLOCK_FLUSH] = "flush",
	[BLOCK_DISCARD] = "discard", [BLOCK_OTHER] = "other",
};

/*
 * Whether the request is the second argument of block_rq_insert and block_rq_issue. It is not since
 * 5.11 (a54895fa057c), nor where that was ported back: older kernels are asked.
 */
static bool request_comes_second(const struct btf *kernel)
{
	unsigned long major, minor;
	const struct btf_type *type;
	struct utsname name;
	char *end;
	int id;

	if (uname(&name))
		return false;
	major = strtoul(name.release, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	if (major > 5 || (major == 5 && minor >= 11))
		return false;
	id = btf__find_by_name_kind(kernel, "btf_trace_block_rq_insert", BTF_KIND_TYPEDEF);
	type = id > 0 ? btf__type_by_id(kernel, (uint32_t)id) : NULL;
	type = type ? btf__type_by_id(kernel, type->type) : NULL; /* the pointer */
	type = type ? btf__type_by_id(kernel, type->type) : NULL; /* to a function */
	/* Its first argument is the tracepoint's own. */
	return type && btf_is_func_proto(type) && btf_vlen(type) >= 3;
}

static int block_prepare(struct session *session, struct error *error)
{
	(void)error;
	session->skeleton->rodata->block_request_second =
		request_comes_second(loader_types(session->loader));
	return 0;
}

/* "vda read"; a device that is gone keeps its number: "259:3 read". */
static void block_label(uint32_t device, uint32_t op, char *label, size_t size)
{
	uint32_t major = device >> 20, minor = device & 0xfffff;
	const char *what = op < sizeof(op_names) / sizeof(op_names[0]) ? op_names[op] : "other";
	char link[64], target[PATH_MAX];
	ssize_t length;

	if (!device) {
		snprintf(label, size, "unknown %s", what);
		return;
	}
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major, minor);
	length = readlink(link, target, sizeof(target) - 1);
	if (length > 0) {
		target[length] = 0;
		snprintf(label, size, "%.32s %s", basename(target), what);
	} else {
		snprintf(label, size, "%u:%u %s", major, minor, what);
	}
}

static void block_counted(struct session *session, const void *key, const void *value)
{
	const struct bucket_key *filed = key;
	const struct bucket_value *sum = value;
	struct recording *rec = session->recording;
	uint32_t process = filed->tgid ? session_process(session, filed->tgid) : NONE;
	const char *metric;
	char label[64];

	if (!sum->count || filed->bucket >= HIST_BUCKETS)
		return;
	block_label(filed->device, filed->op, label, sizeof(label));
	switch (filed->what) {
	case BLOCK_QUEUE_NS:
		metric = "block.queue_ns";
		break;
	case BLOCK_DEVICE_NS:
		metric = "block.device_ns";
		break;
	case BLOCK_BYTES:
		metric = "block.bytes";
		break;
	case BLOCK_ERRORS:
		recording_count(rec, "block.errors", process, label, sum->count);
		return;
	case BLOCK_NEIGHBOUR_NS:
		recording_count(rec, "block.neighbour_ns", process, label, sum->sum);
		return;
	default:
		return;
	}
	recording_bucket(rec, metric, process, label, filed->bucket, sum->count, sum->sum);
}

static int block_drain(struct session *session, struct error *error)
{
	return generation_drain(session, session->skeleton->maps.block_buckets_0,
				session->skeleton->maps.block_buckets_1, block_counted, error);
}

static void request_sampled(struct session *session, const void *record, size_t size)
{
	session_sample(session, SAMPLE_BLOCK, record, size);
}

const struct family family_block = {
	.name = "block",
	.what = "queue time, device time and size of disk requests, by device and process",
	.handlers = {{WIRE_BLOCK_SAMPLE, request_sampled}},
	.prepare = block_prepare,
	.drain = block_drain,
};
