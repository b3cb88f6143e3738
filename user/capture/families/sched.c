/* SPDX-License-Identifier: BSD-2-Clause */
/* sched: the thread ledger, run-queue latency, where threads wait, and their life. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/contexts.h"
#include "capture/cpus.h"
#include "capture/delays.h"
#include "capture/families.h"
#include "capture/iterate.h"
#include "capture/tasks.h"
#include "capture/waits.h"
#include "histogram.h"
#include "strait.skel.h"

struct sched_data {
	uint32_t buckets[HIST_BUCKETS]; /* of the run queue, when last read */
	uint64_t sum;
	uint64_t delays, delay_ns; /* long waits for a CPU, likewise */
	struct wire_cpu *cpus;     /* per CPU, when last read */
	struct contexts *contexts;
	struct waits *waits;
};

static struct sched_data *sched_data(struct session *session)
{
	return session->family_data[family_index(&family_sched)];
}

/* Whether a hypervisor has ever taken a CPU from this host: column 8 of /proc/stat, proc(5). */
static bool time_is_stolen(void)
{
	FILE *stat = fopen("/proc/stat", "re");
	char line[256], *next = line;

	if (!stat)
		return false;
	if (!fgets(line, sizeof(line), stat) || strncmp(line, "cpu ", 4) != 0)
		line[0] = 0;
	fclose(stat);
	/* The word "cpu", then seven columns before it. */
	for (int column = 0; column < 8 && next; column++) {
		next = strchr(next, ' ');
		next = next ? next + strspn(next, " ") : NULL;
	}
	return next && strtoull(next, NULL, 10) > 0;
}

static int sched_prepare(struct session *session, struct error *error)
{
	(void)error;
	session->skeleton->rodata->wait_threshold_ns = session->options.wait_threshold_ns;
	session->skeleton->rodata->stolen_time = time_is_stolen();
	return 0;
}

static bool thread_told(struct session *session, const void *record, void *context)
{
	const struct wire_thread *thread = record;
	const uint32_t *generation = context;

	contexts_collected(session, &thread->who, &thread->ledger,
			   tasks_dump(session->tasks, thread, *generation));
	if (session->last_slice)
		contexts_pending(session, thread);
	return true;
}

/*
 * Reads every thread, as of the last cut; before there is one, their ledgers are made, and nothing
 * is read.
 */
static int sched_dump(struct session *session, struct error *error)
{
	uint32_t generation = session->skeleton->bss->generation - 1;

	return iterate(session, session->skeleton->progs.sched__dump, sizeof(struct wire_thread),
		       thread_told, &generation, error);
}

static uint64_t runqueue_bucket(const struct session *session, uint32_t bucket)
{
	uint64_t count = 0;

	for (int shard = 0; shard < WIRE_SHARDS; shard++)
		count += session->skeleton->bss->runqueue_histogram[shard][bucket];
	return count;
}

static void runqueue_drain(struct session *session, bool tell)
{
	struct sched_data *data = sched_data(session);
	uint64_t sum = 0, share, seen = 0;

	for (int shard = 0; shard < WIRE_SHARDS; shard++)
		sum += session->skeleton->bss->runqueue_sum[shard];
	for (uint32_t bucket = 0; bucket < HIST_BUCKETS; bucket++) {
		uint32_t now = (uint32_t)runqueue_bucket(session, bucket);
		uint32_t count = now - data->buckets[bucket];

		data->buckets[bucket] = now;
		if (!count || !tell)
			continue;
		/* The exact sum is kept for all buckets together: it goes with the first. */
		share = seen ? 0 : sum - data->sum;
		seen = 1;
		recording_bucket(session->recording, "sched.runqueue_ns", NONE, "", bucket, count,
				 share);
	}
	data->sum = sum;
}

/* Long waits for a CPU since the last reading, all of them → points of the open slice. */
static void delays_drain(struct session *session, bool tell)
{
	struct sched_data *data = sched_data(session);
	uint64_t count = 0, ns = 0;

	for (int shard = 0; shard < WIRE_SHARDS; shard++) {
		count += session->skeleton->bss->delay_count[shard];
		ns += session->skeleton->bss->delay_sum[shard];
	}
	if (tell) {
		recording_point(session->recording, "delays.count", "",
				(double)(count - data->delays));
		recording_point(session->recording, "delays.ns", "", (double)(ns - data->delay_ns));
	}
	data->delays = count;
	data->delay_ns = ns;
}

