/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.kernel: threads wait for contended locks inside the kernel. They sleep for them, which the
 * ledger knows (contention_begin, _end), or spin, which shows in the samples of the CPU. The place
 * is the code that asked the kernel; the lock is named by the kernel function that takes it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/detectors/spots.h"
#include "analysis/leaf.h"
#include "analysis/samples.h"
#include "analysis/phases.h"
#include "analysis/stats.h"

/* The functions of locks themselves: who called them takes the lock. */
static const char *const lock_functions[] = {
	"rwsem_",     "down_",        "__down_",     "percpu_",   "__percpu_",      "mutex_",
	"__mutex_",   "__ww_mutex_",  "ww_mutex_",   "rt_mutex_", "__rt_mutex_",    "osq_",
	"_raw_spin_", "_raw_read_",   "_raw_write_", "do_raw_",   "native_queued_", "__pv_",
	"queued_",    "__raw_callee", "rt_spin_",    "rtlock_",
};

/* A kernel function that takes a lock for which threads of the group wait. */
struct taker {
	uint32_t name;
	const char *kind;
	double ns;
};

struct contention {
	const uint8_t *classes; /* of the frames */
	struct spots spots;     /* who asked; found: ns */
	VEC(struct taker) takers;
	double waits, slept_ns;
	double spinning; /* CPU samples */
};

static bool begins_with(const char *name, const char *begin)
{
	return !strncmp(name, begin, strlen(begin));
}

/* What a kernel function has to do with locks: NOT_OF_LOCKS, IN_LOCK, or SLOW_WAY + its row. */
enum { NOT_OF_LOCKS, IN_LOCK, SLOW_WAY };

static uint8_t function_class(const char *name)
{
	for (size_t i = 0; lock_ways[i].begin; i++)
		if (begins_with(name, lock_ways[i].begin))
			return (uint8_t)(SLOW_WAY + i);
	for (size_t i = 0; i < sizeof(lock_functions) / sizeof(lock_functions[0]); i++)
		if (begins_with(name, lock_functions[i]))
			return IN_LOCK;
	return NOT_OF_LOCKS;
}

/* Of all frames, by position: looked at once. The caller frees it. */
static uint8_t *frames_classify(const struct recording *rec)
{
	uint8_t *classes = calloc(rec->frames.len + 1, sizeof(*classes));

	if (!classes)
		abort();
	for (size_t i = 0; i < rec->frames.len; i++)
		if (rec->frames.at[i].kind == FRAME_KERNEL)
			classes[i] = function_class(string_get(rec, rec->frames.at[i].function));
	return classes;
}

/*
 * Whether a kernel stack waits for a lock: what it is, and the string of the function that takes
 * it.
 */
static const char *lock_wanted(const struct recording *rec, const uint8_t *classes,
			       const struct stack *stack, uint32_t *taker)
{
	const char *kind = NULL;

	for (uint32_t i = 0; i < stack->kernel_len; i++) {
		uint32_t at = rec->stack_frames.at[stack->first + i];

		/* The outer function knows better what the lock is: all of them queue and spin. */
		if (classes[at] >= SLOW_WAY) {
			kind = lock_ways[classes[at] - SLOW_WAY].kind;
		} else if (kind && classes[at] == NOT_OF_LOCKS) {
			*taker = rec->frames.at[at].function;
			return kind;
		}
	}
	return NULL;
}

static void taker_add(struct contention *c, uint32_t name, const char *kind, double ns)
{
	vec_each(&c->takers, taker)
		if (taker->name == name) {
			taker->ns += ns;
			return;
		}
	vec_push(&c->takers, (struct taker){name, kind, ns});
}

static void contention_collect(struct contention *c)
{
	const struct analysis *a = c->spots.a;

	vec_each(&a->rec->samples, sample) {
		const struct stack *stack;
		const char *kind;
		uint32_t taker;

		if ((sample->kind != SAMPLE_CPU && sample->kind != SAMPLE_OFFCPU) ||
		    sample->stack >= a->rec->stacks.len ||
		    a->facts->threads[sample->thread].group != c->spots.group)
			continue;
		stack = &a->rec->stacks.at[sample->stack];
		kind = lock_wanted(a->rec, c->classes, stack, &taker);
		if (!kind || stack_in_interrupt(a->rec, stack) || stack_in_tracing(a->rec, stack))
			continue;
		if (sample->kind == SAMPLE_CPU) {
			c->spinning += (double)sample->count;
		} else {
			c->waits += (double)sample->count;
			c->slept_ns += (double)sample->weight;
		}
		taker_add(c, taker, kind, (double)sample->weight);
		spots_add(&c->spots, sample, (double)sample->weight);
	}
}

static const struct taker *taker_top(const struct contention *c)
{
	const struct taker *top = NULL;

	vec_each(&c->takers, taker)
		if (!top || taker->ns > top->ns)
			top = taker;
	return top;
}

