/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/cpus.h"
#include "strait.skel.h"

struct wire_cpu *cpus_read(const struct session *session, int *count)
{
	const struct bpf_map *map = session->skeleton->maps.cpus;
	int cpus = libbpf_num_possible_cpus();
	/* As the kernel hands out values of CPUs: one after the other, in whole words. */
	size_t size = (bpf_map__value_size(map) + 7) & ~7UL;
	struct wire_cpu *out = NULL;
	uint32_t zero = 0;
	char *values;

	if (cpus <= 0)
		return NULL;
	values = malloc((size_t)cpus * size);
	if (values && !bpf_map_lookup_elem(bpf_map__fd(map), &zero, values))
		out = calloc((size_t)cpus, sizeof(*out));
	/* struct wire_cpu is the first member of struct cpu_state. */
	for (int cpu = 0; out && cpu < cpus; cpu++)
		memcpy(&out[cpu], values + (size_t)cpu * size, sizeof(out[cpu]));
	free(values);
	*count = cpus;
	return out;
}

struct cpus_sum cpus_sum(const struct session *session)
{
	struct cpus_sum sum = {};
	int count;
	struct wire_cpu *cpus = cpus_read(session, &count);

	for (int cpu = 0; cpus && cpu < count; cpu++) {
		sum.switches += cpus[cpu].switches;
		sum.calls += cpus[cpu].calls;
		sum.messages += cpus[cpu].messages;
		sum.probes += cpus[cpu].probes;
		sum.probe_ns += cpus[cpu].probe_ns;
	}
	free(cpus);
	return sum;
}
