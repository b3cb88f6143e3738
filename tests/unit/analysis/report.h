/* SPDX-License-Identifier: BSD-2-Clause */
/* What the report of a synthetic host (host.h) says, and what it must not say. */
#ifndef TEST_REPORT_H
#define TEST_REPORT_H

#include "analysis/analysis.h"
#include "analysis/host.h"

/* The report of a host, which is freed. */
static inline struct document *host_report(struct recording *rec)
{
	struct document *doc = analysis_run(rec);

	recording_free(rec);
	return doc;
}

/* The one finding of an id; NULL if there is none. */
static inline const struct bottleneck *finding_of(const struct document *doc, const char *id)
{
	const struct bottleneck *found = NULL;

	vec_each(&doc->bottlenecks, finding) {
		if (strcmp(finding->id, id) != 0)
			continue;
		assert_null(found);
		found = finding;
	}
	return found;
}

/* The value of a piece of evidence, which must be there. */
static inline double evidence_of(const struct bottleneck *finding, const char *what)
{
	vec_each(&finding->evidence, evidence)
		if (!strcmp(evidence->what, what))
			return evidence->value;
	fail_msg("no evidence \"%s\"", what);
	return 0;
}

/* The report of a host, which is freed, has no such finding. */
static inline void assert_silent(struct recording *rec, const char *id)
{
	struct document *doc = host_report(rec);

	assert_null(finding_of(doc, id));
	document_free(doc);
}

#endif
