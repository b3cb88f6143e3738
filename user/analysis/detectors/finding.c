/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/phases.h"
#include "analysis/stats.h"

struct bottleneck *finding_add(struct analysis *a, const char *id, double ns, double low,
			       double high)
{
	double total = a->blame->total;
	struct bottleneck *finding;

	if (total <= 0 || ns / total < FINDING_MIN_SHARE)
		return NULL;
	finding = vec_extend(&a->doc->bottlenecks, 1);
	finding->id = id;
	finding->resource = finding_text(a, "%.*s", (int)strcspn(id, "."), id);
	finding->impact.share = fmin(ns / total, 1);
	finding->impact.low = fmin(fmax(low / total, 0), finding->impact.share);
	finding->impact.high = fmin(fmax(high / total, finding->impact.share), 1);
	finding->impact.basis = a->rec->target.kind == TARGET_HOST
					? "of the time in which processes of this host had work"
					: "of the time in which the target had work";
	finding->severity = severity_of_share(finding->impact.low);
	finding->confidence = CONFIDENCE_MEDIUM;
	finding->group = finding->subject = NONE;
	return finding;
}

/* Time of a group in some states, slice by slice. The caller frees it. */
static double *group_by_slice(const struct analysis *a, uint32_t group, uint32_t states)
{
	double *by_slice = calloc(a->rec->slices.len + 1, sizeof(double));

	if (!by_slice)
		abort();
	vec_each(&a->rec->ledger, row)
		if (row->slice < a->rec->slices.len && (states >> row->state & 1) &&
		    a->facts->threads[row->thread].group == group)
			by_slice[row->slice] += (double)row->ns;
	return by_slice;
}

/*
 * Half the width of the 95 % interval of a mean over slices, as a share of it: how far the window
 * may be from what is usual. Slices follow each other, so their number is discounted.
 */
static double slice_uncertainty(const struct analysis *a, uint32_t group, uint32_t states)
{
	double *values = group_by_slice(a, group, states), mean = 0, variance = 0, half = 1;
	size_t n = a->rec->slices.len;

	for (size_t i = 0; i < n; i++) {
		double seconds =
			(double)(a->rec->slices.at[i].end_ns - a->rec->slices.at[i].begin_ns);

		values[i] = seconds > 0 ? values[i] / seconds : 0;
		mean += values[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		variance += (values[i] - mean) * (values[i] - mean) / (n > 1 ? (double)n - 1 : 1);
	if (n > 1 && mean > 0)
		half = 1.96 *
		       sqrt(variance * stats_inflation(stats_autocorrelation(values, n), n) /
			    (double)n) /
		       mean;
	free(values);
	return fmin(half, 1);
}

/* The states that a filter for READY_WOKEN means in the ledger. */
static uint32_t ledger_states(uint32_t states)
{
	if (states >> STATE_READY_WOKEN & 1)
		states |= STATE_BIT(STATE_READY_PREEMPTED);
	return states;
}

struct bottleneck *finding_add_blame(struct analysis *a, const char *id,
				     const struct blame_filter *filter)
{
	double ns = blame_sum(a->blame, filter), victim_ns, half;
	uint32_t victim = blame_top_victim(a->blame, filter, &victim_ns);
	uint32_t owner = filter->owner != NONE ? filter->owner : victim;
	struct bottleneck *finding;

	if (victim == NONE)
		return NULL;
	half = slice_uncertainty(a, owner, ledger_states(filter->states));
	/* Who holds a mutex that others wait for may never wait for one itself. */
	if (owner != victim && filter->states == STATE_BIT(STATE_WAIT_LOCK_USER))
		half = slice_uncertainty(a, victim, filter->states);
	finding = finding_add(a, id, ns, ns * (1 - half), ns * (1 + half));
	if (!finding)
		return NULL;
	finding->group = victim;
	finding->group_ns = victim_ns;
	finding->subject = owner;
	finding->where = place_group(a, owner);
	finding_evidence(finding,
			 finding_text(a, "share of the working time of %s", group_name(a, victim)),
			 100 * victim_ns / a->blame->worked[victim], "%");
	return finding;
}

void finding_of_group(struct analysis *a, struct bottleneck *finding, uint32_t group,
		      bool of_running)
{
	double ns = finding->impact.share * a->blame->total;
	struct blame_filter run = BLAME_ANY(STATES_RUN);
	double all, own;

	if (of_running) {
		/* The finding's time is that of all who wait for the group: keep the group's part.
		 */
		run.owner = group;
		all = blame_sum(a->blame, &run);
		run.victim = group;
		own = blame_sum(a->blame, &run);
		ns = all > 0 ? ns * own / all : 0;
	}
	finding->group = finding->subject = group;
	finding->group_ns = fmin(ns, a->blame->worked[group]);
	finding->of_running = of_running;
	finding->where = place_group(a, group);
}

const char *finding_text(struct analysis *a, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return document_text(a->doc, "%s", text);
}

void finding_evidence(struct bottleneck *finding, const char *what, double value, const char *unit)
{
	vec_push(&finding->evidence, (struct evidence){what, value, unit});
}

void finding_link(struct bottleneck *finding, const char *id, const struct place *where)
{
	vec_push(&finding->chain, (struct link){id, *where});
}

void finding_action(struct bottleneck *finding, enum effort effort, double low_hours,
		    double high_hours, double removable, const char *action)
{
	finding->effort = effort;
	finding->effort_hours[0] = low_hours;
	finding->effort_hours[1] = high_hours;
	finding->removable = fmin(fmax(removable, 0), 1);
	finding->action = action;
}

const char *group_name(const struct analysis *a, uint32_t group)
{
	return group == NONE ? "other processes" : a->facts->groups.at[group].name;
}

/* Strings of the recording outlive the document only by chance: copy. */
static const char *text_of(struct analysis *a, uint32_t string)
{
	const char *text = string_get(a->rec, string);

	return text[0] ? document_text(a->doc, "%s", text) : NULL;
}

struct place place_process(struct analysis *a, uint32_t position)
{
	const struct process *process = &a->rec->processes.at[position];
	struct place place = {};

	place.process = text_of(a, process->comm);
	place.pid = process->pid;
	if (process->cgroup < a->rec->cgroups.len) {
		const struct cgroup *cgroup = &a->rec->cgroups.at[process->cgroup];
		const char *path = string_get(a->rec, cgroup->path);

		place.container = text_of(a, cgroup->container);
		/* The root cgroup says nothing. */
		place.cgroup = strcmp(path, "/") ? text_of(a, cgroup->path) : NULL;
	}
	return place;
}

struct place place_group(struct analysis *a, uint32_t group)
{
	if (group == NONE)
		return (struct place){};
	return place_process(a, a->facts->groups.at[group].process);
}

const char *place_code(struct analysis *a, const struct place *place, const char *otherwise)
{
	const char *text;
	char *name;

	if (place->function || !place->begin || !place->module)
		return place->function ? place->function : otherwise;
	name = code_name(place->module, place->begin);
	text = document_text(a->doc, "%s", name);
	free(name);
	return text;
}

void place_function(struct analysis *a, struct place *place, const struct function *function)
{
	if (!function)
		return;
	place->function = text_of(a, function->name);
	place->begin = function->begin;
	if (function->module < a->rec->modules.len)
		place->module = text_of(a, a->rec->modules.at[function->module].path);
	place->file = text_of(a, function->file);
	place->line = function->line;
}
