/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cpu: samples at a fixed rate on every CPU, with kernel and user stacks. May run in NMI: look-ups
 * and the ring buffer only.
 */
#include "core/ledger.bpf.h"
#include "core/stacks.bpf.h"
#include "core/targets.bpf.h"
#include <bpf/bpf_tracing.h>

SEC("perf_event")
int cpu__sample(struct bpf_perf_event_data *ctx)
{
	__u64 kernel, user;

	if (!(__u32)bpf_get_current_pid_tgid() || !ledger_targeted(ledger_current()))
		return 0;
	kernel = stack_kernel(ctx, SLOT_CPU);
	user = stack_user(SLOT_CPU);
	sample_send(WIRE_CPU_SAMPLE, kernel, user, sample_weight_ns);
	return 0;
}
