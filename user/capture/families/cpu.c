/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu: samples at a fixed rate on every CPU. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "capture/families.h"
#include "capture/samples.h"
#include "strait.skel.h"
#include "util/rights.h"

/* Of one CPU. */
struct cpu_event {
	struct bpf_link *link; /* NULL = it is offline, or was when it was last looked at */
	int fd;                /* the link's */
	uint64_t counted;      /* ns, when last read */
};

struct cpu_events {
	struct cpu_event *at; /* by the CPU's number */
	int count;
};

static struct cpu_events *cpu_events(struct session *session)
{
	return session->family_data[family_index(&family_cpu)];
}

static int cpu_prepare(struct session *session, struct error *error)
{
	(void)error;
	session->skeleton->rodata->sample_weight_ns = 1000000000ULL / session->options.sample_hz;
	return 0;
}

static int cpu_open(int cpu, uint32_t hz, bool cycles)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = cycles ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
		.config = cycles ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = hz,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int cpu_attach_one(struct session *session, struct cpu_events *events, int cpu)
{
	/*
	 * cpu-clock, not cycles: a sample then stands for a fixed time whatever the clock speed,
	 * and virtual machines have it too.
	 */
	int fd = cpu_open(cpu, session->options.sample_hz, false);
	struct bpf_link *link;

	if (fd < 0)
		return -errno;
	link = bpf_program__attach_perf_event(session->skeleton->progs.cpu__sample, fd);
	if (!link) {
		close(fd);
		return -errno;
	}
	events->at[cpu] = (struct cpu_event){.link = link, .fd = fd};
	return 0;
}

/* An event of a CPU that went offline counts no more, not even when that is back. */
static bool event_stands(struct cpu_event *event)
{
	uint64_t counted = 0;
	bool stands = read(event->fd, &counted, sizeof(counted)) != (ssize_t)sizeof(counted) ||
		      counted != event->counted;

	event->counted = counted;
	return stands;
}

/* CPUs come and go. Debian's perf_event_paranoid above 2 asks for CAP_SYS_ADMIN each time. */
static int cpu_drain(struct session *session, struct error *error)
{
	struct cpu_events *events = cpu_events(session);
	bool raised;

	(void)error;
	for (int cpu = 0; events && cpu < events->count; cpu++) {
		struct cpu_event *event = &events->at[cpu];

		if (event->link && event_stands(event))
			continue;
		bpf_link__destroy(event->link);
		event->link = NULL;
		raised = rights_raise(CAP_SYS_ADMIN);
		cpu_attach_one(session, events, cpu);
		if (raised)
			rights_lower(CAP_SYS_ADMIN);
	}
	return 0;
}

static int cpu_attach(struct session *session, struct error *error)
{
	int cpus = libbpf_num_possible_cpus(), err = 0, attached = 0;
	struct cpu_events *events = calloc(1, sizeof(*events));

	if (!events || cpus <= 0) {
		free(events);
		return error_set(error, -ENOMEM, "out of memory");
	}
	session->family_data[family_index(&family_cpu)] = events;
	events->at = calloc((size_t)cpus, sizeof(*events->at));
	if (!events->at)
		return error_set(error, -ENOMEM, "out of memory");
	events->count = cpus;
	for (int cpu = 0; cpu < cpus; cpu++) {
		int failed = cpu_attach_one(session, events, cpu);

		/* An offline CPU has no events. */
		if (failed && failed != -ENODEV)
			err = failed;
		attached += !failed;
	}
	/* Debian's kernels know a level above 2, which leaves nothing to CAP_PERFMON. */
	if (!attached && (err == -EACCES || err == -EPERM))
		return error_set(error, err,
				 "perf_event_open: %s: it takes CAP_SYS_ADMIN where the sysctl "
				 "kernel.perf_event_paranoid is above 2",
				 strerror(-err));
	if (!attached)
		return error_set(error, err ? err : -ENODEV, "perf_event_open: %s",
				 strerror(err ? -err : ENODEV));
	session->recording->sample_hz = session->options.sample_hz;
	session->recording->sample_source = string_intern(session->recording, "cpu-clock");
	return 0;
}

const char *samples_family(void)
{
	return family_cpu.name;
}

void samples_thin(struct session *session, uint32_t one_in)
{
	session->skeleton->bss->sample_thin = one_in;
}

static void cpu_close(struct session *session)
{
	struct cpu_events *events = cpu_events(session);

	if (!events)
		return;
	for (int i = 0; i < events->count; i++)
		bpf_link__destroy(events->at[i].link);
	free(events->at);
	free(events);
}

static void cpu_sampled(struct session *session, const void *record, size_t size)
{
	session_sample(session, SAMPLE_CPU, record, size);
}

const struct family family_cpu = {
	.name = "cpu",
	.what = "what runs on the CPUs: samples with kernel and user stacks",
	.handlers = {{WIRE_CPU_SAMPLE, cpu_sampled}},
	.prepare = cpu_prepare,
	.attach = cpu_attach,
	.drain = cpu_drain,
	.close = cpu_close,
};