/* Spinning comes on top of the sleeping that the finding is about already. */
static void finding_extend(struct analysis *a, struct bottleneck *finding, double ns, double low,
			   double high)
{
	double total = a->blame->total;
	struct impact *impact = &finding->impact;

	impact->share = fmin(impact->share + ns / total, 1);
	impact->low = fmin(impact->low + low / total, impact->share);
	impact->high = fmin(impact->high + high / total, 1);
	finding->severity = severity_of_share(impact->low);
	finding->group_ns = fmin(finding->group_ns + ns, a->blame->worked[finding->group]);
}

/*
 * The share of the impact that a fix can win: without the lock the group is as fast as the CPUs
 * that it has or that stand idle let it be, once it does not spin on them.
 */
static double removable(const struct analysis *a, const struct bottleneck *finding, double spinning)
{
	double run = group_on_cpu(&a->facts->groups.at[finding->group]), room = run, share;

	if (!isnan(a->facts->idle_share))
		room += a->facts->idle_share * a->facts->cpu_ns;
	share = finding->group_ns / fmax(a->blame->worked[finding->group], 1);
	if (room <= 0 || share <= 0)
		return 1;
	return fmin((1 - run * (1 - spinning) / room) / share, 1);
}

static void lock_tell(struct analysis *a, struct bottleneck *finding, const struct contention *c)
{
	const struct group *g = &a->facts->groups.at[c->spots.group];
	const struct taker *taker = taker_top(c);
	double seconds = a->facts->window_ns / 1e9;
	const char *in, *lock = "a lock";

	spots_place(&c->spots, finding);
	if (taker) {
		lock = finding_text(a, "the %s that %s takes", taker->kind,
				    string_get(a->rec, taker->name));
		finding->where.lock =
			finding_text(a, "%s of %s", taker->kind, string_get(a->rec, taker->name));
	}
	in = finding->where.function;
	finding->title = finding_text(a, "%s waits inside the kernel for %s%s%s",
				      group_name(a, c->spots.group), lock, in ? ", called by " : "",
				      in ? in : "");
	finding->confidence = taker ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	finding_evidence(finding, "threads asleep for it, on average",
			 g->ns[STATE_WAIT_LOCK_KERNEL] / a->facts->window_ns, "threads");
	if (c->waits > 0) {
		finding_evidence(finding, "times they slept", c->waits / seconds, "waits/s");
		finding_evidence(finding, "one of them", c->slept_ns / c->waits / 1e3, "us");
	}
	if (g->samples > 0)
		finding_evidence(finding, "CPU time spent on getting it (spinning, queueing)",
				 c->spinning / g->samples * group_on_cpu(g) / 1e9 / seconds,
				 "CPUs");
	finding_link(finding, "lock.kernel", &finding->where);
}

static void detect_group(struct analysis *a, uint32_t owner, const uint8_t *classes)
{
	struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_WAIT_LOCK_KERNEL));
	const struct group *g = &a->facts->groups.at[owner];
	struct contention c = {.classes = classes, .spots = {.a = a, .group = owner}};
	double cost = spots_cpu_cost(a, owner), spinning = 0;
	struct interval share = {0, 0};
	struct bottleneck *finding;

	contention_collect(&c);
	if (g->samples > 0 && c.spinning > 0) {
		spinning = c.spinning / g->samples;
		share = stats_wilson(c.spinning, g->samples);
	}
	filter.owner = owner;
	finding = finding_add_blame(a, "lock.kernel", &filter);
	if (finding) {
		finding_extend(a, finding, cost * spinning, cost * share.low, cost * share.high);
	} else {
		finding = finding_add(a, "lock.kernel", cost * spinning, cost * share.low,
				      cost * share.high);
		if (finding)
			finding_of_group(a, finding, owner, true);
	}
	if (finding) {
		bool own = finding->group == owner;

		lock_tell(a, finding, &c);
		/* The bound of the free CPUs is in it. */
		finding->of_running = own;
		finding_action(finding, EFFORT_MEDIUM, 2, 24,
			       own ? removable(a, finding, spinning) : 1,
			       "Do fewer of the calls that meet there, or from fewer threads, or "
			       "on separate files, directories or address spaces.");
	}
	spots_free(&c.spots);
	vec_free(&c.takers);
}

/* The groups that wait for such locks at all. The caller frees it. */
static bool *groups_mark(const struct analysis *a, const uint8_t *classes)
{
	bool *marked = calloc(a->facts->groups.len + 1, sizeof(*marked));

	if (!marked)
		abort();
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		marked[group] = a->facts->groups.at[group].ns[STATE_WAIT_LOCK_KERNEL] > 0;
	vec_each(&a->rec->samples, sample) {
		uint32_t group = a->facts->threads[sample->thread].group, taker;

		if (sample->kind == SAMPLE_CPU && group != NONE && !marked[group] &&
		    sample->stack < a->rec->stacks.len)
			marked[group] = lock_wanted(a->rec, classes,
						    &a->rec->stacks.at[sample->stack], &taker);
	}
	return marked;
}

static void detect(struct analysis *a)
{
	uint8_t *classes = frames_classify(a->rec);
	bool *marked = groups_mark(a, classes);

	for (uint32_t owner = 0; owner < a->facts->groups.len; owner++)
		if (marked[owner])
			detect_group(a, owner, classes);
	free(marked);
	free(classes);
}

const struct detector lock_kernel = {"lock.kernel", detect};
