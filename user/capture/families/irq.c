/* SPDX-License-Identifier: BSD-2-Clause */
/* irq: time in hard and soft interrupts and in the local timer, by interrupt and CPU. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cpus.h"
#include "capture/families.h"
#include "strait.skel.h"

struct irq_data {
	int cpus;
	struct wire_cpu *seen; /* at the last reading */
};

static struct irq_data *irq_data(struct session *session)
{
	return session->family_data[family_index(&family_irq)];
}

static void irq_tell(struct session *session, const char *label, uint64_t count, uint64_t ns)
{
	if (count)
		recording_count(session->recording, "irq.count", NONE, label, count);
	if (ns)
		recording_count(session->recording, "irq.ns", NONE, label, ns);
}

/* ---- hard interrupts ---- */

/* "irq 24 virtio0-input.0 cpu0" */
static void hard_counted(struct session *session, const void *key, const void *value)
{
	const struct irq_key *irq = key;
	const struct irq_value *sum = value;
	int name = (int)strnlen(sum->name, sizeof(sum->name));
	char label[64];

	snprintf(label, sizeof(label), "irq %u %.*s%scpu%u", irq->number, name, sum->name,
		 name ? " " : "", irq->cpu);
	irq_tell(session, label, sum->count, sum->ns);
}

/* ---- the others ---- */

/* "softirq NET_RX cpu1", "timer cpu0" */
static void irq_label(uint32_t irq, int cpu, char *label, size_t size)
{
	if (irq == WIRE_IRQ_TIMER)
		snprintf(label, size, "timer cpu%d", cpu);
	else if (irq == WIRE_IRQ_CALL)
		snprintf(label, size, "call from another CPU cpu%d", cpu);
	else if (softirq_name(irq))
		snprintf(label, size, "softirq %s cpu%d", softirq_name(irq), cpu);
	else
		snprintf(label, size, "softirq %u cpu%d", irq, cpu);
}

static void cpu_counted(struct session *session, int cpu, const struct wire_cpu *before,
			const struct wire_cpu *now)
{
	char label[64];

	for (uint32_t irq = 0; irq < WIRE_IRQS; irq++) {
		if (now->irqs[irq].count == before->irqs[irq].count)
			continue;
		irq_label(irq, cpu, label, sizeof(label));
		irq_tell(session, label, now->irqs[irq].count - before->irqs[irq].count,
			 now->irqs[irq].ns - before->irqs[irq].ns);
	}
}

static int irq_begin(struct session *session, struct error *error)
{
	struct irq_data *data = calloc(1, sizeof(*data));

	session->family_data[family_index(&family_irq)] = data;
	if (data)
		data->seen = cpus_read(session, &data->cpus);
	return data && data->seen ? 0 : error_set(error, -ENOMEM, "cannot read the CPUs' counts");
}

static int irq_drain(struct session *session, struct error *error)
{
	struct irq_data *data = irq_data(session);
	struct wire_cpu *now = data ? cpus_read(session, &data->cpus) : NULL;

	for (int cpu = 0; now && data->seen && cpu < data->cpus; cpu++)
		cpu_counted(session, cpu, &data->seen[cpu], &now[cpu]);
	if (now) {
		free(data->seen);
		data->seen = now;
	}
	return generation_drain(session, session->skeleton->maps.irq_times_0,
				session->skeleton->maps.irq_times_1, hard_counted, error);
}

static void irq_close(struct session *session)
{
	struct irq_data *data = irq_data(session);

	if (data)
		free(data->seen);
	free(data);
}

const struct family family_irq = {
	.name = "irq",
	.what = "time in hard and soft interrupts, by interrupt and CPU",
	.begin = irq_begin,
	.drain = irq_drain,
	.close = irq_close,
};
