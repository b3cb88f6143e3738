/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.interrupts: hard and soft interrupts take CPU time from threads: inside their turns on the
 * CPU (measured to the nanosecond), and through softirq threads that run instead of them.
 */
#include <string.h>

#include "analysis/detectors/detector.h"

/* The interrupt that took most time: its label and ns. */
static const char *top_interrupt(struct analysis *a, double *ns)
{
	uint32_t metric = string_find(a->rec, "irq.ns"), top = NONE;

	*ns = 0;
	if (metric == NONE)
		return NULL;
	vec_each(&a->rec->counts, count) {
		double sum;

		if (count->metric != metric || count->label == top)
			continue;
		sum = facts_count(a->facts, "irq.ns", NONE, string_get(a->rec, count->label));
		if (sum > *ns) {
			*ns = sum;
			top = count->label;
		}
	}
	return top == NONE ? NULL : finding_text(a, "%s", string_get(a->rec, top));
}

static void detect(struct analysis *a)
{
	struct blame_filter inside = BLAME_ANY(STATE_BIT(STATE_RUN_IRQ));
	struct blame_filter instead = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));
	double ns, top_ns, victim_ns;
	struct bottleneck *finding;
	struct place victim;
	const char *top;
	uint32_t group;

	instead.ready = READY_INTERRUPTS;
	ns = blame_sum(a->blame, &inside) + blame_sum(a->blame, &instead);
	finding = finding_add(a, "cpu.interrupts", ns, ns * 0.9, ns);
	if (!finding)
		return;
	group = blame_top_victim(a->blame, &inside, &victim_ns);
	top = top_interrupt(a, &top_ns);
	victim = place_group(a, group);
	instead.victim = group;
	finding->group = group;
	finding->group_ns = victim_ns + blame_sum(a->blame, &instead);
	finding->confidence = CONFIDENCE_HIGH;
	finding->where.device = top;
	finding->title =
		finding_text(a, "interrupts take CPU time from %s%s%s", group_name(a, group),
			     top ? ", most of it " : "", top ? top : "");
	finding_evidence(finding, "time in interrupts",
			 (facts_point_sum(a->facts, "cpu.irq_ns", NULL) +
			  facts_point_sum(a->facts, "cpu.softirq_ns", NULL)) /
				 a->facts->window_ns,
			 "CPUs");
	if (top)
		finding_evidence(finding, finding_text(a, "of it %s", top),
				 top_ns / a->facts->window_ns, "CPUs");
	finding_link(finding, "cpu.interrupts", &finding->where);
	finding_link(finding, "is interrupted", &victim);
	finding_action(finding, EFFORT_MEDIUM, 1, 8, 1,
		       "Spread the interrupts (irqbalance, RPS, more queues), move them off the "
		       "service's CPUs, or make fewer (coalescing, larger packets, batching).");
}

const struct detector cpu_interrupts = {"cpu.interrupts", detect};
