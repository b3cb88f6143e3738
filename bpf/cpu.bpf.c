/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cpu: samples at a fixed rate on every CPU, with kernel and user stacks. May run in NMI: look-ups
 * and the ring buffer only.
 */
#include "core/ledger.bpf.h"
#include "core/stacks.bpf.h"
#include "core/targets.bpf.h"
#include <bpf/bpf_tracing.h>

STACK_SCRATCH(cpu_scratch)

SEC("perf_event")
int cpu__sample(struct bpf_perf_event_data *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), kernel, user;
	struct wire_sample *sample;

	if (!(__u32)id || !ledger_targeted(ledger_current()))
		return 0;
	kernel = cpu_scratch_kernel(ctx);
	user = cpu_scratch_user(ctx);
	sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
	if (!sample) {
		drop_count(DROP_RING_SAMPLE);
		return 0;
	}
	sample->header.kind = WIRE_CPU_SAMPLE;
	sample->header.cpu = bpf_get_smp_processor_id();
	sample->header.time_ns = bpf_ktime_get_ns();
	sample->header.tid = (__u32)id;
	sample->header.tgid = id >> 32;
	sample->kernel_stack = kernel;
	sample->user_stack = user;
	sample->weight = sample_weight_ns;
	bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
	return 0;
}
