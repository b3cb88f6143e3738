/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory: direct reclaim, reclaim at a cgroup's limit, compaction, page faults with sampled stacks,
 * and the OOM killer's choices. Resident memory and the kernel's own fault counts come with the
 * task iterator.
 */
#include "capture/families.h"
#include "strait.skel.h"

static const struct {
	const char *count, *ns;
} memory_metrics[MEMORY_KINDS] = {
	[MEMORY_RECLAIM_DIRECT] = {"memory.reclaim_direct", "memory.reclaim_direct_ns"},
	[MEMORY_RECLAIM_CGROUP] = {"memory.reclaim_cgroup", "memory.reclaim_cgroup_ns"},
	[MEMORY_COMPACTION] = {"memory.compaction", "memory.compaction_ns"},
	[MEMORY_FAULT_USER] = {"memory.faults_user", NULL},
	[MEMORY_FAULT_KERNEL] = {"memory.faults_kernel", NULL},
};

static void memory_counted(struct session *session, const void *key, const void *value)
{
	const struct memory_key *event = key;
	const struct memory_value *sum = value;
	struct recording *rec = session->recording;
	uint32_t process;

	if (event->what >= MEMORY_KINDS)
		return;
	process = session_process(session, event->tgid);
	if (sum->count)
		recording_count(rec, memory_metrics[event->what].count, process, "", sum->count);
	if (sum->ns && memory_metrics[event->what].ns)
		recording_count(rec, memory_metrics[event->what].ns, process, "", sum->ns);
}

static int memory_drain(struct session *session, struct error *error)
{
	return generation_drain(session, session->skeleton->maps.memory_counts_0,
				session->skeleton->maps.memory_counts_1, memory_counted, error);
}

static void fault_sampled(struct session *session, const void *record, size_t size)
{
	session_sample(session, SAMPLE_FAULT, record, size);
}

/* One row a victim: the kernel chooses a process once. */
static void victim_chosen(struct session *session, const void *record, size_t size)
{
	const struct wire_life *life = record;

	if (size < sizeof(*life))
		return;
	recording_count(session->recording, "memory.oom",
			session_process(session, life->header.tgid), "", 1);
}

const struct family family_memory = {
	.name = "memory",
	.what = "reclaim, compaction, page faults and the OOM killer, by process",
	.handlers = {{WIRE_FAULT_SAMPLE, fault_sampled}, {WIRE_OOM, victim_chosen}},
	.drain = memory_drain,
};
