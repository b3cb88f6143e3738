/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * irq: time in hard and soft interrupts, by interrupt and CPU. It also tells the ledger how much of
 * a thread's time on a CPU was not its own.
 */
#include "core/compat.bpf.h"
#include "core/maps.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/*
 * A softirq that begins this soon after an interrupt, or after such a softirq, is its second half.
 * Nothing else runs in between: this is the way out of the interrupt.
 */
#define IRQ_TAIL_NS 2000

GENERATION_MAPS(irq_times, struct irq_key, struct irq_value, 4096);

static __always_inline void interrupt_end(struct cpu_state *cpu, __u64 now)
{
	if (!cpu->in_hard && !cpu->soft_foreign && now > cpu->irq_begin)
		cpu->irq_total += now - cpu->irq_begin;
}

static __always_inline void irq_account(__u32 irq, __u64 ns)
{
	struct cpu_state *cpu = cpu_here();

	barrier_var(irq); /* or clang drops the check, which the verifier wants to see */
	if (!cpu || irq >= WIRE_IRQS)
		return;
	cpu->told.irqs[irq].count++;
	cpu->told.irqs[irq].ns += ns;
}

/*
 * Interrupt handlers run with interrupts off and do not nest. So a beginning while one seems to run
 * means that its end was not seen (the programs are attached one after the other): start afresh.
 */
static __always_inline void hard_begin(enum wait_end what, __u32 number)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();

	if (!cpu)
		return;
	if (!cpu->soft_foreign)
		cpu->irq_begin = now;
	cpu->hard_begin = now;
	cpu->in_hard = 1;
	cpu->hard_end_as = what;
	cpu->hard_number = number;
}

/* Returns the length of the interrupt; 0 for one whose beginning was not seen. */
static __always_inline __u64 hard_end(void)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();

	if (!cpu || !cpu->in_hard)
		return 0;
	cpu->in_hard = 0;
	cpu->hard_end = now;
	cpu->told.irq_ns += now - cpu->hard_begin;
	interrupt_end(cpu, now);
	return now - cpu->hard_begin;
}

#if defined(__TARGET_ARCH_x86)
TRACEPOINT("irq_handler_entry")
int BPF_PROG(irq__hard_begin, int irq)
{
	hard_begin(WAIT_END_IRQ, irq);
	return 0;
}
#else
/* The local timer, and calls by other CPUs, are interrupts like any other. */
#define HANDLER_TIMER 0x200 /* __IRQF_TIMER */

TRACEPOINT("irq_handler_entry")
int BPF_PROG(irq__hard_begin, int irq, struct irqaction *action)
{
	bool timer = BPF_CORE_READ(action, flags) & HANDLER_TIMER;

	hard_begin(timer ? WAIT_END_TIMER : WAIT_END_IRQ, irq);
	return 0;
}
#endif

TRACEPOINT("irq_handler_exit")
int BPF_PROG(irq__hard_end, int irq, struct irqaction *action)
{
	struct irq_key key = {.number = irq, .cpu = bpf_get_smp_processor_id()};
	struct irq_value zero = {}, *value;
	__u64 ns = hard_end();

	value = generation_add(irq_times, &key, &zero, DROP_MAP_IRQ);
	if (!value)
		return 0;
	value->count++;
	value->ns += ns;
	if (!value->name[0])
		bpf_probe_read_kernel_str(value->name, sizeof(value->name),
					  BPF_CORE_READ(action, name));
	return 0;
}

#if defined(__TARGET_ARCH_x86)
/* The local timer is no irq_handler here: its vector is traced. */
TRACEPOINT("local_timer_entry")
int BPF_PROG(irq__timer_begin)
{
	hard_begin(WAIT_END_TIMER, 0);
	return 0;
}

TRACEPOINT("local_timer_exit")
int BPF_PROG(irq__timer_end)
{
	irq_account(WIRE_IRQ_TIMER, hard_end());
	return 0;
}

/* A call by another CPU, by which it hands over received packets (RPS), among others. */
TRACEPOINT("call_function_single_entry")
int BPF_PROG(irq__call_begin)
{
	hard_begin(WAIT_END_CALL, 0);
	return 0;
}

TRACEPOINT("call_function_single_exit")
int BPF_PROG(irq__call_end)
{
	irq_account(WIRE_IRQ_CALL, hard_end());
	return 0;
}
#endif

/*
 * Whose work a softirq is. On the way out of an interrupt, and in a kernel thread that exists for
 * it, it is nobody's here. Otherwise the current thread raised it itself, in a send over loopback
 * for instance: its own kernel time.
 */
static __always_inline bool softirq_is_foreign(const struct cpu_state *cpu, __u64 now)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	if (now - cpu->hard_end < IRQ_TAIL_NS)
		return true;
	if (cpu->soft_foreign_last && now - cpu->soft_end < IRQ_TAIL_NS)
		return true;
	return !BPF_CORE_READ(task, pid) || (BPF_CORE_READ(task, flags) & COMPAT_PF_KTHREAD);
}

TRACEPOINT("softirq_entry")
int BPF_PROG(irq__soft_begin, unsigned int vector)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();
	bool foreign;

	if (!cpu)
		return 0;
	foreign = softirq_is_foreign(cpu, now);
	if (foreign)
		cpu->irq_begin = now;
	cpu->soft_foreign = cpu->soft_foreign_last = foreign;
	cpu->soft_begin = now;
	cpu->soft_vector = vector;
	return 0;
}

TRACEPOINT("softirq_exit")
int BPF_PROG(irq__soft_end, unsigned int vector)
{
	struct cpu_state *cpu = cpu_here();
	__u64 now = bpf_ktime_get_ns();
	bool foreign;

	if (!cpu || !cpu->soft_begin)
		return 0;
	foreign = cpu->soft_foreign;
	cpu->soft_foreign = 0;
	cpu->told.softirq_ns += now - cpu->soft_begin;
	irq_account(vector < WIRE_SOFTIRQS ? vector : WIRE_SOFTIRQS - 1, now - cpu->soft_begin);
	if (foreign)
		interrupt_end(cpu, now);
	cpu->soft_begin = 0;
	cpu->soft_end = now;
	return 0;
}
