/* SPDX-License-Identifier: BSD-2-Clause */
/* The document as JSON: docs/json.md says what each field is. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/formats.h"
#include "util/escape.h"
#include "util/output.h"

#define JSON_SCHEMA 1
/* Significant digits of real numbers: more than any of them is accurate to. */
#define JSON_DIGITS 6

/*
 * Fields are put in the order of docs/json.md and written in that order. Strings are valid UTF-8 by
 * then, so that only exhausted memory can fail here, and that ends the program as everywhere.
 */
static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		abort();
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		abort();
}

static json_t *text_or_null(const char *text)
{
	char *escaped;
	json_t *value;

	if (!text)
		return json_null();
	escaped = escape_text(text, ESCAPE_JSON);
	value = json_string(escaped);
	free(escaped);
	return value;
}

/* An unknown text has no field at all. */
static void put_text(json_t *object, const char *key, const char *text)
{
	if (text && *text)
		put(object, key, text_or_null(text));
}

/* JSON knows neither NAN nor infinity: both are "not observed". No "-0.0". */
static json_t *real_or_null(double value)
{
	return isfinite(value) ? json_real(value == 0 ? 0 : value) : json_null();
}

static void put_real(json_t *object, const char *key, double value)
{
	put(object, key, real_or_null(value));
}

