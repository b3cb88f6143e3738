/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.antagonist: a job that hardly ever sleeps takes the CPU from one that works in short turns.
 * Who had the CPU during each wait is measured at the switches.
 */
#include "analysis/detectors/ready.h"

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t culprit,
		     uint32_t victim)
{
	const struct function *hottest = functions_hottest(a->functions, culprit);
	struct place at_victim = place_group(a, victim);

	finding->where = place_group(a, culprit);
	finding->subject = culprit;
	place_function(a, &finding->where, hottest);
	finding->title = finding_text(a, "%s takes the CPU from %s", group_name(a, culprit),
				      group_name(a, victim));
	if (hottest)
		vec_push(&finding->stacks, hottest->stack);
	ready_evidence(a, finding, victim, culprit);
	finding_link(finding, "cpu.antagonist", &finding->where);
	finding_link(finding, "waits for a CPU", &at_victim);
	finding_action(
		finding, EFFORT_QUICK, 0.1, 1, 1,
		finding_text(a,
			     "Move %s elsewhere, or lower its weight: nice -n 19, or cpu.weight "
			     "(cpu.shares) of its cgroup.",
			     group_name(a, culprit)));
}

static void detect(struct analysis *a)
{
	ready_findings(a, "cpu.antagonist", READY_ANTAGONIST, READY_BY_CULPRIT, complete);
}

const struct detector cpu_antagonist = {"cpu.antagonist", detect};
