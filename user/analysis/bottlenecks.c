/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase 2: every detector looks; what one finding explains is not told again by another; ranks. */
#include <stdlib.h>
#include <string.h>

#include "analysis/phases.h"

/* A group that had this share of the time others waited for a CPU is the cause of their waiting. */
#define CULPRIT_SHARE 0.3

enum severity severity_of_share(double low)
{
	if (low >= 0.25)
		return SEVERITY_CRITICAL;
	if (low >= 0.10)
		return SEVERITY_HIGH;
	return low >= 0.05 ? SEVERITY_MEDIUM : SEVERITY_LOW;
}

/*
 * The groups that others wait for because of their class, priority or appetite. What they do with
 * the CPU is part of that finding.
 */
static bool *culprits_mark(const struct analysis *a)
{
	bool *culprit = calloc(a->facts->groups.len + 1, sizeof(*culprit));
	static const enum ready_cause causes[] = {READY_ANTAGONIST, READY_REALTIME, READY_PRIORITY};

	if (!culprit)
		abort();
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		struct blame_filter filter = BLAME_ANY(STATE_BIT(STATE_READY_WOKEN));
		double all;

		filter.ready = causes[i];
		all = blame_sum(a->blame, &filter);
		/* Below medium severity it explains nothing away. */
		if (severity_of_share(a->blame->total > 0 ? all / a->blame->total : 0) <
		    SEVERITY_MEDIUM)
			continue;
		for (uint32_t group = 0; group < a->facts->groups.len; group++) {
			filter.party = group;
			if (blame_sum(a->blame, &filter) > CULPRIT_SHARE * all)
				culprit[group] = true;
		}
	}
	return culprit;
}

/* Findings of one id that explain findings of another about the same group. */
static const struct {
	const char *cause, *effect;
} explains[] = {
	/* Threads that spin keep the CPUs from their own siblings. */
	{"cpu.spin", "cpu.saturated"},
	{"cpu.spin", "cpu.single-thread"},
	{"algo.busy-poll", "cpu.saturated"},
	{"algo.busy-poll", "cpu.single-thread"},
	{"algo.timer-churn", "cpu.saturated"},
	/* Those that spin for a lock have a CPU that others wait for. */
	{"lock.kernel", "cpu.saturated"},
	/* What was reclaimed is read again. */
	{"mem.cgroup-limit", "disk.read-latency"},
	{"mem.reclaim", "disk.read-latency"},
	/* Starting and ending is kernel work, in memory and at its lock. */
	{"proc.fork", "cpu.hot-function"},
	{"proc.fork", "mem.fault-churn"},
	{"proc.fork", "lock.kernel"},
	{"proc.thread-churn", "cpu.hot-function"},
	{"proc.thread-churn", "mem.fault-churn"},
	{"proc.thread-churn", "lock.kernel"},
	{"proc.thread-churn", "cpu.saturated"},
	{"sched.ping-pong", "cpu.hot-function"},
	{"sched.ping-pong", "cpu.saturated"},
	/* Who is woken for nothing wants a CPU for nothing. */
	{"algo.thundering-herd", "cpu.hot-function"},
	{"algo.thundering-herd", "cpu.saturated"},
	{"algo.thundering-herd", "sched.ping-pong"},
	/* All that wake for one item want its mutex. */
	{"algo.thundering-herd", "lock.user"},
	/* Its waker keeps the CPUs from it by waking it. */
	{"algo.thundering-herd", "cpu.antagonist"},
};

/* Of these causes the effect is kernel code; a hot function of the program's own stays. */
static bool finding_in_kernel(const struct bottleneck *finding)
{
	return finding->where.module && !strcmp(finding->where.module, "[kernel]");
}

static bool finding_about(const struct bottleneck *finding, uint32_t group)
{
	if (finding->subject == group)
		return true;
	vec_each(&finding->covers, covered)
		if (*covered == group)
			return true;
	return false;
}

/* What a culprit does with the CPU is part of the finding about its victims. */
static bool explained_by_culprit(const struct bottleneck *finding, const bool *culprit)
{
	static const char *const own[] = {"cpu.hot-function", "cpu.single-thread", "cpu.saturated",
					  "cpu.spin"};

	if (finding->subject == NONE || !culprit[finding->subject])
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(finding->id, own[i]))
			return true;
	return false;
}

static bool explained_by_other(const struct document *doc, const struct bottleneck *finding)
{
	for (size_t i = 0; i < sizeof(explains) / sizeof(explains[0]); i++) {
		if (strcmp(finding->id, explains[i].effect))
			continue;
		if (!strcmp(finding->id, "cpu.hot-function") && !finding_in_kernel(finding))
			continue;
		vec_each(&doc->bottlenecks, other)
			if (!strcmp(other->id, explains[i].cause) &&
			    finding_about(other, finding->subject) &&
			    other->impact.share > finding->impact.share / 2)
				return true;
	}
	return false;
}