/* Idle and interrupt time of each CPU since the last reading → points of the open slice. */
static void cpus_drain(struct session *session, bool tell)
{
	struct sched_data *data = sched_data(session);
	struct wire_cpu *cpus;
	char label[16];
	int count;

	cpus = cpus_read(session, &count);
	for (int cpu = 0; cpus && cpu < count; cpu++) {
		struct wire_cpu now = cpus[cpu], *before = &data->cpus[cpu];

		if (now.idle_since && session->slice_end_ns > now.idle_since)
			now.idle_ns += session->slice_end_ns - now.idle_since;
		if (tell) {
			snprintf(label, sizeof(label), "cpu%d", cpu);
			recording_point(session->recording, "cpu.idle_ns", label,
					(double)(int64_t)(now.idle_ns - before->idle_ns));
			recording_point(session->recording, "cpu.irq_ns", label,
					(double)(now.irq_ns - before->irq_ns));
			recording_point(session->recording, "cpu.softirq_ns", label,
					(double)(now.softirq_ns - before->softirq_ns));
			recording_point(session->recording, "cpu.switches", label,
					(double)(now.switches - before->switches));
		}
		*before = now;
	}
	free(cpus);
}

static int sched_begin(struct session *session, struct error *error)
{
	struct sched_data *data = calloc(1, sizeof(*data));

	if (!data)
		return error_set(error, -ENOMEM, "out of memory");
	session->family_data[family_index(&family_sched)] = data;
	data->cpus = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*data->cpus));
	data->contexts = contexts_open(bpf_map__fd(session->skeleton->maps.contexts));
	data->waits = waits_new();
	if (!data->cpus || !data->contexts || !data->waits)
		return error_set(error, -ENOMEM, "out of memory");
	return sched_dump(session, error);
}

static int sched_began(struct session *session, struct error *error)
{
	int err;

	runqueue_drain(session, false);
	delays_drain(session, false);
	cpus_drain(session, false);
	err = sched_dump(session, error);
	/* Who was passed over had told of its end before. */
	ring_buffer__consume(session->ring);
	tasks_end_slice(session->tasks);
	return err;
}

static int sched_drain(struct session *session, struct error *error)
{
	struct sched_data *data = sched_data(session);
	int err;

	runqueue_drain(session, true);
	delays_drain(session, true);
	cpus_drain(session, true);
	/* Waits that end between the two are in neither; the other way round they would be in both.
	 */
	contexts_drain(data->contexts, session);
	err = sched_dump(session, error);
	/* Who was passed over had told of its end before. */
	ring_buffer__consume(session->ring);
	waits_end_slice(data->waits, session);
	tasks_end_slice(session->tasks);
	return err;
}

static void sched_close(struct session *session)
{
	struct sched_data *data = sched_data(session);

	if (!data)
		return;
	contexts_close(data->contexts);
	waits_free(data->waits);
	free(data->cpus);
	free(data);
}

/* ---- records ---- */

static void sched_born(struct session *session, const void *record, size_t size)
{
	const struct wire_life *life = record;

	if (size < sizeof(*life))
		return;
	tasks_born(session->tasks, &life->who);
}

static void sched_exec(struct session *session, const void *record, size_t size)
{
	const struct wire_exec *exec = record;
	struct location where;
	const char *exe = NULL;

	if (size < sizeof(*exec))
		return;
	/* Without a build-id the file could not be opened: its path is that in its file system. */
	if (exec->exe && !symbols_locate(session->symbols, exec->exe, 0, &where) && *where.build_id)
		exe = where.path;
	tasks_exec(session->tasks, &exec->who, exe);
}

static void sched_exit(struct session *session, const void *record, size_t size)
{
	struct wire_exit exit = {};

	if (size < WIRE_EXIT_BYTES)
		return;
	memcpy(&exit, record, WIRE_EXIT_BYTES);
	contexts_collected(session, &exit.who, &exit.ledger, tasks_exit(session->tasks, &exit));
}

static void sched_waited(struct session *session, const void *record, size_t size)
{
	struct sched_data *data = sched_data(session);

	/* Before the window there is nowhere to write it. */
	if (data)
		waits_told(data->waits, session, record, size);
}

static void sched_delayed(struct session *session, const void *record, size_t size)
{
	if (sched_data(session))
		delays_told(session, record, size);
}

static void sched_waker(struct session *session, const void *record, size_t size)
{
	struct sched_data *data = sched_data(session);

	if (data)
		waits_waker(data->waits, session, record, size);
}

const struct family family_sched = {
	.name = "sched",
	.what = "where the time of every thread goes: the ledger, run queues, where threads wait",
	.handlers = {{WIRE_FORK, sched_born},
		     {WIRE_EXEC, sched_exec},
		     {WIRE_EXIT, sched_exit},
		     {WIRE_WAIT, sched_waited},
		     {WIRE_WAKER, sched_waker},
		     {WIRE_DELAY, sched_delayed},
		     {WIRE_CONTEXT, contexts_sum}},
	.prepare = sched_prepare,
	.begin = sched_begin,
	.began = sched_began,
	.drain = sched_drain,
	.close = sched_close,
};
