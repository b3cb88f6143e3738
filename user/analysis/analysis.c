/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <time.h>

#include "analysis/analysis.h"
#include "analysis/baseline.h"
#include "analysis/phases.h"

static const char *text(struct document *doc, const struct recording *rec, uint32_t string)
{
	return document_text(doc, "%s", string_get(rec, string));
}

/* ISO 8601 in UTC: equal on every host that reads the recording. */
static const char *start_text(struct document *doc, const struct recording *rec)
{
	time_t seconds = (time_t)(rec->start_unix_ns / 1000000000ULL);
	struct tm utc;
	char out[32];

	gmtime_r(&seconds, &utc);
	strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return document_text(doc, "%s", out);
}

static void window_tell(struct document *doc, const struct recording *rec)
{
	doc->version = STRAIT_VERSION;
	doc->host = text(doc, rec, rec->host.name);
	doc->kernel = text(doc, rec, rec->host.kernel);
	doc->arch = text(doc, rec, rec->host.arch);
	doc->cpus = rec->host.cpus;
	doc->memory_bytes = rec->host.memory_bytes;
	doc->start = start_text(doc, rec);
	doc->seconds = (double)rec->length_ns / 1e9;
	doc->slices = (uint32_t)rec->slices.len;
	vec_each(&rec->slices, slice)
		doc->warmup_slices += slice->warmup;
	doc->target_kind = target_kind_name(rec->target.kind);
	doc->target_name = text(doc, rec, rec->target.name);
	doc->cut = rec->cut;
}

struct document *analysis_run(const struct recording *rec)
{
	struct analysis a = {.rec = rec, .doc = document_new()};

	if (!a.doc)
		abort();
	a.facts = facts_new(rec);
	a.blame = blame_new(a.facts);
	a.functions = functions_new(a.facts);
	window_tell(a.doc, rec);
	coverage_tell(&a);
	baseline_metrics(rec, a.doc);
	services_find(&a);
	memory_growth_find(&a);
	bottlenecks_find(&a);
	profile_join(&a);
	wakeups_find(&a);
	delays_find(&a);
	strategy_plan(&a);
	thresholds_check(&a);
	functions_free(a.functions);
	blame_free(a.blame);
	facts_free(a.facts);
	return a.doc;
}
