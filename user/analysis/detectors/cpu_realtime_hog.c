/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.realtime-hog: a thread of a real-time class has the CPU while ordinary ones wait for it. */
#include "analysis/detectors/ready.h"

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t culprit,
		     uint32_t victim)
{
	struct place at_victim = place_group(a, victim);

	finding->where = place_group(a, culprit);
	finding->subject = culprit;
	place_function(a, &finding->where, functions_hottest(a->functions, culprit));
	finding->title = finding_text(a, "%s runs at real-time priority and keeps %s off the CPU",
				      group_name(a, culprit), group_name(a, victim));
	ready_evidence(a, finding, victim, culprit);
	finding_link(finding, "cpu.realtime-hog", &finding->where);
	finding_link(finding, "waits for a CPU", &at_victim);
	finding_action(
		finding, EFFORT_QUICK, 0.1, 2, 1,
		finding_text(a,
			     "Take %s out of the real-time class (chrt -o -p 0 PID), or let it "
			     "sleep between its turns.",
			     group_name(a, culprit)));
}

static void detect(struct analysis *a)
{
	ready_findings(a, "cpu.realtime-hog", READY_REALTIME, READY_BY_CULPRIT, complete);
}

const struct detector cpu_realtime_hog = {"cpu.realtime-hog", detect};
