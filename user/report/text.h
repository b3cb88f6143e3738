/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of the text report. */
#ifndef STRAIT_TEXT_H
#define STRAIT_TEXT_H

#include "report/page.h"

/* Without `verbose` this many rows of a long table are shown. */
#define TEXT_METRICS  30
#define TEXT_HOTSPOTS 15
#define TEXT_WAKEUPS  10
#define TEXT_SERVICES 12
#define TEXT_SKIPPED  12
#define TEXT_FINDINGS 10
#define TEXT_EVIDENCE 8

void text_baseline(struct page *page, const struct document *doc);
/* Part of phase one that a saved baseline does not have. */
void text_memory_growth(struct page *page, const struct document *doc);
void text_bottlenecks(struct page *page, const struct document *doc);
void text_profile(struct page *page, const struct document *doc);
/* Part of phase three. */
void text_wakeups(struct page *page, const struct document *doc);
void text_strategy(struct page *page, const struct document *doc);
void text_monitor(struct page *page, const struct document *doc);
void text_coverage(struct page *page, const struct document *doc);

/* What was lost, by reason: a line of the coverage, and of what is no report. */
void text_lost(struct page *page, unsigned int indent, unsigned int label, const char *name,
	       const struct document *doc);

/* How many of `rows` are shown when `limit` is enough for a glance. */
size_t text_rows(const struct page *page, size_t rows, size_t limit);

/* "… 7 more: -v shows all", when rows were left out. */
void text_more(struct page *page, unsigned int indent, size_t rows, size_t shown);

/* What the impact is a share of, without a leading "of "; NULL if it is not said. */
const char *basis_text(const struct impact *impact);

/* What a fix is predicted to buy, in one line; "not predicted". To be freed. */
char *prediction_text(const struct prediction *prediction);

#endif
