/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/histogram.h"

#include <math.h>
#include <string.h>

static uint64_t add_capped(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Position of the first cell whose bucket is not below `bucket`. */
static size_t find_cell(const struct histogram *histogram, uint32_t bucket)
{
	size_t low = 0, high = histogram->cells.len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (histogram->cells.at[middle].bucket < bucket)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void histogram_add(struct histogram *histogram, uint32_t bucket, uint64_t count, uint64_t sum)
{
	size_t at = find_cell(histogram, bucket);

	if (bucket >= HIST_BUCKETS || !count)
		return;
	histogram->count = add_capped(histogram->count, count);
	histogram->sum = add_capped(histogram->sum, sum);
	if (at == histogram->cells.len || histogram->cells.at[at].bucket != bucket) {
		struct histogram_cell *cell;

		vec_extend(&histogram->cells, 1);
		cell = &histogram->cells.at[at];
		memmove(cell + 1, cell, (histogram->cells.len - 1 - at) * sizeof(*cell));
		*cell = (struct histogram_cell){.bucket = bucket};
	}
	histogram->cells.at[at].count = add_capped(histogram->cells.at[at].count, count);
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
	histogram_add(histogram, histogram_bucket(value), 1, value);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	uint64_t sum = add_capped(into->sum, from->sum);

	for (size_t i = 0; i < from->cells.len; i++)
		histogram_add(into, from->cells.at[i].bucket, from->cells.at[i].count, 0);
	into->sum = sum;
}

void histogram_collect(struct histogram *histogram, const struct recording *rec,
		       const struct histogram_filter *filter)
{
	uint32_t metric = filter->metric ? string_find(rec, filter->metric) : NONE;
	uint32_t label = filter->label ? string_find(rec, filter->label) : NONE;

	for (size_t i = 0; i < rec->buckets.len; i++) {
		const struct bucket *row = &rec->buckets.at[i];

		if ((filter->metric && row->metric != metric) ||
		    (filter->label && row->label != label) ||
		    (filter->process && row->process != *filter->process) ||
		    (filter->slice && row->slice != *filter->slice))
			continue;
		if (filter->skip_warmup && row->slice < rec->slices.len &&
		    rec->slices.at[row->slice].warmup)
			continue;
		histogram_add(histogram, row->bucket, row->count, row->sum);
	}
}

void histogram_free(struct histogram *histogram)
{
	vec_free(&histogram->cells);
	histogram->count = histogram->sum = 0;
}

double histogram_middle(uint32_t bucket)
{
	uint32_t range = bucket / HIST_SUB;
	double width = range > 1 ? ldexp(1, (int)range - 1) : 1;

	/* The values of a bucket are the integers low … low + width - 1. */
	return (double)histogram_low(bucket) + (width - 1) / 2;
}

double histogram_percentile(const struct histogram *histogram, double percent)
{
	double rank = ceil(percent / 100 * (double)histogram->count), passed = 0;

	if (!histogram->cells.len)
		return NAN;
	for (size_t i = 0; i < histogram->cells.len; i++) {
		passed += (double)histogram->cells.at[i].count;
		if (passed >= rank)
			return histogram_middle(histogram->cells.at[i].bucket);
	}
	return histogram_max(histogram);
}

double histogram_min(const struct histogram *histogram)
{
	return histogram->cells.len ? histogram_middle(histogram->cells.at[0].bucket) : NAN;
}

double histogram_max(const struct histogram *histogram)
{
	size_t len = histogram->cells.len;

	return len ? histogram_middle(histogram->cells.at[len - 1].bucket) : NAN;
}

double histogram_avg(const struct histogram *histogram)
{
	return histogram->count ? (double)histogram->sum / (double)histogram->count : NAN;
}

uint64_t histogram_above(const struct histogram *histogram, uint64_t value)
{
	uint64_t above = 0;

	for (size_t i = find_cell(histogram, histogram_bucket(value) + 1); i < histogram->cells.len;
	     i++)
		above = add_capped(above, histogram->cells.at[i].count);
	return above;
}
