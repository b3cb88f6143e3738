/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.saturated: more threads want to run than there are CPUs, and nobody in particular is to
 * blame: the group competes with itself and with its equals.
 */
#include <math.h>

#include "analysis/detectors/ready.h"

/* While CPUs are this idle, waiting for them is not for want of CPUs. */
#define IDLE_AT_MOST 0.2

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t subject,
		     uint32_t victim)
{
	const struct group *group = &a->facts->groups.at[subject];
	double running =
		(group->ns[STATE_RUN_USER] + group->ns[STATE_RUN_KERNEL]) / a->facts->window_ns;
	double waiting = (group->ns[STATE_READY_WOKEN] + group->ns[STATE_READY_PREEMPTED]) /
			 a->facts->window_ns;
	struct place at_victim = place_group(a, victim);

	finding->confidence = CONFIDENCE_MEDIUM;
	finding->title = finding_text(a, "%s wants %.1f CPUs and gets %.1f: the host has %u",
				      group_name(a, subject), running + waiting, running,
				      a->facts->cpu_count);
	ready_evidence(a, finding, subject, subject);
	finding_link(finding, "cpu.saturated", &finding->where);
	finding_link(finding, "waits for a CPU", &at_victim);
	finding_action(
		finding, EFFORT_COMPLEX, 4, 40, 1,
		finding_text(a,
			     "Give %s more CPUs, less work, or cheaper work (see its hottest "
			     "functions).",
			     group_name(a, subject)));
}

static void detect(struct analysis *a)
{
	if (isnan(a->facts->idle_share) || a->facts->idle_share > IDLE_AT_MOST)
		return;
	ready_findings(a, "cpu.saturated", READY_SATURATED, READY_BY_VICTIM, complete);
}

const struct detector cpu_saturated = {"cpu.saturated", detect};
