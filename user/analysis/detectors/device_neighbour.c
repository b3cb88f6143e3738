/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * By Little's law: the sum of the times that requests spent at a device, over the time that
 * passed, is how many were there at once. Each slice counts by how much the waiter waited in it.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/detectors/device_neighbour.h"

/* Who has less than this at the device at once leaves it idle half of the time. */
#define BUSY_REQUESTS 0.5

struct sums {
	const struct analysis *a;
	double *waited; /* by slice: share of all the waiting, over the slice's length in ns */
	double *requests, all;            /* by group: at the device at once */
	uint32_t device_ns, neighbour_ns; /* names of metrics */
};

static void waiting_weigh(struct sums *s, uint32_t waiter, uint32_t states)
{
	const struct recording *rec = s->a->rec;
	double all = 0;

	vec_each(&rec->ledger, row) {
		if (row->slice >= rec->slices.len || !(states >> row->state & 1) ||
		    s->a->facts->threads[row->thread].group != waiter)
			continue;
		s->waited[row->slice] += (double)row->ns;
		all += (double)row->ns;
	}
	for (size_t i = 0; i < rec->slices.len && all > 0; i++) {
		double length = (double)(rec->slices.at[i].end_ns - rec->slices.at[i].begin_ns);

		s->waited[i] = length > 0 ? s->waited[i] / all / length : 0;
	}
}

/* Labels are "<device> <operation>". */
static bool is_of_device(const struct recording *rec, uint32_t label, const char *device)
{
	const char *text = string_get(rec, label);
	size_t length = strlen(device);

	return !strncmp(text, device, length) && text[length] == ' ';
}

static void device_time_add(struct sums *s, uint32_t slice, uint32_t process, double ns)
{
	uint32_t group = facts_process_group(s->a->facts, process);
	double requests = slice < s->a->rec->slices.len ? s->waited[slice] * ns : 0;

	s->all += requests;
	if (group != NONE)
		s->requests[group] += requests;
}

static void device_time_sum(struct sums *s, const char *device)
{
	const struct recording *rec = s->a->rec;

	vec_each(&rec->buckets, bucket)
		if (bucket->metric == s->device_ns && is_of_device(rec, bucket->label, device))
			device_time_add(s, bucket->slice, bucket->process, (double)bucket->sum);
	vec_each(&rec->counts, count)
		if (count->metric == s->neighbour_ns && is_of_device(rec, count->label, device))
			device_time_add(s, count->slice, count->process, (double)count->value);
}

bool device_neighbour(const struct analysis *a, uint32_t waiter, uint32_t states,
		      const char *device, struct device_neighbour *out)
{
	const struct facts *facts = a->facts;
	struct sums s = {
		.a = a,
		.waited = calloc(a->rec->slices.len + 1, sizeof(double)),
		.requests = calloc(facts->groups.len + 1, sizeof(double)),
		.device_ns = string_find(a->rec, "block.device_ns"),
		.neighbour_ns = string_find(a->rec, "block.neighbour_ns"),
	};

	if (!s.waited || !s.requests)
		abort();
	waiting_weigh(&s, waiter, states);
	device_time_sum(&s, device);
	*out = (struct device_neighbour){.group = NONE};
	for (uint32_t group = 0; group < facts->groups.len; group++) {
		if (group == waiter || facts->groups.at[group].kernel ||
		    s.requests[group] <= out->requests)
			continue;
		out->group = group;
		out->requests = s.requests[group];
	}
	out->share = s.all > 0 ? out->requests / s.all : 0;
	free(s.waited);
	free(s.requests);
	return out->group != NONE && out->share > 0.5 && out->requests >= BUSY_REQUESTS;
}
