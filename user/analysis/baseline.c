/* SPDX-License-Identifier: BSD-2-Clause */
#include "analysis/baseline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/stats.h"
#include "model/histogram.h"
#include "model/metrics.h"

/* How many events a slice needs before a percentile of it is more than its largest value. */
static const struct {
	const char *name;
	double percent;
	uint64_t least;
} slice_percentiles[] = {
	{"p50", 50, 5},
	{"p95", 95, 20},
	{"p99", 99, 100},
};

struct extraction {
	const struct recording *rec;
	struct baseline *out;
	VEC(bool) whole;      /* by slice: it is neither warm-up nor cut short */
	VEC(uint32_t) points; /* positions in rec->points, sorted */
	VEC(uint32_t) counts, buckets;
};

static double slice_seconds(const struct recording *rec, size_t slice)
{
	return (double)(rec->slices.at[slice].end_ns - rec->slices.at[slice].begin_ns) / 1e9;
}

static void choose_slices(struct extraction *x)
{
	const struct recording *rec = x->rec;
	VEC(double) lengths = {};
	double usual;

	for (size_t i = 0; i < rec->slices.len; i++)
		if (!rec->slices.at[i].warmup)
			vec_push(&lengths, slice_seconds(rec, i));
	usual = stats_median(lengths.at, lengths.len);
	for (size_t i = 0; i < rec->slices.len; i++) {
		double length = slice_seconds(rec, i);
		bool whole = !rec->slices.at[i].warmup && length > 0 && length >= usual / 2;

		vec_push(&x->whole, whole);
		x->out->warmup_slices += rec->slices.at[i].warmup;
		x->out->slices += whole;
		x->out->seconds += rec->slices.at[i].warmup ? 0 : length;
	}
	vec_free(&lengths);
}

#define COMPARE(a, b) ((a) > (b)) - ((a) < (b))

/* Orders rows of one of the recording's tables by metric, label and slice. */
#define DEFINE_ORDER(table)                                                                        \
	static int compare_##table(const void *a, const void *b, void *context)                    \
	{                                                                                          \
		const struct recording *rec = context;                                             \
		__typeof__(rec->table.at) x = &rec->table.at[*(const uint32_t *)a];                \
		__typeof__(rec->table.at) y = &rec->table.at[*(const uint32_t *)b];                \
                                                                                                   \
		if (x->metric != y->metric)                                                        \
			return COMPARE(x->metric, y->metric);                                      \
		if (x->label != y->label)                                                          \
			return COMPARE(x->label, y->label);                                        \
		return COMPARE(x->slice, y->slice);                                                \
	}

DEFINE_ORDER(points)
DEFINE_ORDER(counts)
DEFINE_ORDER(buckets)

#define SORT_TABLE(x, table)                                                                       \
	do {                                                                                       \
		for (uint32_t i = 0; i < (x)->rec->table.len; i++)                                 \
			if ((x)->rec->table.at[i].slice < (x)->whole.len)                          \
				vec_push(&(x)->table, i);                                          \
		if ((x)->table.len)                                                                \
			qsort_r((x)->table.at, (x)->table.len, sizeof(uint32_t), compare_##table,  \
				(void *)(x)->rec);                                                 \
	} while (0)

/* First position of a sorted table whose metric is not below this one. */
#define FIRST_OF(x, table, id)                                                                     \
	({                                                                                         \
		size_t low_ = 0, high_ = (x)->table.len;                                           \
                                                                                                   \
		while (low_ < high_) {                                                             \
			size_t middle_ = (low_ + high_) / 2;                                       \
                                                                                                   \
			if ((x)->rec->table.at[(x)->table.at[middle_]].metric < (id))              \
				low_ = middle_ + 1;                                                \
			else                                                                       \
				high_ = middle_;                                                   \
		}                                                                                  \
		low_;                                                                              \
	})

static bool family_observed(const struct recording *rec, const char *name)
{
	for (size_t i = 0; i < rec->families.len; i++)
		if (!strcmp(string_get(rec, rec->families.at[i].name), name))
			return rec->families.at[i].status != FAMILY_SKIPPED;
	return false;
}

/*
 * A metric without values has a summary that says so, unless its labels say what there is: a host
 * without such a device or cgroup lacks nothing.
 */
static void add_unobserved(struct extraction *x, const struct metric_kind *kind)
{
	const struct spread unobserved = {NAN, NAN, NAN, NAN, NAN, NAN, 0};

	if (!kind->label || (kind->family && !family_observed(x->rec, kind->family)))
		baseline_add_summary(x->out, kind->name, "")->spread = unobserved;
}

