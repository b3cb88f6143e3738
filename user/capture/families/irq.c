/* SPDX-License-Identifier: BSD-2-Clause */
/* irq: time in hard and soft interrupts and in the local timer, by interrupt and CPU. */
#include <stdio.h>
#include <string.h>

#include "capture/families.h"
#include "strait.skel.h"

/* In the order of the kernel's numbers (include/linux/interrupt.h), unchanged since 4.x. */
static const char *const softirq_names[] = {
	"HI",       "TIMER",   "NET_TX", "NET_RX",  "BLOCK",
	"IRQ_POLL", "TASKLET", "SCHED",  "HRTIMER", "RCU",
};

/* "softirq NET_RX cpu1", "irq 24 virtio0-input.0 cpu0", "timer cpu0" */
static void irq_label(const struct irq_key *key, const struct irq_value *value, char *label,
		      size_t size)
{
	int name = (int)strnlen(value->name, sizeof(value->name));

	if (key->source == IRQ_TIMER)
		snprintf(label, size, "timer cpu%u", key->cpu);
	else if (key->source == IRQ_IPI)
		snprintf(label, size, "call from another CPU cpu%u", key->cpu);
	else if (key->source == IRQ_SOFT &&
		 key->number < sizeof(softirq_names) / sizeof(softirq_names[0]))
		snprintf(label, size, "softirq %s cpu%u", softirq_names[key->number], key->cpu);
	else if (key->source == IRQ_SOFT)
		snprintf(label, size, "softirq %u cpu%u", key->number, key->cpu);
	else if (name)
		snprintf(label, size, "irq %u %.*s cpu%u", key->number, name, value->name,
			 key->cpu);
	else
		snprintf(label, size, "irq %u cpu%u", key->number, key->cpu);
}

static void irq_counted(struct session *session, const void *key, const void *value)
{
	const struct irq_value *sum = value;
	char label[64];

	irq_label(key, sum, label, sizeof(label));
	if (sum->count)
		recording_count(session->recording, "irq.count", NONE, label, sum->count);
	if (sum->ns)
		recording_count(session->recording, "irq.ns", NONE, label, sum->ns);
}

static int irq_drain(struct session *session, struct error *error)
{
	return generation_drain(session, session->skeleton->maps.irq_times_0,
				session->skeleton->maps.irq_times_1, irq_counted, error);
}

const struct family family_irq = {
	.name = "irq",
	.what = "time in hard and soft interrupts, by interrupt and CPU",
	.drain = irq_drain,
};
