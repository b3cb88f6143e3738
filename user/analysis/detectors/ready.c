/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "analysis/detectors/ready.h"

void ready_evidence(struct analysis *a, struct bottleneck *finding, uint32_t victim,
		    uint32_t culprit)
{
	const struct group *v = &a->facts->groups.at[victim];
	double seconds = a->facts->window_ns / 1e9;

	finding_evidence(finding,
			 finding_text(a, "%s: runnable without a CPU", group_name(a, victim)),
			 (v->ns[STATE_READY_WOKEN] + v->ns[STATE_READY_PREEMPTED]) / 1e9 / seconds,
			 "threads");
	if (culprit != NONE) {
		const struct group *c = &a->facts->groups.at[culprit];

		finding_evidence(finding, finding_text(a, "%s: on a CPU", group_name(a, culprit)),
				 group_on_cpu(c) / 1e9 / seconds, "CPUs");
	}
	finding_evidence(finding, "CPUs of the host, idle share", 100 * a->facts->idle_share, "%");
}

void ready_findings(struct analysis *a, const char *id, enum ready_cause cause,
		    enum ready_subject subject,
		    void (*complete)(struct analysis *a, struct bottleneck *finding,
				     uint32_t subject, uint32_t victim))
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++) {
		struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));
		struct bottleneck *finding;

		filter.ready = cause;
		if (subject == READY_BY_CULPRIT)
			filter.party = group;
		else
			filter.owner = group;
		finding = finding_add_blame(a, id, &filter);
		if (!finding)
			continue;
		finding->confidence = CONFIDENCE_HIGH;
		complete(a, finding, group, finding->group);
		finding_through_lock(a, finding, &filter);
	}
}