/* Adds the series and, made from it, the summary; nothing when there are no values. */
static void add_values(struct extraction *x, const char *metric, const char *label,
		       const double *values, size_t n)
{
	struct baseline_series *series;

	if (!n)
		return;
	series = baseline_add_series(x->out, metric, label, "");
	memcpy(vec_extend(&series->values, n), values, n * sizeof(*values));
	baseline_add_summary(x->out, metric, label)->spread = stats_spread(values, n);
}

static void extract_points(struct extraction *x, const struct metric_kind *kind)
{
	const struct recording *rec = x->rec;
	uint32_t id = string_find(rec, kind->name);
	VEC(double) values = {};

	for (size_t i = FIRST_OF(x, points, id), end; i < x->points.len; i = end) {
		const struct point *first = &rec->points.at[x->points.at[i]];

		if (first->metric != id)
			break;
		values.len = 0;
		for (end = i; end < x->points.len; end++) {
			const struct point *point = &rec->points.at[x->points.at[end]];

			if (point->metric != id || point->label != first->label)
				break;
			if (x->whole.at[point->slice] && isfinite(point->value))
				vec_push(&values, point->value);
		}
		add_values(x, kind->name, string_get(rec, first->label), values.at, values.len);
	}
	vec_free(&values);
}

static void extract_ledger(struct extraction *x, const struct metric_kind *kind)
{
	const struct recording *rec = x->rec;
	VEC(double) sums = {}, values = {};

	/* Without any row the ledger did not run, which is not the same as no thread waiting. */
	if (!rec->ledger.len)
		return;
	vec_extend(&sums, x->whole.len);
	for (size_t i = 0; i < rec->ledger.len; i++) {
		const struct ledger_row *row = &rec->ledger.at[i];

		if (row->slice < x->whole.len && row->state < STATE_COUNT &&
		    kind->states & 1u << row->state)
			sums.at[row->slice] += (double)row->ns / 1e9;
	}
	for (size_t i = 0; i < x->whole.len; i++)
		if (x->whole.at[i])
			vec_push(&values, sums.at[i] / slice_seconds(rec, i));
	add_values(x, kind->name, "", values.at, values.len);
	vec_free(&sums);
	vec_free(&values);
}

static void extract_counts(struct extraction *x, const struct metric_kind *kind)
{
	const struct recording *rec = x->rec;
	uint32_t id = string_find(rec, kind->from), label = 0;
	size_t i = FIRST_OF(x, counts, id);
	VEC(double) sums = {}, values = {};
	bool any = i < x->counts.len && rec->counts.at[x->counts.at[i]].metric == id;

	/* Where the family ran and counted nothing, nothing happened. */
	if (!any && (kind->label || !family_observed(rec, kind->family)))
		return;
	do {
		if (any && kind->label)
			label = rec->counts.at[x->counts.at[i]].label;
		sums.len = values.len = 0;
		vec_extend(&sums, x->whole.len);
		for (; i < x->counts.len; i++) {
			const struct count *row = &rec->counts.at[x->counts.at[i]];

			if (row->metric != id || (kind->label && row->label != label))
				break;
			sums.at[row->slice] += (double)row->value * kind->scale;
		}
		for (size_t k = 0; k < x->whole.len; k++)
			if (x->whole.at[k])
				vec_push(&values, sums.at[k] / slice_seconds(rec, k));
		add_values(x, kind->name, string_get(rec, label), values.at, values.len);
	} while (i < x->counts.len && rec->counts.at[x->counts.at[i]].metric == id);
	vec_free(&sums);
	vec_free(&values);
}

/* Adds a slice's percentiles to the series of one metric and label. */
static void add_percentiles(struct extraction *x, const struct metric_kind *kind, const char *label,
			    const struct histogram *slice)
{
	for (size_t i = 0; i < sizeof(slice_percentiles) / sizeof(slice_percentiles[0]); i++) {
		struct baseline_series *series;

		if (slice->count < slice_percentiles[i].least)
			continue;
		series = (struct baseline_series *)baseline_find_series(x->out, kind->name, label,
									slice_percentiles[i].name);
		if (!series)
			series = baseline_add_series(x->out, kind->name, label,
						     slice_percentiles[i].name);
		vec_push(&series->values,
			 histogram_percentile(slice, slice_percentiles[i].percent) * kind->scale);
	}
}

static struct spread histogram_spread(const struct histogram *histogram, double scale)
{
	return (struct spread){
		.avg = histogram_avg(histogram) * scale,
		.min = histogram_min(histogram) * scale,
		.max = histogram_max(histogram) * scale,
		.p50 = histogram_percentile(histogram, 50) * scale,
		.p95 = histogram_percentile(histogram, 95) * scale,
		.p99 = histogram_percentile(histogram, 99) * scale,
		.count = histogram->count,
	};
}

