/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cpu: samples at a fixed rate on every CPU, with kernel and user stacks. May run in NMI: look-ups
 * and the ring buffer only.
 */
#include "core/ledger.bpf.h"
#include "core/stacks.bpf.h"
#include "core/targets.bpf.h"
#include <bpf/bpf_tracing.h>

/* For how many a sample that is due now stands; 0 = it is left out. */
static __always_inline __u32 sample_turn(void)
{
	struct cpu_state *cpu = cpu_here();
	__u32 thin = sample_thin;

	if (thin < 2 || !cpu)
		return 1;
	return ++cpu->samples % thin ? 0 : thin;
}

SEC("perf_event")
int cpu__sample(struct bpf_perf_event_data *ctx)
{
	__u64 kernel, user;
	__u32 stands_for;

	if (!(__u32)bpf_get_current_pid_tgid() || !ledger_targeted(ledger_current()))
		return 0;
	stands_for = sample_turn();
	if (!stands_for)
		return 0;
	kernel = stack_kernel(ctx, SLOT_CPU);
	user = stack_user(SLOT_CPU);
	sample_send(WIRE_CPU_SAMPLE, kernel, user, sample_weight_ns * stands_for);
	return 0;
}
