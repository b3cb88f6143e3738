/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/loader.h"
#include "capture/losses.h"
#include "strait.skel.h"

static const struct {
	const char *what;
	bool sample;
} drop_reasons[DROP_COUNT] = {
	[DROP_RING_STACK] = {"ring buffer full: frames of a stack", false},
	[DROP_RING_CPU] = {"ring buffer full: CPU samples", true},
	[DROP_RING_FAULT] = {"ring buffer full: samples of page faults", true},
	[DROP_RING_BLOCK] = {"ring buffer full: samples of disk requests", true},
	[DROP_RING_NET] = {"ring buffer full: samples of messages", true},
	[DROP_RING_CALL] = {"ring buffer full: samples of system calls", true},
	[DROP_RING_WAIT] = {"ring buffer full: single waits", false},
	[DROP_RING_BIRTH] = {"ring buffer full: births of threads", false},
	[DROP_RING_EXEC] = {"ring buffer full: programs that processes began to run", false},
	[DROP_RING_EXIT] = {"ring buffer full: ends of threads, with their last times", false},
	[DROP_RING_OOM] = {"ring buffer full: victims of the OOM killer", false},
	[DROP_RING_SCHEDULE] = {"ring buffer full: excerpts of the schedule, cut short", false},
	[DROP_RING_FILE] = {"ring buffer full: files whose code runs", false},
	[DROP_RING_CONTEXT] = {"ring buffer full: time of waits by place", false},
	[DROP_RING_WAKER] = {"ring buffer full: stacks of wakers", false},
	[DROP_RING_DELAY] = {"ring buffer full: single waits for a CPU", false},
	[DROP_RING_ALLOC] = {"ring buffer full: samples of allocations", true},
	[DROP_WAIT_RATE] = {"single waits above 500 a second and CPU (their time is counted)",
			    false},
	[DROP_MAP_SYSCALL] = {"map full: system calls", false},
	[DROP_MAP_FLIGHT] = {"map full: disk requests on their way", false},
	[DROP_MAP_BLOCK] = {"map full: times and sizes of disk requests", false},
	[DROP_MAP_NET] = {"map full: network peers", false},
	[DROP_MAP_LISTENER] = {"map full: sockets that listen", false},
	[DROP_MAP_MEMORY] = {"map full: memory events", false},
	[DROP_MAP_IRQ] = {"map full: interrupts", false},
	[DROP_MAP_ALLOC] = {"map full: allocations", false},
	[DROP_THREAD_STORAGE] = {"no ledger for a thread: map full, or out of memory", false},
	[DROP_STACK_READ] = {"kernel stacks that could not be read", false},
	[DROP_CGROUP_DEPTH] = {"threads in cgroups of more than 64 levels: left out", false},
	[DROP_ALLOC_BUSY] = {"samples of allocations during another one's walk", true},
};

void losses_drain(struct session *session)
{
	int cpus = libbpf_num_possible_cpus(), fd = bpf_map__fd(session->skeleton->maps.dropped);
	uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	struct program_total total;

	programs_spent(session, NULL, 0, &total);
	recording_loss(session->recording, "events during another run of their program", false,
		       total.missed - session->missed);
	session->missed = total.missed;
	for (uint32_t reason = 0; values && reason < DROP_COUNT; reason++) {
		uint64_t sum = 0;

		if (bpf_map_lookup_elem(fd, &reason, values))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			sum += values[cpu];
		recording_loss(session->recording, drop_reasons[reason].what,
			       drop_reasons[reason].sample, sum - session->dropped[reason]);
		session->dropped[reason] = sum;
	}
	free(values);
}
