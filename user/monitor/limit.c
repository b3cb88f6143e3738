/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor/limit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/thresholds.h"
#include "model/metrics.h"

static const char *const statistics[LIMIT_STATISTICS] = {
	[LIMIT_AVG] = "avg", [LIMIT_MIN] = "min", [LIMIT_MAX] = "max",
	[LIMIT_P50] = "p50", [LIMIT_P95] = "p95", [LIMIT_P99] = "p99",
};

static const struct threshold_default *default_find(const char *name)
{
	for (const struct threshold_default *def = threshold_defaults; def->name; def++)
		if (!strcmp(def->name, name))
			return def;
	return NULL;
}

void limits_default(struct limits *limits)
{
	for (const struct threshold_default *def = threshold_defaults; def->name; def++) {
		struct limit limit = {.threshold = true,
				      .comparison = def->comparison[0],
				      .value = def->value,
				      .unit = def->unit,
				      .from = "default"};

		snprintf(limit.name, sizeof(limit.name), "%s", def->name);
		vec_push(&limits->at, limit);
	}
}

/* Digits and one point, a sign before them: nothing else that strtod() would take. */
static bool value_parse(const char *text, double *out)
{
	const char *digits = text + (*text == '-');

	if (!*digits || strspn(digits, "0123456789.") != strlen(digits) || !strcmp(digits, "."))
		return false;
	if (strchr(digits, '.') != strrchr(digits, '.'))
		return false;
	*out = strtod(text, NULL);
	return isfinite(*out);
}

/* "name.p95" → the name alone, and the statistic. */
static int statistic_parse(struct limit *limit, struct error *error)
{
	char *dot = strchr(limit->name, '.');

	if (!dot)
		return 0;
	*dot++ = 0;
	for (int i = 0; i < LIMIT_STATISTICS; i++)
		if (!strcmp(dot, statistics[i])) {
			limit->statistic = (enum limit_statistic)i;
			return 0;
		}
	return error_set(error, -EINVAL,
			 "unknown statistic '%s': there is avg (without one), min, max, p50, p95, "
			 "p99",
			 dot);
}

/* Splits "NAME.STATISTIC:LABEL" of this length. */
static int figure_parse(struct limit *limit, const char *text, size_t length, struct error *error)
{
	const char *colon = memchr(text, ':', length);
	size_t name = colon ? (size_t)(colon - text) : length;

	if (!name || name >= sizeof(limit->name) ||
	    (colon && length - name - 1 >= sizeof(limit->label)))
		return error_set(error, -EINVAL, "'%.80s' does not begin with a metric's name",
				 text);
	memcpy(limit->name, text, name);
	if (colon)
		memcpy(limit->label, colon + 1, length - name - 1);
	if (colon && !limit->label[0])
		return error_set(error, -EINVAL, "no label behind ':' in '%.80s'", text);
	return statistic_parse(limit, error);
}

int limit_parse(const char *text, struct limit *out, struct error *error)
{
	struct limit limit = {.from = "user"};
	size_t length = strcspn(text, "<>");
	const struct threshold_default *def;
	const struct metric_kind *metric;
	int err;

	if (!text[length] || !value_parse(text + length + 1, &limit.value))
		return error_set(error, -EINVAL,
				 "'%.80s' is no limit, such as 'cpu_usage>85' or "
				 "'disk_read_ms.p95:vda>20'",
				 text);
	limit.comparison = text[length];
	err = figure_parse(&limit, text, length, error);
	if (err)
		return err;
	def = default_find(limit.name);
	metric = metric_find(limit.name);
	if (!def && !metric)
		return error_set(error, -EINVAL,
				 "unknown metric '%s': cpu_usage, memory_usage and the like, or a "
				 "metric of the report's baseline (strait --json)",
				 limit.name);
	if (limit.label[0] && (def || !metric->label))
		return error_set(error, -EINVAL, "%s is of the whole host: it has no ':%s'",
				 limit.name, limit.label);
	if (def && limit.statistic != LIMIT_AVG)
		return error_set(error, -EINVAL, "%s is one figure: it has no statistic",
				 limit.name);
	limit.threshold = def != NULL;
	limit.unit = def ? def->unit : metric->unit;
	*out = limit;
	return 0;
}

static bool same_figure(const struct limit *a, const struct limit *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->label, b->label) &&
	       a->statistic == b->statistic;
}

int limits_set(struct limits *limits, const struct limit *limit, struct error *error)
{
	vec_each(&limits->at, old)
		if (same_figure(old, limit)) {
			*old = *limit;
			return 0;
		}
	if (limits->at.len >= LIMITS_MAX)
		return error_set(error, -E2BIG, "more than %d limits", LIMITS_MAX);
	vec_push(&limits->at, *limit);
	return 0;
}

static double spread_get(const struct spread *spread, enum limit_statistic statistic)
{
	switch (statistic) {
	case LIMIT_MIN:
		return spread->min;
	case LIMIT_MAX:
		return spread->max;
	case LIMIT_P50:
		return spread->p50;
	case LIMIT_P95:
		return spread->p95;
	case LIMIT_P99:
		return spread->p99;
	default:
		return spread->avg;
	}
}

static bool is_worse(const struct limit *limit, double value, double than)
{
	return isnan(than) || (limit->comparison == '>' ? value > than : value < than);
}

struct reading limit_read(const struct limit *limit, const struct document *doc)
{
	struct reading worst = {NAN, ""};

	vec_each(&doc->thresholds, row)
		if (limit->threshold && !strcmp(row->name, limit->name))
			worst.value = row->current;
	if (limit->threshold)
		return worst;
	vec_each(&doc->metrics, metric) {
		const char *label = metric->label ? metric->label : "";
		double value = spread_get(&metric->spread, limit->statistic);

		if (strcmp(metric->name, limit->name) != 0 || isnan(value) || !metric->spread.count)
			continue;
		if (limit->label[0] && strcmp(label, limit->label) != 0)
			continue;
		if (is_worse(limit, value, worst.value))
			worst = (struct reading){value, label};
	}
	return worst;
}

bool limit_exceeded(const struct limit *limit, double value)
{
	return limit->comparison == '>' ? value > limit->value : value < limit->value;
}

void limit_name(const struct limit *limit, char *out, size_t size)
{
	bool bare = limit->statistic == LIMIT_AVG;

	snprintf(out, size, "%s%s%s%s%s", limit->name, bare ? "" : ".",
		 bare ? "" : statistics[limit->statistic], limit->label[0] ? ":" : "",
		 limit->label);
}
