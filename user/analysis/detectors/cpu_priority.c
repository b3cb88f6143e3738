/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.priority: a group waits for CPUs because others have a higher priority than it was given. */
#include "analysis/detectors/ready.h"

/* Who had the CPU most while the group waited for want of priority; NONE = not told apart. */
static uint32_t preferred(const struct analysis *a, uint32_t subject)
{
	struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));

	filter.ready = READY_PRIORITY;
	filter.owner = subject;
	return blame_top_party(a->blame, &filter);
}

static const char *title(struct analysis *a, uint32_t subject, uint32_t other)
{
	const struct group *group = &a->facts->groups.at[subject];
	const char *class = group->idle_class ? "SCHED_IDLE, nice" : "nice";

	if (other == NONE)
		return finding_text(a, "%s waits for CPUs because of its low priority (%s %.0f)",
				    group_name(a, subject), class, group->nice);
	return finding_text(a,
			    "%s (%s %.0f) waits for CPUs because of its low priority beside %s "
			    "(nice %.0f)",
			    group_name(a, subject), class, group->nice, group_name(a, other),
			    a->facts->groups.at[other].nice);
}

static void complete(struct analysis *a, struct bottleneck *finding, uint32_t subject,
		     uint32_t victim)
{
	const struct group *group = &a->facts->groups.at[subject];
	struct place at_victim = place_group(a, victim);
	uint32_t other = preferred(a, subject);
	bool lowered = group->idle_class || group->nice > 0;

	finding->title = title(a, subject, other);
	finding_evidence(finding, "its nice level", group->nice, "nice");
	ready_evidence(a, finding, subject, other);
	finding_link(finding, "cpu.priority", &finding->where);
	finding_link(finding, "waits for a CPU", &at_victim);
	finding_action(
		finding, EFFORT_QUICK, 0.1, 1, 1,
		lowered ? finding_text(a,
				       "If %s matters, give it the priority of the rest (renice -n "
				       "0, chrt -o), or move the others away.",
				       group_name(a, subject))
			: finding_text(a,
				       "Lower the priority of %s (renice -n 0), or move it away.",
				       group_name(a, other)));
}

static void detect(struct analysis *a)
{
	ready_findings(a, "cpu.priority", READY_PRIORITY, READY_BY_VICTIM, complete);
}

const struct detector cpu_priority = {"cpu.priority", detect};
