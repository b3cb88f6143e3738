/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/baseline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *copy_text(const char *text)
{
	char *copy = strdup(text ? text : "");

	if (!copy) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	return copy;
}

void baseline_text(char **field, const char *text)
{
	char *copy = copy_text(text);

	free(*field);
	*field = copy;
}

struct baseline *baseline_new(void)
{
	struct baseline *baseline = calloc(1, sizeof(*baseline));

	if (!baseline) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	baseline_text(&baseline->name, "");
	baseline_text(&baseline->host, "");
	baseline_text(&baseline->kernel, "");
	baseline_text(&baseline->arch, "");
	baseline_text(&baseline->target_kind, "");
	baseline_text(&baseline->target_name, "");
	return baseline;
}

void baseline_free(struct baseline *baseline)
{
	if (!baseline)
		return;
	vec_each(&baseline->summaries, summary) {
		free(summary->metric);
		free(summary->label);
	}
	vec_each(&baseline->series, series) {
		free(series->metric);
		free(series->label);
		free(series->statistic);
		vec_free(&series->values);
	}
	vec_each(&baseline->losses, loss)
		free(loss->what);
	vec_free(&baseline->losses);
	vec_free(&baseline->summaries);
	vec_free(&baseline->series);
	free(baseline->name);
	free(baseline->host);
	free(baseline->kernel);
	free(baseline->arch);
	free(baseline->target_kind);
	free(baseline->target_name);
	free(baseline);
}

struct baseline_summary *baseline_add_summary(struct baseline *baseline, const char *metric,
					      const char *label)
{
	return vec_push(&baseline->summaries, (struct baseline_summary){.metric = copy_text(metric),
									.label = copy_text(label)});
}

struct baseline_series *baseline_add_series(struct baseline *baseline, const char *metric,
					    const char *label, const char *statistic)
{
	return vec_push(&baseline->series,
			(struct baseline_series){.metric = copy_text(metric),
						 .label = copy_text(label),
						 .statistic = copy_text(statistic)});
}

void baseline_add_loss(struct baseline *baseline, const char *what, bool sample, uint64_t count)
{
	vec_push(&baseline->losses, (struct baseline_loss){copy_text(what), sample, count});
}

const struct baseline_series *baseline_find_series(const struct baseline *baseline,
						   const char *metric, const char *label,
						   const char *statistic)
{
	vec_each(&baseline->series, series)
		if (!strcmp(series->metric, metric) && !strcmp(series->label, label) &&
		    !strcmp(series->statistic, statistic))
			return series;
	return NULL;
}