static bool explained(const struct document *doc, const struct bottleneck *finding,
		      const bool *culprit)
{
	return explained_by_culprit(finding, culprit) || explained_by_other(doc, finding);
}

/*
 * A finding about many groups, of which none is its subject, is explained where that of each would
 * be, for most of what it takes.
 */
static bool explained_by_parts(const struct document *doc, const struct bottleneck *finding,
			       const bool *culprit)
{
	double of_explained = 0, all = 0;

	vec_each(&finding->parts, part) {
		struct bottleneck alone = *finding;

		alone.subject = part->group;
		alone.impact.share = part->share;
		all += part->share;
		if (explained(doc, &alone, culprit))
			of_explained += part->share;
	}
	return of_explained > all / 2;
}

/* Drops what another finding explains. Decided for all of them before any is dropped. */
static void findings_keep(struct document *doc, const bool *culprit)
{
	bool *drop = calloc(doc->bottlenecks.len + 1, sizeof(*drop));
	size_t kept = 0;

	if (!drop)
		abort();
	for (size_t i = 0; i < doc->bottlenecks.len; i++)
		drop[i] = explained(doc, &doc->bottlenecks.at[i], culprit) ||
			  explained_by_parts(doc, &doc->bottlenecks.at[i], culprit);
	for (size_t i = 0; i < doc->bottlenecks.len; i++) {
		if (drop[i])
			bottleneck_free(&doc->bottlenecks.at[i]);
		else
			doc->bottlenecks.at[kept++] = doc->bottlenecks.at[i];
	}
	doc->bottlenecks.len = kept;
	free(drop);
}

/* Ranks: by what a finding is expected to cost, that is its impact by how sure it is. */
static int by_expected_impact(const void *a, const void *b)
{
	const struct bottleneck *left = a, *right = b;
	double l = left->impact.share * confidence_weight(left->confidence);
	double r = right->impact.share * confidence_weight(right->confidence);

	if (l != r)
		return l < r ? 1 : -1;
	return strcmp(left->id, right->id);
}

/* Where a part of the host is not seen, no verdict may stand as if it were. */
static bool threads_hidden(const struct recording *rec)
{
	uint32_t name = string_find(rec, FAMILY_PID_NAMESPACE);

	vec_each(&rec->families, family)
		if (family->name == name && family->status != FAMILY_OK)
			return true;
	return false;
}

/* The first finding that is sure to matter, NULL = none is. */
static const struct bottleneck *finding_first_sure(const struct document *doc)
{
	vec_each(&doc->bottlenecks, finding)
		if (finding->severity > SEVERITY_LOW)
			return finding;
	return NULL;
}

/* No finding is sure to matter: whether one may, since the interval of its impact is wide. */
static const char *verdict_unsure(struct document *doc)
{
	const struct bottleneck *most = NULL;

	vec_each(&doc->bottlenecks, finding)
		if (!most || finding->impact.share > most->impact.share)
			most = finding;
	if (!most || severity_of_share(most->impact.share) == SEVERITY_LOW)
		return "Nothing holds this host back: no cause takes 5 % of the working time of "
		       "its processes.";
	return document_text(
		doc,
		"Nothing is sure to hold this host back, but it may be that %s: %.0f %% "
		"(%.2g–%.0f %%) %s. Watch longer to be sure.",
		most->title, most->impact.share * 100, most->impact.low * 100,
		most->impact.high * 100, most->impact.basis);
}

static void verdict_tell(struct analysis *a)
{
	struct document *doc = a->doc;
	const struct bottleneck *sure = finding_first_sure(doc);

	if (!a->rec->ledger.len)
		doc->verdict = "No verdict: what threads did with their time was not observed (see "
			       "coverage).";
	else if (a->blame->total <= 0)
		doc->verdict = "Nothing to speed up: no process had work worth mentioning.";
	else if (!sure)
		doc->verdict = verdict_unsure(doc);
	else
		doc->verdict = document_text(doc, "%s: %.0f %% %s.", sure->title,
					     sure->impact.share * 100, sure->impact.basis);
	if (threads_hidden(a->rec))
		doc->verdict = document_text(
			doc,
			"Of what could be seen, which is not the whole host (see coverage): %s",
			doc->verdict);
}

void bottlenecks_find(struct analysis *a)
{
	struct document *doc = a->doc;
	bool *culprit = culprits_mark(a);

	for (size_t i = 0; detectors[i]; i++)
		detectors[i]->detect(a);
	findings_keep(doc, culprit);
	vec_sort(&doc->bottlenecks, by_expected_impact);
	for (size_t i = 0; i < doc->bottlenecks.len; i++)
		doc->bottlenecks.at[i].rank = (uint32_t)i + 1;
	verdict_tell(a);
	free(culprit);
}
