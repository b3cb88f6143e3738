/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A detector: one finding id, one file, one line in detectors.c. It looks for its cause in what the
 * analysis knows and adds a finding with its evidence. It never looks at the name of a program to
 * find its answer. See docs/add-a-detector.md.
 */
#ifndef STRAIT_DETECTOR_H
#define STRAIT_DETECTOR_H

#include "analysis/blame.h"
#include "analysis/facts.h"
#include "analysis/functions.h"
#include "model/document.h"

struct analysis {
	const struct recording *rec;
	struct facts *facts;
	struct blame *blame;
	struct functions *functions;
	struct document *doc;
};

struct detector {
	const char *id; /* resource.cause, as listed in docs/json.md */
	void (*detect)(struct analysis *a);
};

/* NULL-terminated. */
extern const struct detector *const detectors[];

/* Findings that take less than this of all work are not worth a line. */
#define FINDING_MIN_SHARE 0.01

/*
 * Adds a finding that costs `ns` of the victims' time, known to be between low and high. NULL if it
 * is not worth mentioning. The caller completes it.
 */
struct bottleneck *finding_add(struct analysis *a, const char *id, double ns, double low,
			       double high);

/*
 * The same for time that a blame filter selects: exact totals, so the interval is how much they
 * varied from slice to slice. Sets the victim (last link of the chain) and the group whose time is
 * saved.
 */
struct bottleneck *finding_add_blame(struct analysis *a, const char *id,
				     const struct blame_filter *filter);

/*
 * A finding about one group that is its own victim: sets where, group and subject. of_running: the
 * time is a part of its CPU time.
 */
void finding_of_group(struct analysis *a, struct bottleneck *finding, uint32_t group,
		      bool of_running);

/* `format` is as of printf(3). */
const char *finding_text(struct analysis *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void finding_evidence(struct bottleneck *finding, const char *what, double value, const char *unit);
void finding_link(struct bottleneck *finding, const char *id, const struct place *where);
/*
 * Where a good part of the time that the filter selects was waiting for a mutex whose holder was in
 * that state: tells it, and puts the mutex into the chain between the cause and the victim. Call it
 * when the rest of the chain is there; a victim that is not there yet is added.
 */
void finding_through_lock(struct analysis *a, struct bottleneck *finding,
			  const struct blame_filter *filter);
/* Also: where the code of a function is. */
void place_function(struct analysis *a, struct place *place, const struct function *function);
/* The function at a place, called by its begin where it has no name; `otherwise` if unknown. */
const char *place_code(struct analysis *a, const struct place *place, const char *otherwise);
struct place place_group(struct analysis *a, uint32_t group);

/* Of one process: what it is called, and the container and cgroup that it is in. */
struct place place_process(struct analysis *a, uint32_t position);

/* What to do about it: effort 1, 3, 8 by category, hours as people take. */
void finding_action(struct bottleneck *finding, enum effort effort, double low_hours,
		    double high_hours, double removable, const char *action);

const char *group_name(const struct analysis *a, uint32_t group);

/* Bits for struct blame_filter.states. */
#define STATES_RUN   (1u << STATE_RUN_USER | 1u << STATE_RUN_KERNEL)
#define STATE_BIT(s) (1u << (s))

#endif
