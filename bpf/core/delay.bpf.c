/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single long waits for a CPU. */
#include "core/delay.bpf.h"

/* Sent by each CPU, or so. */
#define DELAYS_PER_SECOND 100

/* All of them, told or not: how many, and ns. */
__u64 delay_count[WIRE_SHARDS], delay_sum[WIRE_SHARDS];

/*
 * How much waiting one of `waited` ns that ends now stands for if it is to be told, else 0. Where
 * they are many, those of delay_step and more are told for themselves, and of the shorter ones one
 * for so many ns of them all: the sum of all that are told is right, and the sums by thread and by
 * who had the CPU are estimates without bias.
 */
static __always_inline __u64 delay_weight(struct cpu_state *cpu, __u64 waited, __u64 now)
{
	__u64 second = now >> 30, step;

	if (cpu->delay_second != second) {
		cpu->delay_step =
			cpu->delay_second + 1 == second ? cpu->delay_ns / DELAYS_PER_SECOND : 0;
		cpu->delay_second = second;
		cpu->delay_ns = 0;
		cpu->delays_sent = 0;
	}
	cpu->delay_ns += waited;
	step = cpu->delay_step;
	if (waited < step) {
		cpu->delay_debt += waited;
		if (cpu->delay_debt < cpu->delay_due)
			return 0;
		/* By chance, step on average: threads that take turns are told alike. */
		cpu->delay_due = bpf_get_prandom_u32() % (2 * step);
		waited = cpu->delay_debt;
		cpu->delay_debt = 0;
	}
	if (++cpu->delays_sent >= DELAYS_PER_SECOND) {
		cpu->delay_step = 2 * cpu->delay_ns / DELAYS_PER_SECOND;
		cpu->delays_sent = 0;
	}
	return waited;
}

/* Who had this CPU from `begin` to `now` → delay->run[]. Each is written: the memory is used. */
static __always_inline void delay_runs(struct wire_delay *delay, const struct cpu_state *cpu,
				       __u64 begin, __u64 now)
{
	__u64 seen = begin;

#pragma clang loop unroll(full)
	for (__u32 i = 0; i < WIRE_RUNS; i++) {
		__u32 slot = (cpu->run_at - 1 - i) & (WIRE_RUNS - 1);

		/* Nothing is known of what was before the oldest. */
		if (i == WIRE_RUNS - 1 && cpu->run[slot].begin > begin)
			seen = cpu->run[slot].begin;
		delay->run[i].tid = cpu->run[slot].tid;
		delay->run[i].tgid = cpu->run[slot].tgid;
		delay->run[i].ns = run_between(cpu, slot, begin, now);
	}
	delay->seen_ns = now - seen;
}

__attribute__((noinline)) __u64 delay_tell(__u64 id, __u64 state, __u64 begin, __u64 now)
{
	struct cpu_state *cpu = cpu_here();
	struct wire_delay *delay;
	__u32 shard = bpf_get_smp_processor_id() & (WIRE_SHARDS - 1);
	__u64 weight;

	if (!cpu)
		return 0;
	__sync_fetch_and_add(&delay_count[shard], 1);
	__sync_fetch_and_add(&delay_sum[shard], now - begin);
	weight = delay_weight(cpu, now - begin, now);
	if (!weight)
		return 0;
	delay = bpf_ringbuf_reserve(&events, sizeof(*delay), 0);
	if (!delay) {
		drop_count(DROP_RING_DELAY);
		return 0;
	}
	delay->header.kind = WIRE_DELAY;
	delay->header.cpu = bpf_get_smp_processor_id();
	delay->header.time_ns = now;
	delay->header.tid = (__u32)id;
	delay->header.tgid = id >> 32;
	delay->begin_ns = begin;
	delay->weight_ns = weight;
	delay->state = state;
	delay->pad = 0;
	delay_runs(delay, cpu, begin, now);
	bpf_ringbuf_submit(delay, BPF_RB_NO_WAKEUP);
	return 0;
}