static void put_count(json_t *object, const char *key, uint64_t value)
{
	put(object, key, json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

static json_t *spread_json(const struct spread *spread)
{
	json_t *object;

	if (!spread->count)
		return json_null();
	object = json_object();
	put_real(object, "avg", spread->avg);
	put_real(object, "min", spread->min);
	put_real(object, "max", spread->max);
	put_real(object, "p50", spread->p50);
	put_real(object, "p95", spread->p95);
	put_real(object, "p99", spread->p99);
	put_count(object, "count", spread->count);
	return object;
}

static json_t *place_json(const struct place *place)
{
	json_t *object = json_object();

	put_text(object, "process", place->process);
	if (place->pid)
		put_count(object, "pid", place->pid);
	put_text(object, "thread", place->thread);
	put_text(object, "container", place->container);
	put_text(object, "cgroup", place->cgroup);
	put_text(object, "function", place->function);
	put_text(object, "module", place->module);
	put_text(object, "file", place->file);
	if (place->line)
		put_count(object, "line", place->line);
	put_text(object, "device", place->device);
	put_text(object, "path", place->path);
	put_text(object, "lock", place->lock);
	put_text(object, "peer", place->peer);
	return object;
}

static json_t *prediction_json(const struct prediction *prediction)
{
	json_t *object = json_object();

	put_text(object, "metric", prediction->metric);
	put_real(object, "saved_share", prediction->saved_share);
	put_real(object, "low", prediction->low);
	put_real(object, "high", prediction->high);
	put_real(object, "speedup", prediction->speedup);
	put_text(object, "method", prediction->method);
	return object;
}

static json_t *hours_json(const double hours[2])
{
	json_t *array = json_array();

	append(array, real_or_null(hours[0]));
	append(array, real_or_null(hours[1]));
	return array;
}

static json_t *host_json(const struct document *doc)
{
	json_t *object = json_object();

	put_text(object, "name", doc->host);
	put_text(object, "kernel", doc->kernel);
	put_text(object, "arch", doc->arch);
	if (doc->cpus)
		put_count(object, "cpus", doc->cpus);
	if (doc->memory_bytes)
		put_count(object, "memory_bytes", doc->memory_bytes);
	return object;
}

static json_t *window_json(const struct document *doc)
{
	json_t *object = json_object();

	put_text(object, "start", doc->start);
	put_real(object, "seconds", doc->seconds);
	put_count(object, "slices", doc->slices);
	put_count(object, "warmup_slices", doc->warmup_slices);
	put(object, "cut", json_boolean(doc->cut));
	return object;
}

static json_t *stacks_json(const struct document *doc)
{
	json_t *object = json_object(), *reasons = json_object();

	put_count(object, "cpu_samples", doc->coverage.cpu_samples);
	put_count(object, "user_samples", doc->coverage.user_samples);
	put_count(object, "complete", doc->coverage.user_complete);
	vec_each(&doc->coverage.incomplete, reason) {
		char *key = escape_text(reason->what, ESCAPE_JSON);

		put_count(reasons, key, reason->count);
		free(key);
	}
	put(object, "incomplete", reasons);
	if (doc->coverage.sample_hz)
		put_count(object, "sample_hz", doc->coverage.sample_hz);
	put_text(object, "sample_source", doc->coverage.sample_source);
	return object;
}

static json_t *self_json(const struct document *doc)
{
	double bpf = doc->coverage.self_bpf_percent;
	json_t *object = json_object();

	put_real(object, "cpu_percent", doc->coverage.self_cpu_percent);
	put_real(object, "bpf_percent", bpf < 0 ? NAN : bpf);
	if (doc->coverage.self_rss_bytes)
		put_count(object, "rss_bytes", doc->coverage.self_rss_bytes);
	if (doc->coverage.self_map_bytes)
		put_count(object, "bpf_map_bytes", doc->coverage.self_map_bytes);
	return object;
}

static json_t *coverage_json(const struct document *doc)
{
	json_t *object = json_object(), *lost = json_array(), *skipped = json_array();

	put_count(object, "lost_events", doc->coverage.lost_events);
	put_count(object, "lost_samples", doc->coverage.lost_samples);
	vec_each(&doc->coverage.lost, reason) {
		json_t *row = json_object();

		put_text(row, "what", reason->what);
		put_count(row, "count", reason->count);
		append(lost, row);
	}
	put(object, "lost", lost);
	vec_each(&doc->coverage.skipped, family) {
		json_t *row = json_object();

		put_text(row, "family", family->family);
		put_text(row, "why", family->why);
		append(skipped, row);
	}
	put(object, "skipped", skipped);
	put(object, "stacks", stacks_json(doc));
	put_real(object, "ledger_share", doc->coverage.ledger_share);
	put(object, "self", self_json(doc));
	return object;
}

/* "disk_read_bytes", or "disk_read_bytes:sda" for a metric of a part of the host. */
static void put_metric(json_t *metrics, const struct metric *metric)
{
	bool labelled = metric->label && *metric->label;
	json_t *object = spread_json(&metric->spread);
	char *name = escape_text(metric->name, ESCAPE_JSON);
	char *label = escape_text(metric->label, ESCAPE_JSON);
	char *key;

	if (asprintf(&key, "%s%s%s", name, labelled ? ":" : "", label) < 0)
		abort();
	if (json_is_null(object)) {
		json_decref(object);
		object = json_object();
		put_count(object, "count", 0);
	}
	put_text(object, "unit", metric->unit);
	put_text(object, "label", metric->label);
	put_text(object, "what", metric->what);
	put(metrics, key, object);
	free(key);
	free(label);
	free(name);
}

static json_t *service_json(const struct service *service)
{
	json_t *object = json_object();

	put_text(object, "process", service->process);
	if (service->pid)
		put_count(object, "pid", service->pid);
	put_text(object, "container", service->container);
	put_text(object, "address", service->address);
	put_text(object, "protocol", service->protocol);
	put_real(object, "throughput_per_s", service->throughput_per_s);
	put(object, "response_ms", spread_json(&service->response_ms));
	put(object, "delivered_ms", spread_json(&service->delivered_ms));
	put_real(object, "error_percent", service->error_percent);
	put_text(object, "coverage", service->coverage);
	return object;
}

static json_t *memory_growth_json(const struct document *doc)
{
	json_t *rows;

	if (!doc->memory_growth_observed)
		return json_null();
	rows = json_array();
	vec_each(&doc->memory_growth, grown) {
		json_t *row = json_object();

		put_text(row, "process", grown->process);
		put_count(row, "pid", grown->pid);
		put_text(row, "container", grown->container);
		put_count(row, "start_bytes", grown->start_bytes);
		put_count(row, "end_bytes", grown->end_bytes);
		put_count(row, "growth_bytes", grown->growth_bytes);
		put_real(row, "growth_bytes_per_s", grown->bytes_per_s);
		put_real(row, "seconds", grown->seconds);
		put(row, "exited", json_boolean(grown->exited));
		append(rows, row);
	}
	return rows;
}

static json_t *baseline_json(const struct document *doc)
{
	json_t *object = json_object(), *metrics = json_object(), *services = json_array();

	vec_each(&doc->metrics, metric)
		put_metric(metrics, metric);
	put(object, "metrics", metrics);
	vec_each(&doc->services, service)
		append(services, service_json(service));
	put(object, "services", services);
	put(object, "memory_growth", memory_growth_json(doc));
	return object;
}

static json_t *impact_json(const struct impact *impact)
{
	json_t *object = json_object();

	put_real(object, "share", impact->share);
	put_real(object, "low", impact->low);
	put_real(object, "high", impact->high);
	put_text(object, "basis", impact->basis);
	return object;
}

static json_t *bottleneck_json(const struct bottleneck *item)
{
	json_t *object = json_object(), *chain = json_array(), *evidence = json_array();
	json_t *stacks = json_array();

	put_count(object, "rank", item->rank);
	put_text(object, "id", item->id);
	put(object, "severity", json_string(severity_name(item->severity)));
	put_text(object, "resource", item->resource);
	put_text(object, "title", item->title);
	put(object, "where", place_json(&item->where));
	put(object, "impact", impact_json(&item->impact));
	put(object, "confidence", json_string(confidence_name(item->confidence)));
	vec_each(&item->chain, part) {
		json_t *row = json_object();

		put_text(row, "id", part->id);
		put(row, "where", place_json(&part->where));
		append(chain, row);
	}
	put(object, "chain", chain);
	vec_each(&item->evidence, fact) {
		json_t *row = json_object();

		put_text(row, "what", fact->what);
		put_real(row, "value", fact->value);
		put_text(row, "unit", fact->unit);
		append(evidence, row);
	}
	put(object, "evidence", evidence);
	vec_each(&item->stacks, stack)
		append(stacks, json_integer(*stack));
	put(object, "stacks", stacks);
	return object;
}

static json_t *hotspot_json(const struct hotspot *spot)
{
	json_t *object = json_object();

	put_count(object, "rank", spot->rank);
	put_text(object, "kind", spot->kind);
	put_text(object, "function", spot->function);
	put_text(object, "module", spot->module);
	put_text(object, "file", spot->file);
	if (spot->line)
		put_count(object, "line", spot->line);
	put_text(object, "process", spot->process);
	put_real(object, "self_share", spot->self_share);
	put_real(object, "self_low", spot->self_low);
	put_real(object, "self_high", spot->self_high);
	put_real(object, "self_weight", spot->self_weight);
	put_text(object, "self_unit", spot->self_unit ? spot->self_unit : "s");
	put_real(object, "total_share", spot->total_share);
	put(object, "severity", json_string(severity_name(spot->severity)));
	put_real(object, "impact", spot->impact);
	put_real(object, "priority", spot->priority);
	return object;
}

static json_t *profile_json(const struct document *doc)
{
	json_t *object = json_object(), *hotspots = json_array();

	vec_each(&doc->hotspots, spot)
		append(hotspots, hotspot_json(spot));
	put(object, "hotspots", hotspots);
	return object;
}

static json_t *strategy_json(const struct document *doc)
{
	json_t *object = json_object(), *steps = json_array();

	vec_each(&doc->steps, step) {
		json_t *row = json_object();

		put_count(row, "order", step->order);
		put_count(row, "bottleneck", step->bottleneck);
		put(row, "category", json_string(effort_name(step->category)));
		put(row, "effort_hours", hours_json(step->effort_hours));
		put_text(row, "action", step->action);
		put(row, "predicted", prediction_json(&step->predicted));
		append(steps, row);
	}
	put(object, "steps", steps);
	put(object, "total", doc->steps.len ? prediction_json(&doc->total) : json_null());
	return object;
}

static json_t *monitor_json(const struct document *doc)
{
	json_t *object = json_object(), *metrics = json_array();

	vec_each(&doc->thresholds, limit) {
		json_t *row = json_object();

		put_text(row, "name", limit->name);
		put_real(row, "threshold", limit->threshold);
		put_text(row, "comparison", limit->comparison);
		put_text(row, "unit", limit->unit);
		put_text(row, "from", limit->from);
		put_real(row, "current", limit->current);
		put(row, "exceeded",
		    isnan(limit->current) ? json_null() : json_boolean(limit->exceeded));
		append(metrics, row);
	}
	put(object, "metrics", metrics);
	return object;
}

static json_t *document_json(const struct document *doc)
{
	json_t *root = json_object(), *strait = json_object(), *target = json_object();
	json_t *bottlenecks = json_array();

	put_text(strait, "version", doc->version);
	put_count(strait, "schema", JSON_SCHEMA);
	put(root, "strait", strait);
	put(root, "host", host_json(doc));
	put(root, "window", window_json(doc));
	put_text(target, "kind", doc->target_kind);
	put_text(target, "name", doc->target_name);
	put(root, "target", target);
	put(root, "coverage", coverage_json(doc));
	put_text(root, "verdict", doc->verdict);
	put(root, "baseline", baseline_json(doc));
	vec_each(&doc->bottlenecks, item)
		append(bottlenecks, bottleneck_json(item));
	put(root, "bottlenecks", bottlenecks);
	put(root, "profile", profile_json(doc));
	put(root, "strategy", strategy_json(doc));
	put(root, "monitor", monitor_json(doc));
	return root;
}

/*
 * Only ASCII leaves: a browser of text (less, cat) on a terminal then cannot be driven by the C1
 * controls and directional characters that valid UTF-8 may hold.
 */
int report_json(const struct document *doc, FILE *out, const struct text_style *style)
{
	json_t *root = document_json(doc);
	char *text = json_dumps(root, JSON_INDENT(2) | JSON_ENSURE_ASCII |
					      JSON_REAL_PRECISION(JSON_DIGITS));
	int result;

	(void)style;
	json_decref(root);
	if (!text)
		abort();
	result = output_write(out, text, strlen(text));
	free(text);
	return result ? result : output_write(out, "\n", 1);
}
