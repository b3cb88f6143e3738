/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.priority: a group waits for CPUs because others have a higher priority than it was given. */
#include "analysis/detectors/ready.h"

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t subject,
		     uint32_t victim)
{
	const struct group *group = &a->facts->groups.at[subject];
	struct place at_victim = place_group(a, victim);

	finding->title = finding_text(a, "%s waits for CPUs because of its low priority (%s %.0f)",
				      group_name(a, subject),
				      group->idle_class ? "SCHED_IDLE, nice" : "nice", group->nice);
	finding_evidence(finding, "its nice level", group->nice, "nice");
	ready_evidence(a, finding, subject, NONE);
	finding_link(finding, "cpu.priority", &finding->where);
	finding_link(finding, "waits for a CPU", &at_victim);
	finding_action(finding, EFFORT_QUICK, 0.1, 1, 1,
		       finding_text(a,
				    "If %s matters, give it the priority of the rest (renice -n 0, "
				    "chrt -o), or move the others away.",
				    group_name(a, subject)));
}

static void detect(struct analysis *a)
{
	ready_findings(a, "cpu.priority", READY_PRIORITY, READY_BY_VICTIM, complete);
}

const struct detector cpu_priority = {"cpu.priority", detect};
