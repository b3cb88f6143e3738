/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/detectors/device_neighbour.h"
#include "analysis/detectors/disk.h"
#include "analysis/leaf.h"
#include "model/histogram.h"

/* The function, among those where a group waits, that a single wait's stack stands for. */
static size_t function_of_wait(const struct analysis *a, const struct wait *wait, uint32_t owner)
{
	const struct recording *rec = a->rec;
	const struct stack *stack = &rec->stacks.at[wait->stack];
	uint32_t process = rec->threads.at[wait->thread].process;
	uint32_t leaf = stack_leaf(rec, stack, SAMPLE_OFFCPU, rec->processes.at[process].exe);
	const struct frame *frame;

	if (leaf >= stack->len)
		return SIZE_MAX;
	frame = &rec->frames.at[rec->stack_frames.at[stack->first + leaf]];
	for (size_t i = 0; i < a->functions->at.len; i++) {
		const struct function *function = &a->functions->at.at[i];

		if (function->kind == SAMPLE_OFFCPU && function->group == owner &&
		    function->module == frame->module && function->name == frame->function)
			return i;
	}
	return SIZE_MAX;
}

/*
 * The code of a group that waits in these states most, by its single waits; where none was long
 * enough to be told, the code that waits most for whatever it be.
 */
static const struct function *waiting_code(const struct analysis *a, uint32_t owner,
					   uint32_t states)
{
	double *ns = calloc(a->functions->at.len + 1, sizeof(*ns)), most = 0;
	const struct function *top = NULL;

	if (!ns)
		abort();
	vec_each(&a->rec->waits, wait) {
		size_t at = SIZE_MAX;

		if ((states >> wait->state & 1) && a->facts->threads[wait->thread].group == owner)
			at = function_of_wait(a, wait, owner);
		if (at == SIZE_MAX)
			continue;
		ns[at] += (double)(wait->end_ns - wait->begin_ns);
		if (ns[at] > most) {
			most = ns[at];
			top = &a->functions->at.at[at];
		}
	}
	free(ns);
	return top ? top : functions_heaviest(a->functions, SAMPLE_OFFCPU, owner);
}

/* Whether more than half of what the victim lost was waiting for a mutex. */
static bool victim_waits_for_mutex(const struct analysis *a, const struct blame_filter *filter,
				   uint32_t victim)
{
	struct blame_filter of_victim = *filter;
	double all;

	of_victim.victim = victim;
	all = blame_sum(a->blame, &of_victim);
	of_victim.by_lock = 1;
	return blame_sum(a->blame, &of_victim) > all / 2;
}

/* Of a label "<device> <op>": whether it is of this operation. */
static bool is_of_op(const char *label, const char *op)
{
	const char *space = strrchr(label, ' ');

	return space && !strcmp(space + 1, op);
}

/* The label "<device> <op>" with most requests of this kind, of one group or of all (NULL). */
static uint32_t busiest_label(const struct analysis *a, const uint32_t *owner, const char *op)
{
	uint32_t metric = string_find(a->rec, "block.device_ns"), top = NONE;
	uint64_t *requests = calloc(a->rec->strings.at.len + 1, sizeof(*requests));

	if (!requests)
		abort();
	vec_each(&a->rec->buckets, bucket) {
		if (bucket->metric != metric || !is_of_op(string_get(a->rec, bucket->label), op) ||
		    (owner && facts_process_group(a->facts, bucket->process) != *owner))
			continue;
		requests[bucket->label] += bucket->count;
		if (top == NONE || requests[bucket->label] > requests[top])
			top = bucket->label;
	}
	free(requests);
	return top;
}

/* Merged over the group's processes; requests of the kernel's writeback belong to nobody. */
static void collect(const struct analysis *a, struct histogram *histogram, const char *metric,
		    const char *label, uint32_t owner)
{
	for (uint32_t i = 0; i < a->rec->processes.len; i++) {
		struct histogram_filter filter = {.metric = metric, .label = label, .process = &i};

		if (a->facts->process_group[i] == owner)
			histogram_collect(histogram, a->rec, &filter);
	}
}

void disk_evidence(struct analysis *a, struct bottleneck *finding, uint32_t owner, const char *op)
{
	uint32_t label_id = busiest_label(a, &owner, op);
	struct histogram device = {}, queue = {};
	double seconds = a->facts->window_ns / 1e9;
	const char *label;

	/* Another may have submitted what it waits for: a journal's thread, or a server. */
	if (label_id == NONE)
		label_id = busiest_label(a, NULL, op);
	if (label_id == NONE)
		return;
	label = string_get(a->rec, label_id);
	if (!finding->where.device)
		finding->where.device =
			finding_text(a, "%.*s", (int)(strrchr(label, ' ') - label), label);
	collect(a, &device, "block.device_ns", label, owner);
	collect(a, &queue, "block.queue_ns", label, owner);
	if (device.count) {
		finding_evidence(finding, finding_text(a, "%s requests", label),
				 (double)device.count / seconds, "requests/s");
		finding_evidence(finding, finding_text(a, "%s at the device, median", label),
				 histogram_percentile(&device, 50) / 1e6, "ms");
		finding_evidence(finding, finding_text(a, "%s at the device, p99", label),
				 histogram_percentile(&device, 99) / 1e6, "ms");
	}
	if (queue.count)
		finding_evidence(finding, finding_text(a, "%s in the queue, median", label),
				 histogram_percentile(&queue, 50) / 1e6, "ms");
	histogram_free(&device);
	histogram_free(&queue);
}

/* Tells who else keeps the finding's device busy; the cause, and so before all else in the chain.
 */
static void neighbour_tell(struct analysis *a, struct bottleneck *finding, uint32_t owner,
			   uint32_t states)
{
	const char *device = finding->where.device, *name;
	struct device_neighbour neighbour;
	struct place at;

	if (!device || !device_neighbour(a, owner, states, device, &neighbour))
		return;
	name = group_name(a, neighbour.group);
	at = place_group(a, neighbour.group);
	finding_link(finding, finding_text(a, "keeps %s busy", device), &at);
	finding->title =
		finding_text(a, "%s, while %s keeps %s busy", finding->title, name, device);
	finding->action = finding_text(
		a,
		"Hold %s back (io.max or io.weight of its cgroup, ionice), or put its files on "
		"another device. Else: %s",
		name, finding->action);
	finding_evidence(finding,
			 finding_text(a, "requests of %s at %s at once, mean", name, device),
			 neighbour.requests, "requests");
	finding_evidence(finding,
			 finding_text(a, "%s: of all requests at %s by time", name, device),
			 100 * neighbour.share, "%");
}

void disk_findings(struct analysis *a, const char *id, uint32_t states,
		   void (*complete)(struct analysis *a, struct bottleneck *finding, uint32_t owner))
{
	for (uint32_t owner = 0; owner < a->facts->groups.len; owner++) {
		struct blame_filter filter = BLAME_ANY(states);
		struct bottleneck *finding;
		struct place victim;

		filter.owner = owner;
		finding = finding_add_blame(a, id, &filter);
		if (!finding)
			continue;
		finding->confidence = CONFIDENCE_HIGH;
		victim = place_group(a, finding->group);
		complete(a, finding, owner);
		place_function(a, &finding->where, waiting_code(a, owner, states));
		neighbour_tell(a, finding, owner, states);
		finding_link(finding, id, &finding->where);
		if (finding->group != owner && !victim_waits_for_mutex(a, &filter, finding->group))
			finding_link(finding, "waits for its server", &victim);
		finding_through_lock(a, finding, &filter);
	}
}
