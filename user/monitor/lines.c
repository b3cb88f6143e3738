/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor/lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "report/number.h"
#include "util/escape.h"

#define NS 1000000000ULL

static void time_format(uint64_t ns, char *out, size_t size)
{
	time_t seconds = (time_t)(ns / NS);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static const struct bottleneck *first_bottleneck(const struct document *doc)
{
	return doc->bottlenecks.len ? &doc->bottlenecks.at[0] : NULL;
}

/* ---- for people ---- */

static void reading_put(FILE *out, const struct watch_reading *row)
{
	char name[LIMIT_NAME + LIMIT_LABEL + 8];

	limit_name(&row->watch->limit, name, sizeof(name));
	fprintf(out, "  %s %s%s", name,
		number_with_unit(row->reading.value, row->watch->limit.unit).text,
		row->watch->is_open ? " ALERT"
		: row->exceeded     ? " !"
				    : "");
}

/* The first thing in the way; below medium there is nothing worth a word. */
static void bottleneck_put(FILE *out, const struct document *doc)
{
	const struct bottleneck *first = first_bottleneck(doc);

	if (!first || first->severity == SEVERITY_LOW) {
		fputs("  | nothing in the way", out);
		return;
	}
	fprintf(out, "  | %s %s %s: %s", first->id ? first->id : "", severity_name(first->severity),
		share_format(first->impact.share).text, first->title ? first->title : "");
}

static void unobserved_put(FILE *out, const struct monitor_interval *interval)
{
	const char *before = "  | not observed: ";
	char name[LIMIT_NAME + LIMIT_LABEL + 8];

	vec_each(&interval->readings, row) {
		if (!isnan(row->reading.value))
			continue;
		limit_name(&row->watch->limit, name, sizeof(name));
		fprintf(out, "%s%s", before, name);
		before = ", ";
	}
}

static void lost_put(FILE *out, const struct document *doc)
{
	uint64_t events = doc->coverage.lost_events, samples = doc->coverage.lost_samples;

	if (events || samples)
		fprintf(out, "  | lost %s events, %s samples", count_format(events).text,
			count_format(samples).text);
}

char *interval_text(const struct monitor_interval *interval, size_t columns, bool unicode)
{
	char *text = NULL, *escaped, *fitted, when[32];
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return strdup("out of memory");
	time_format(interval->end_ns, when, sizeof(when));
	fputs(when, out);
	vec_each(&interval->readings, row)
		if (!isnan(row->reading.value))
			reading_put(out, row);
	if (interval->gap_ns)
		fprintf(out, "  (%s before it were not observed)",
			number_with_unit((double)interval->gap_ns, "ns").text);
	bottleneck_put(out, interval->doc);
	unobserved_put(out, interval);
	lost_put(out, interval->doc);
	fclose(out);
	escaped = escape_text(text, unicode ? ESCAPE_TERMINAL : ESCAPE_ASCII);
	free(text);
	if (!columns)
		return escaped;
	fitted = text_fit(escaped, columns, FIT_BEGIN, unicode ? "…" : "...");
	free(escaped);
	return fitted;
}

/* ---- for programs ---- */

/* NULL and NAN become null. */
static json_t *text_value(const char *text)
{
	char *escaped;
	json_t *value;

	if (!text || !*text)
		return json_null();
	escaped = escape_text(text, ESCAPE_JSON);
	value = json_string(escaped);
	free(escaped);
	return value ? value : json_null();
}

static json_t *number_value(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *time_value(uint64_t ns)
{
	char when[32];

	if (!ns)
		return json_null();
	time_format(ns, when, sizeof(when));
	return json_string(when);
}

static json_t *limit_value(const struct limit *limit)
{
	const char comparison[2] = {limit->comparison};
	char name[LIMIT_NAME + LIMIT_LABEL + 8];

	limit_name(limit, name, sizeof(name));
	return json_pack("{s:o, s:s, s:o, s:o, s:s}", "name", text_value(name), "comparison",
			 comparison, "threshold", number_value(limit->value), "unit",
			 text_value(limit->unit), "from", limit->from);
}

static json_t *reading_value(const struct watch_reading *row)
{
	json_t *value = limit_value(&row->watch->limit);

	json_object_set_new(value, "value", number_value(row->reading.value));
	json_object_set_new(value, "label", text_value(row->reading.label));
	json_object_set_new(value, "observed", json_boolean(!isnan(row->reading.value)));
	json_object_set_new(value, "exceeded", json_boolean(row->exceeded));
	json_object_set_new(value, "alert", json_boolean(row->watch->is_open));
	return value;
}

static json_t *bottleneck_value(const struct document *doc)
{
	const struct bottleneck *first = first_bottleneck(doc);

	if (!first)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "id", text_value(first->id), "severity",
			 severity_name(first->severity), "share", number_value(first->impact.share),
			 "title", text_value(first->title), "process",
			 text_value(first->where.process), "container",
			 text_value(first->where.container));
}

static char *line_dump(json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));

	json_decref(root);
	return text ? text : strdup("{}");
}

static json_t *lost_value(const struct document *doc)
{
	json_t *rows = json_array();

	vec_each(&doc->coverage.lost, lost)
		json_array_append_new(rows, json_pack("{s:o, s:I}", "what", text_value(lost->what),
						      "count", (json_int_t)lost->count));
	return rows;
}

char *interval_json(const struct monitor_interval *interval)
{
	double seconds = (double)(interval->end_ns - interval->begin_ns) / NS;
	json_t *metrics = json_array();

	vec_each(&interval->readings, row)
		json_array_append_new(metrics, reading_value(row));
	return line_dump(json_pack(
		"{s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o}}", "interval", "time",
		time_value(interval->end_ns), "seconds", number_value(seconds), "gap_seconds",
		number_value((double)interval->gap_ns / NS), "metrics", metrics, "bottleneck",
		bottleneck_value(interval->doc), "lost", lost_value(interval->doc),
		"self_cpu_percent", number_value(interval->doc->coverage.self_cpu_percent)));
}

char *alert_json(const struct alert *alert)
{
	bool ended = alert->ended_ns != 0;
	json_t *root = json_pack("{s:s, s:I}", "alert", ended ? "end" : "begin", "id",
				 (json_int_t)alert->id);

	json_object_update_new(root, limit_value(&alert->limit));
	json_object_set_new(root, "label", text_value(alert->label));
	json_object_set_new(root, "worst", number_value(alert->worst));
	json_object_set_new(root, "began", time_value(alert->began_ns));
	json_object_set_new(root, "cause", text_value(alert->cause));
	if (ended) {
		double seconds = alert->ended_ns > alert->began_ns
					 ? (double)(alert->ended_ns - alert->began_ns) / NS
					 : 0;

		json_object_set_new(root, "ended", time_value(alert->ended_ns));
		json_object_set_new(root, "seconds", number_value(seconds));
		json_object_set_new(root, "reason", text_value(alert->reason));
	}
	return line_dump(root);
}
