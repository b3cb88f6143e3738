/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.user: threads sleep for a mutex that another thread holds. Only waits of which that is known
 * count (the futex word said so); who lets the mutex go is who held it, and its code is the place.
 */
#include <stdlib.h>

#include "analysis/detectors/detector.h"

/* How many threads of the group waited for a mutex. */
static double threads_waiting(const struct analysis *a, uint32_t group, double *waits)
{
	bool *seen = calloc(a->rec->threads.len + 1, sizeof(*seen));
	double threads = 0;

	if (!seen)
		abort();
	*waits = 0;
	vec_each(&a->rec->samples, sample) {
		if (sample->kind != SAMPLE_LOCK || a->facts->threads[sample->thread].group != group)
			continue;
		*waits += (double)sample->count;
		threads += !seen[sample->thread];
		seen[sample->thread] = true;
	}
	free(seen);
	return threads;
}

/* `group` waits. */
static void lock_tell(struct analysis *a, struct bottleneck *finding, uint32_t group,
		      const struct function *holder, const struct function *waiter)
{
	double ended = facts_count(a->facts, "lock.waits", group, NULL);
	double by_owner = facts_count(a->facts, "lock.waits_by_owner", group, NULL);
	struct place victim = place_group(a, group);
	double waits, threads = threads_waiting(a, group, &waits);

	place_function(a, &finding->where, holder ? holder : waiter);
	place_function(a, &victim, waiter);
	finding->confidence = holder ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	if (holder && place_code(a, &finding->where, NULL))
		finding->title =
			finding_text(a, "%s waits for a mutex that is held in %s",
				     group_name(a, group), place_code(a, &finding->where, NULL));
	else
		finding->title =
			finding_text(a, "%s waits for a contended mutex", group_name(a, group));
	finding_link(finding, "holds the mutex", &finding->where);
	finding_link(finding, "wait for it", &victim);
	if (holder)
		vec_push(&finding->stacks, holder->stack);
	if (waiter)
		vec_push(&finding->stacks, waiter->stack);
	finding_evidence(finding, "threads that waited for a held mutex", threads, "threads");
	finding_evidence(finding, "such waits", waits / (a->facts->window_ns / 1e9), "waits/s");
	finding_evidence(finding, "time of one",
			 a->facts->groups.at[group].lock_ns / (waits > 0 ? waits : 1) / 1e3, "us");
	if (ended > 0)
		finding_evidence(finding, "of them, nobody else had it in between",
				 100 * by_owner / ended, "%");
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++) {
		struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_WAIT_LOCK_USER));
		struct bottleneck *finding;

		filter.owner = group;
		finding = finding_add_blame(a, "lock.user", &filter);
		if (!finding)
			continue;
		lock_tell(a, finding, finding->group,
			  functions_heaviest(a->functions, SAMPLE_WAKEUP, group),
			  functions_heaviest(a->functions, SAMPLE_LOCK, finding->group));
		finding_action(finding, EFFORT_MEDIUM, 4, 24, 1,
			       "Do less while the mutex is held (move work, input and output out "
			       "of it), or split what it protects.");
	}
}

const struct detector lock_user = {"lock.user", detect};
