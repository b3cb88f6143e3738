/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu: samples at a fixed rate on every CPU. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "capture/families.h"
#include "capture/interrupts.h"
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
	uint64_t period_ns;            /* of their timers */
	struct interrupts *interrupts; /* while they are measured */
	double interrupt_ns;
};

static struct cpu_events *cpu_events(const struct session *session)
{
	return session->family_data[family_index(&family_cpu)];
}

static int cpu_prepare(struct session *session, struct error *error)
{
	struct cpu_events *events = cpu_events(session);

	if (!events) {
		events = calloc(1, sizeof(*events));
		if (!events)
			return error_set(error, -ENOMEM, "out of memory");
		session->family_data[family_index(&family_cpu)] = events;
		events->period_ns = 1000000000ULL / session->options.sample_hz;
		/* Beside the verifier, which has a CPU to itself meanwhile. */
		events->interrupts = interrupts_measure();
	}
	session->skeleton->bss->sample_weight_ns = events->period_ns;
	return 0;
}

/*
 * cpu-clock, not cycles: a sample then stands for a fixed time whatever the clock speed, and
 * virtual machines have it too.
 */
static int cpu_open(int cpu, uint64_t period_ns)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period_ns,
	};

	return (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int cpu_attach_one(struct session *session, struct cpu_events *events, int cpu)
{
	int fd = cpu_open(cpu, events->period_ns);
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
	struct cpu_events *events = cpu_events(session);

	events->interrupt_ns = interrupts_ns(events->interrupts);
	events->interrupts = NULL;
	events->at = cpus > 0 ? calloc((size_t)cpus, sizeof(*events->at)) : NULL;
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
	if (!attached && (err == -EACCES || err == -EPERM))
		return error_set(error, err, "perf_event_open: %s: " RIGHTS_SAMPLES,
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

void samples_every(struct session *session, uint64_t period_ns)
{
	struct cpu_events *events = cpu_events(session);

	if (!events)
		return;
	events->period_ns = period_ns;
	for (int i = 0; i < events->count; i++)
		if (events->at[i].link)
			ioctl(events->at[i].fd, PERF_EVENT_IOC_PERIOD, &period_ns);
	session->skeleton->bss->sample_weight_ns = period_ns;
}

double samples_interrupt_ns(const struct session *session)
{
	const struct cpu_events *events = cpu_events(session);

	/* Where nothing is sampled, nothing interrupts. */
	return events && !session->family_off[family_index(&family_cpu)] ? events->interrupt_ns : 0;
}

static void cpu_close(struct session *session)
{
	struct cpu_events *events = cpu_events(session);

	if (!events)
		return;
	interrupts_ns(events->interrupts);
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
