/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.affinity: threads wait for the CPUs they are pinned to while others stand idle. */
#include <math.h>

#include "analysis/detectors/ready.h"

static uint32_t cpus_allowed(const struct analysis *a, uint32_t group)
{
	uint32_t fewest = a->facts->cpu_count;

	for (uint32_t i = 0; i < a->rec->threads.len; i++)
		if (a->facts->threads[i].group == group && a->facts->threads[i].busy &&
		    a->rec->threads.at[i].cpus_allowed &&
		    a->rec->threads.at[i].cpus_allowed < fewest)
			fewest = a->rec->threads.at[i].cpus_allowed;
	return fewest;
}

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t subject,
		     uint32_t victim)
{
	const struct group *group = &a->facts->groups.at[subject];
	double idle = facts_idle_elsewhere(a->facts, subject);
	double waiting = (group->ns[STATE_READY_WOKEN] + group->ns[STATE_READY_PREEMPTED]) /
			 a->facts->window_ns;
	struct place at_victim = place_group(a, victim);

	finding->title = finding_text(
		a, "%s is pinned to %u of %u CPUs and waits for them while others idle",
		group_name(a, subject), cpus_allowed(a, subject), a->facts->cpu_count);
	finding_evidence(finding, "idle on the CPUs it may not use", idle, "CPUs");
	ready_evidence(a, finding, subject, NONE);
	finding_link(finding, "cpu.affinity", &finding->where);
	finding_link(finding, "waits for a CPU", &at_victim);
	/* Only as many waiting threads can run at once as there are idle CPUs. */
	finding_action(finding, EFFORT_QUICK, 0.1, 1, waiting > 0 ? fmin(idle / waiting, 1) : 1,
		       "Widen its CPU mask (taskset -ap, cpuset.cpus, CPUAffinity= of its unit).");
}

static void detect(struct analysis *a)
{
	ready_findings(a, "cpu.affinity", READY_AFFINITY, READY_BY_VICTIM, complete);
}

const struct detector cpu_affinity = {"cpu.affinity", detect};