/* The buckets of positions begin … end - 1: one metric and label, by slice. */
static void extract_distribution(struct extraction *x, const struct metric_kind *kind,
				 const char *label, size_t begin, size_t end)
{
	const struct recording *rec = x->rec;
	struct histogram all = {}, slice = {};

	for (size_t i = begin; i < end; i++) {
		const struct bucket *row = &rec->buckets.at[x->buckets.at[i]];

		histogram_add(&slice, row->bucket, row->count, row->sum);
		if (i + 1 < end && rec->buckets.at[x->buckets.at[i + 1]].slice == row->slice)
			continue;
		if (x->whole.at[row->slice])
			add_percentiles(x, kind, label, &slice);
		if (!rec->slices.at[row->slice].warmup)
			histogram_merge(&all, &slice);
		histogram_free(&slice);
	}
	if (all.count)
		baseline_add_summary(x->out, kind->name, label)->spread =
			histogram_spread(&all, kind->scale);
	histogram_free(&all);
}

static void extract_buckets(struct extraction *x, const struct metric_kind *kind)
{
	const struct recording *rec = x->rec;
	uint32_t id = string_find(rec, kind->from);
	size_t suffix = kind->suffix ? strlen(kind->suffix) : 0;

	for (size_t i = FIRST_OF(x, buckets, id), end; i < x->buckets.len; i = end) {
		const struct bucket *first = &rec->buckets.at[x->buckets.at[i]];
		const char *text = string_get(rec, first->label);
		size_t length = strlen(text);
		char *label;

		if (first->metric != id)
			break;
		for (end = i + 1; end < x->buckets.len; end++) {
			const struct bucket *row = &rec->buckets.at[x->buckets.at[end]];

			if (row->metric != id || row->label != first->label)
				break;
		}
		if (length < suffix ||
		    (suffix && strcmp(text + length - suffix, kind->suffix) != 0))
			continue;
		label = strndup(text, length - suffix);
		if (label)
			extract_distribution(x, kind, label, i, end);
		free(label);
	}
}

static void describe(struct baseline *out, const struct recording *rec)
{
	baseline_text(&out->host, string_get(rec, rec->host.name));
	baseline_text(&out->kernel, string_get(rec, rec->host.kernel));
	baseline_text(&out->arch, string_get(rec, rec->host.arch));
	baseline_text(&out->target_kind, target_kind_name(rec->target.kind));
	baseline_text(&out->target_name, string_get(rec, rec->target.name));
	out->cpus = rec->host.cpus;
	out->memory_bytes = rec->host.memory_bytes;
	out->start_unix_ns = rec->start_unix_ns;
	out->losses_known = true;
	vec_each(&rec->losses, loss)
		baseline_add_loss(out, string_get(rec, loss->reason), loss->sample, loss->count);
}

struct baseline *baseline_extract(const struct recording *rec)
{
	struct extraction x = {.rec = rec, .out = baseline_new()};

	describe(x.out, rec);
	choose_slices(&x);
	SORT_TABLE(&x, points);
	SORT_TABLE(&x, counts);
	SORT_TABLE(&x, buckets);
	for (size_t i = 0; i < metric_kind_count; i++) {
		const struct metric_kind *kind = &metric_kinds[i];
		size_t before = x.out->summaries.len;

		switch (kind->source) {
		case METRIC_POINT:
			extract_points(&x, kind);
			break;
		case METRIC_LEDGER:
			extract_ledger(&x, kind);
			break;
		case METRIC_BUCKETS:
			extract_buckets(&x, kind);
			break;
		case METRIC_COUNT:
			extract_counts(&x, kind);
			break;
		}
		if (x.out->summaries.len == before)
			add_unobserved(&x, kind);
	}
	vec_free(&x.whole);
	vec_free(&x.points);
	vec_free(&x.counts);
	vec_free(&x.buckets);
	return x.out;
}

void baseline_metrics(const struct recording *rec, struct document *doc)
{
	struct baseline *baseline = baseline_extract(rec);

	vec_each(&baseline->summaries, summary) {
		const struct metric_kind *kind = metric_find(summary->metric);

		vec_push(&doc->metrics,
			 (struct metric){
				 .name = kind->name,
				 .unit = kind->unit,
				 .label = *summary->label ? document_text(doc, "%s", summary->label)
							  : NULL,
				 .what = kind->what,
				 .spread = summary->spread,
			 });
	}
	baseline_free(baseline);
}
