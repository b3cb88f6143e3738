/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * irq: time in hard and soft interrupts, by interrupt and CPU. It also tells the ledger how much of
 * a thread's time on a CPU was not its own.
 */
#include "core/maps.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define IRQ_HARD  0
#define IRQ_SOFT  1
#define IRQ_TIMER 2

/* A softirq that begins this soon after an interrupt is its second half. */
#define IRQ_TAIL_NS 2000

GENERATION_MAPS(irq_times, struct irq_key, struct irq_value, 4096);

static __always_inline void interrupt_begin(struct cpu_state *cpu, __u64 now)
{
	if (!cpu->hard_depth && !cpu->soft_depth)
		cpu->irq_begin = now;
}

static __always_inline void interrupt_end(struct cpu_state *cpu, __u64 now)
{
	if (!cpu->hard_depth && !cpu->soft_depth && now > cpu->irq_begin)
		cpu->irq_total += now - cpu->irq_begin;
}

static __always_inline struct irq_value *irq_account(__u32 softirq, __u32 number, __u64 ns)
{
	struct irq_key key = {.softirq = softirq, .number = number};
	struct irq_value zero = {}, *value;

	key.cpu = bpf_get_smp_processor_id();
	value = generation_add(irq_times, &key, &zero, DROP_MAP_IRQ);
	if (value) {
		value->count++;
		value->ns += ns;
	}
	return value;
}

static __always_inline void hard_begin(void)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();

	if (!cpu)
		return;
	interrupt_begin(cpu, now);
	if (!cpu->hard_depth)
		cpu->hard_begin = now;
	cpu->hard_depth++;
}

/* Returns the length of the outermost hard interrupt, 0 inside another one. */
static __always_inline __u64 hard_end(void)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();

	/* An interrupt that was running when the programs were attached has no beginning. */
	if (!cpu || !cpu->hard_depth)
		return 0;
	cpu->hard_depth--;
	if (cpu->hard_depth)
		return 0;
	cpu->hard_end = now;
	cpu->told.irq_ns += now - cpu->hard_begin;
	interrupt_end(cpu, now);
	return now - cpu->hard_begin;
}

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(irq__hard_begin)
{
	hard_begin();
	return 0;
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(irq__hard_end, int irq, struct irqaction *action)
{
	struct irq_value *value = irq_account(IRQ_HARD, irq, hard_end());

	if (value && !value->name[0])
		bpf_probe_read_kernel_str(value->name, sizeof(value->name),
					  BPF_CORE_READ(action, name));
	return 0;
}

/* The local timer is no irq_handler: x86 and others trace its vector. */
SEC("tp_btf/local_timer_entry")
int BPF_PROG(irq__timer_begin)
{
	hard_begin();
	return 0;
}

SEC("tp_btf/local_timer_exit")
int BPF_PROG(irq__timer_end)
{
	irq_account(IRQ_TIMER, 0, hard_end());
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(irq__soft_begin)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();

	if (!cpu)
		return 0;
	interrupt_begin(cpu, now);
	cpu->soft_depth = 1;
	cpu->soft_begin = now;
	cpu->soft_from_irq = now - cpu->hard_end < IRQ_TAIL_NS;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(irq__soft_end, unsigned int vector)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();

	if (!cpu || !cpu->soft_depth)
		return 0;
	cpu->soft_depth = 0;
	cpu->told.softirq_ns += now - cpu->soft_begin;
	irq_account(IRQ_SOFT, vector, now - cpu->soft_begin);
	interrupt_end(cpu, now);
	return 0;
}
