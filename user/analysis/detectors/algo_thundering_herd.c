/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * algo.thundering-herd: an event wakes many threads, one of them gets the work, and the others
 * sleep again where they slept before. The kernel side counts such wakeups exactly
 * (bpf/core/crowd.bpf.h): one act of one waker that woke others before, after which the thread ran
 * next to nothing and slept in the same place again.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/detectors/task_work.h"
#include "analysis/stats.h"

#define FUTILE_PER_SECOND 500.0
/* Of all wakeups, but for those for a mutex, of which a crowd makes as many on its way. */
#define FUTILE_SHARE 0.4
/* A waker that mostly wakes this group pays for it. */
#define WAKES_FOR 0.5

struct herd {
	uint32_t group;
	double wakeups, crowd, futile, futile_ns; /* counts (wakeups: none for a mutex), ns */
	double run, ready, lock;                  /* ns, of the group */
	double waking;                            /* ns that its wakers spent waking for nothing */
	double waker_run;                         /* ns, of it where it is another group */
	uint32_t waker;                           /* the first of them, NONE = not known */
	double by_waker, known;                   /* wakeups by it; by known wakers */
};

/* How often threads of a group waited for a mutex that was held. */
static double lock_waits(const struct analysis *a, uint32_t group)
{
	double waits = 0;

	vec_each(&a->rec->samples, sample)
		if (sample->kind == SAMPLE_LOCK && a->facts->threads[sample->thread].group == group)
			waits += (double)sample->count;
	return waits;
}

static struct herd herd_of(const struct analysis *a, uint32_t group)
{
	const struct group *g = &a->facts->groups.at[group];

	return (struct herd){
		.group = group,
		.wakeups = facts_count(a->facts, "sched.wakeups", group, NULL),
		.crowd = facts_count(a->facts, "sched.crowd_wakeups", group, NULL),
		.futile = facts_count(a->facts, "sched.futile_wakeups", group, NULL),
		.futile_ns = facts_count(a->facts, "sched.futile_ns", group, NULL),
		.run = g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL],
		.ready = g->ns[STATE_READY_WOKEN],
		.lock = g->lock_ns,
		.waker = NONE,
	};
}

/* Who wakes this group, and how much of its waking is of this group. */
static void waker_find(const struct analysis *a, struct herd *herd)
{
	double *by = calloc(a->facts->groups.len + 1, sizeof(double));
	double *all = calloc(a->facts->groups.len + 1, sizeof(double));

	if (!by || !all)
		abort();
	vec_each(&a->rec->edges, edge) {
		uint32_t waker = facts_process_group(a->facts, edge->party);

		if (edge->kind != EDGE_WAKER || waker == NONE)
			continue;
		all[waker] += (double)edge->count;
		if (a->facts->threads[edge->thread].group != herd->group)
			continue;
		by[waker] += (double)edge->count;
		herd->known += (double)edge->count;
	}
	for (uint32_t group = 0; group < a->facts->groups.len; group++) {
		if (by[group] <= herd->by_waker || by[group] < WAKES_FOR * all[group])
			continue;
		herd->waker = group;
		herd->by_waker = by[group];
	}
	free(by);
	free(all);
}

/* CPU time of the waker inside wakeups, as far as these were for nothing. */
static void waking_sum(const struct analysis *a, struct herd *herd)
{
	const struct group *g;
	double samples = 0, waking = 0, run;

	if (herd->waker == NONE)
		return;
	g = &a->facts->groups.at[herd->waker];
	vec_each(&a->rec->samples, sample) {
		if (sample->kind != SAMPLE_CPU ||
		    a->facts->threads[sample->thread].group != herd->waker ||
		    !sample_counts(a->rec, sample))
			continue;
		samples += (double)sample->count;
		if (stack_work(a->rec, &a->rec->stacks.at[sample->stack]) == WORK_WAKE)
			waking += (double)sample->count;
	}
	run = g->ns[STATE_RUN_USER] + g->ns[STATE_RUN_KERNEL];
	if (herd->waker != herd->group)
		herd->waker_run = run;
	if (samples > 0)
		herd->waking =
			run * stats_wilson(waking, samples).low * herd->futile / herd->wakeups;
}

