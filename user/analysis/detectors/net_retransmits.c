/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.retransmits: segments are lost and sent again. Every loss holds its connection back for a
 * round trip at least, so the time at stake is retransmits × round-trip time.
 */
#include "analysis/detectors/detector.h"

#define RETRANSMIT_SHARE 0.005 /* of the sends */
#define RETRANSMITS_MIN  20
#define RTO_MIN_US       200000.0 /* Linux' smallest retransmission time-out */

static void retransmits_add(struct analysis *a, uint32_t group)
{
	double again = facts_count(a->facts, "net.retransmits", group, NULL);
	double sends = facts_count(a->facts, "net.sends", group, NULL);
	double rtt_sum = facts_count(a->facts, "net.rtt_us_sum", group, NULL);
	double rtts = facts_count(a->facts, "net.rtt_samples", group, NULL), rtt;
	struct bottleneck *finding;

	if (again < RETRANSMITS_MIN || again < RETRANSMIT_SHARE * sends)
		return;
	rtt = rtts > 0 ? rtt_sum / rtts : 0;
	/* At least a round trip each; at most a time-out each. */
	finding = finding_add(a, "net.retransmits", again * (rtt + RTO_MIN_US) / 2 * 1e3,
			      again * rtt * 1e3, again * RTO_MIN_US * 1e3);
	if (!finding)
		return;
	finding_of_group(a, finding, group, false);
	finding->title = finding_text(a, "%s sends %.1f %% of its segments again",
				      group_name(a, group), sends > 0 ? 100 * again / sends : 100);
	finding_evidence(finding, "retransmits", again / (a->facts->window_ns / 1e9), "segments/s");
	if (rtts > 0)
		finding_evidence(finding, "round-trip time, mean", rtt / 1e3, "ms");
	finding_link(finding, "net.retransmits", &finding->where);
	finding_action(
		finding, EFFORT_MEDIUM, 2, 16, 1,
		"Find the loss: drops in ip -s link and nstat, a policed or overloaded link, "
		"a receiver that does not keep up.");
}

static void detect(struct analysis *a)
{
	for (uint32_t group = 0; group < a->facts->groups.len; group++)
		retransmits_add(a, group);
}

const struct detector net_retransmits = {"net.retransmits", detect};
