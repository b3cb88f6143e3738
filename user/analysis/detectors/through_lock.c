/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings whose cause reaches its victims through a mutex: the holder waits, others for him. */
#include "analysis/detectors/detector.h"

/* A smaller part of a finding's time is not worth a link of its chain. */
#define THROUGH_MIN_SHARE 0.1

/* Puts a link before the last one. */
static void chain_insert(struct bottleneck *finding, const char *id, const struct place *where)
{
	struct link last;

	finding_link(finding, id, where);
	last = finding->chain.at[finding->chain.len - 1];
	finding->chain.at[finding->chain.len - 1] = finding->chain.at[finding->chain.len - 2];
	finding->chain.at[finding->chain.len - 2] = last;
}

void finding_through_lock(struct analysis *a, struct bottleneck *finding,
			  const struct blame_filter *filter)
{
	double all = blame_sum(a->blame, filter), through, victim_ns;
	struct blame_filter by_lock = *filter;
	const struct function *holds, *waits;
	struct place mutex, victim;
	uint32_t holder, waiter;

	by_lock.by_lock = 1;
	through = blame_sum(a->blame, &by_lock);
	holder = blame_top_owner(a->blame, &by_lock);
	waiter = blame_top_victim(a->blame, &by_lock, &victim_ns);
	if (through < THROUGH_MIN_SHARE * all || holder == NONE || waiter == NONE)
		return;
	holds = functions_heaviest(a->functions, SAMPLE_WAKEUP, holder);
	waits = functions_heaviest(a->functions, SAMPLE_LOCK, waiter);
	mutex = place_group(a, holder);
	place_function(a, &mutex, holds);
	victim = place_group(a, waiter);
	place_function(a, &victim, waits);
	/* The detector's own victim, if there is one, lost to the cause without a mutex between. */
	if (finding->chain.len > 1 && finding->group == waiter) {
		chain_insert(finding, "lock.user", &mutex);
		if (through > all / 2)
			finding->chain.at[finding->chain.len - 1] =
				(struct link){"wait for the mutex", victim};
	} else {
		finding_link(finding, "lock.user", &mutex);
		finding_link(finding, "wait for the mutex", &victim);
	}
	finding_evidence(finding, "of it, others waited for a mutex that was held meanwhile",
			 100 * through / all, "%");
	if (holds)
		vec_push(&finding->stacks, holds->stack);
	if (waits)
		vec_push(&finding->stacks, waits->stack);
	if (through > all / 2 && mutex.function)
		finding->title = finding_text(a, "%s, with a mutex that is held in %s",
					      finding->title, mutex.function);
}