static double threads_waiting(const struct analysis *a, const struct function *place)
{
	bool *seen = calloc(a->rec->threads.len + 1, sizeof(*seen));
	double threads = 0;

	if (!seen)
		abort();
	vec_each(&a->rec->samples, sample) {
		if (sample->kind != place->kind || seen[sample->thread] ||
		    a->facts->threads[sample->thread].group != place->group)
			continue;
		seen[sample->thread] = true;
		threads++;
	}
	free(seen);
	return threads;
}

static void herd_tell(struct analysis *a, struct bottleneck *finding, const struct herd *herd)
{
	const struct function *place = waits_most(a, herd->group);
	double seconds = a->facts->window_ns / 1e9;
	struct place waker = place_group(a, herd->waker);

	place_function(a, &finding->where, place);
	finding->title =
		finding_text(a,
			     "%.0f %% of the wakeups of %s are for nothing: several threads are "
			     "woken for what one does",
			     100 * herd->futile / herd->wakeups, group_name(a, herd->group));
	finding_evidence(finding, "threads that slept again where they were, with nothing done",
			 herd->futile / seconds, "wakeups/s");
	finding_evidence(finding, "of all wakeups but those for a mutex",
			 100 * herd->futile / herd->wakeups, "%");
	/* The first two of a crowd are not counted in it. */
	finding_evidence(finding, "wakeups behind another's by the same act", herd->crowd / seconds,
			 "wakeups/s");
	finding_evidence(finding, "CPU time of one that was for nothing",
			 herd->futile_ns / herd->futile / 1e3, "us");
	if (place) {
		finding_evidence(finding, "threads that wait there", threads_waiting(a, place),
				 "threads");
		vec_push(&finding->stacks, place->stack);
	}
	if (herd->waker != NONE) {
		finding_evidence(finding, "of known wakeups: by the waker named in the chain",
				 100 * herd->by_waker / herd->known, "%");
		finding_link(finding, "wakes them", &waker);
	}
	finding_link(finding, "wake for nothing", &finding->where);
	finding_action(finding, EFFORT_QUICK, 0.5, 8, 1,
		       "Wake one: EPOLLEXCLUSIVE or one shared epoll instance, SO_REUSEPORT, a "
		       "blocking accept(); pthread_cond_signal() instead of a broadcast.");
}

static void herd_add(struct analysis *a, struct herd *herd)
{
	double share = herd->futile / herd->wakeups, cpu, ns;
	struct bottleneck *finding;

	waker_find(a, herd);
	waking_sum(a, herd);
	cpu = herd->futile_ns + herd->waking;
	/* Those threads had no work: what they wait for a CPU, or for the mutex, is theirs alone.
	 */
	ns = cpu + (herd->ready + herd->lock) * share;
	finding = finding_add(a, "algo.thundering-herd", ns, ns * 0.9, ns);
	if (!finding)
		return;
	finding_of_group(a, finding, herd->group, true);
	finding->group_ns = a->blame->worked[herd->group] * cpu / (herd->run + herd->waker_run);
	finding->confidence = CONFIDENCE_HIGH;
	if (herd->waker != NONE)
		vec_push(&finding->covers, herd->waker);
	herd_tell(a, finding, herd);
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++) {
		struct herd herd = herd_of(a, group);

		if (a->blame->worked[group] <= 0 ||
		    herd.futile / (a->facts->window_ns / 1e9) < FUTILE_PER_SECOND)
			continue;
		herd.wakeups = fmax(herd.wakeups - lock_waits(a, group), herd.futile);
		if (herd.futile >= FUTILE_SHARE * herd.wakeups)
			herd_add(a, &herd);
	}
}

const struct detector algo_thundering_herd = {"algo.thundering-herd", detect};
