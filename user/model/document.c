/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/document.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What nobody fills in later must read "not observed", not 0. */
struct document *document_new(void)
{
	struct document *doc = calloc(1, sizeof(*doc));

	if (!doc)
		abort();
	doc->coverage.ledger_share = NAN;
	doc->coverage.self_cpu_percent = NAN;
	doc->coverage.self_bpf_percent = NAN;
	doc->coverage.waits_placed = NAN;
	doc->coverage.wakers_placed = NAN;
	doc->coverage.calls_observed = NAN;
	doc->coverage.messages_observed = NAN;
	doc->coverage.allocs_observed = NAN;
	doc->coverage.samples_taken = NAN;
	doc->coverage.self_budget_percent = NAN;
	doc->coverage.self_interrupt_percent = NAN;
	doc->total.saved_share = NAN;
	doc->total.low = NAN;
	doc->total.high = NAN;
	doc->total.speedup = NAN;
	return doc;
}

void bottleneck_free(struct bottleneck *finding)
{
	vec_free(&finding->chain);
	vec_free(&finding->evidence);
	vec_free(&finding->stacks);
	vec_free(&finding->covers);
	vec_free(&finding->parts);
}

void document_free(struct document *doc)
{
	if (!doc)
		return;
	vec_each(&doc->bottlenecks, item)
		bottleneck_free(item);
	vec_each(&doc->wakeups, row) {
		vec_free(&row->terminals);
		vec_free(&row->chain);
	}
	vec_each(&doc->owned, text)
		free(*text);
	vec_free(&doc->coverage.lost);
	vec_free(&doc->coverage.skipped);
	vec_free(&doc->coverage.incomplete);
	vec_free(&doc->metrics);
	vec_free(&doc->services);
	vec_free(&doc->memory_growth);
	vec_free(&doc->bottlenecks);
	vec_free(&doc->hotspots);
	vec_free(&doc->wakeups);
	vec_free(&doc->delays);
	vec_free(&doc->steps);
	vec_free(&doc->thresholds);
	vec_free(&doc->owned);
	free(doc);
}

const char *document_text(struct document *doc, const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		abort();
	vec_push(&doc->owned, text);
	return text;
}

const char *severity_name(enum severity severity)
{
	switch (severity) {
	case SEVERITY_LOW:
		return "low";
	case SEVERITY_MEDIUM:
		return "medium";
	case SEVERITY_HIGH:
		return "high";
	case SEVERITY_CRITICAL:
		return "critical";
	}
	return "unknown";
}

const char *confidence_name(enum confidence confidence)
{
	switch (confidence) {
	case CONFIDENCE_LOW:
		return "low";
	case CONFIDENCE_MEDIUM:
		return "medium";
	case CONFIDENCE_HIGH:
		return "high";
	}
	return "unknown";
}

const char *effort_name(enum effort effort)
{
	switch (effort) {
	case EFFORT_QUICK:
		return "quick";
	case EFFORT_MEDIUM:
		return "medium";
	case EFFORT_COMPLEX:
		return "complex";
	}
	return "unknown";
}
