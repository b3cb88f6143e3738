/* SPDX-License-Identifier: BSD-2-Clause */
/* The document as JSON, in the order of docs/json.md, which says what each field is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report/fields.h"
#include "report/formats.h"
#include "util/escape.h"

#define JSON_SCHEMA 1

static json_t *spread_json(const struct spread *spread)
{
	json_t *object;

	if (!spread->count)
		return json_null();
	object = json_object();
	fields_spread(object, spread);
	return object;
}

static json_t *place_json(const struct place *place)
{
	json_t *object = json_object();

	field_known(object, "process", place->process);
	if (place->pid)
		field_count(object, "pid", place->pid);
	field_known(object, "thread", place->thread);
	field_known(object, "container", place->container);
	field_known(object, "cgroup", place->cgroup);
	field_known(object, "function", place->function);
	if (place->begin)
		field_count(object, "begin", place->begin);
	field_known(object, "module", place->module);
	field_known(object, "file", place->file);
	if (place->line)
		field_count(object, "line", place->line);
	field_known(object, "device", place->device);
	field_known(object, "path", place->path);
	field_known(object, "lock", place->lock);
	field_known(object, "peer", place->peer);
	return object;
}

static json_t *prediction_json(const struct prediction *prediction)
{
	json_t *object = json_object();

	field_known(object, "metric", prediction->metric);
	field_real(object, "saved_share", prediction->saved_share);
	field_real(object, "low", prediction->low);
	field_real(object, "high", prediction->high);
	field_real(object, "speedup", prediction->speedup);
	field_known(object, "method", prediction->method);
	return object;
}

static json_t *hours_json(const double hours[2])
{
	json_t *array = json_array();

	row_append(array, real_value(hours[0]));
	row_append(array, real_value(hours[1]));
	return array;
}

static json_t *host_json(const struct document *doc)
{
	json_t *object = json_object();

	field_known(object, "name", doc->host);
	field_known(object, "kernel", doc->kernel);
	field_known(object, "arch", doc->arch);
	if (doc->cpus)
		field_count(object, "cpus", doc->cpus);
	if (doc->memory_bytes)
		field_count(object, "memory_bytes", doc->memory_bytes);
	return object;
}

static json_t *window_json(const struct document *doc)
{
	json_t *object = json_object();

	field_known(object, "start", doc->start);
	field_real(object, "seconds", doc->seconds);
	field_count(object, "slices", doc->slices);
	field_count(object, "warmup_slices", doc->warmup_slices);
	field_put(object, "cut", json_boolean(doc->cut));
	return object;
}

static json_t *stacks_json(const struct document *doc)
{
	json_t *object = json_object(), *reasons = json_object();

	field_count(object, "cpu_samples", doc->coverage.cpu_samples);
	field_count(object, "tracing_samples", doc->coverage.tracing_samples);
	field_count(object, "user_samples", doc->coverage.user_samples);
	field_count(object, "complete", doc->coverage.user_complete);
	vec_each(&doc->coverage.incomplete, reason) {
		char *key = escape_text(reason->what, ESCAPE_JSON);

		field_count(reasons, key, reason->count);
		free(key);
	}
	field_put(object, "incomplete", reasons);
	if (doc->coverage.sample_hz)
		field_count(object, "sample_hz", doc->coverage.sample_hz);
	field_known(object, "sample_source", doc->coverage.sample_source);
	return object;
}

static json_t *waits_json(const struct document *doc)
{
	json_t *object = json_object();

	field_count(object, "count", doc->coverage.waits);
	field_real(object, "placed_share", doc->coverage.waits_placed);
	field_count(object, "single", doc->coverage.waits_single);
	field_real(object, "wakers_placed_share", doc->coverage.wakers_placed);
	field_count(object, "polls_untold", doc->coverage.polls_untold);
	field_count(object, "delays", doc->coverage.delays);
	field_real(object, "delays_seconds", doc->coverage.delays_seconds);
	field_count(object, "delays_single", doc->coverage.delays_single);
	field_count(object, "checked", doc->coverage.places_checked);
	field_count(object, "wrong", doc->coverage.places_wrong);
	return object;
}

static json_t *tables_json(const struct unwind_tables *tables)
{
	json_t *object;

	if (!tables->observed)
		return json_null();
	object = json_object();
	field_count(object, "loaded", tables->loaded);
	field_count(object, "cached", tables->cached);
	field_count(object, "evicted", tables->evicted);
	field_count(object, "failed", tables->failed);
	field_count(object, "refused", tables->refused);
	field_count(object, "bytes", tables->bytes);
	field_real(object, "longest_ms", tables->longest_ms);
	return object;
}

static json_t *self_json(const struct document *doc)
{
	double bpf = doc->coverage.self_bpf_percent;
	json_t *object = json_object();

	field_real(object, "cpu_percent", doc->coverage.self_cpu_percent);
	field_real(object, "bpf_percent", bpf < 0 ? NAN : bpf);
	field_real(object, "interrupt_percent", doc->coverage.self_interrupt_percent);
	field_real(object, "budget_percent", doc->coverage.self_budget_percent);
	if (doc->coverage.self_rss_bytes)
		field_count(object, "rss_bytes", doc->coverage.self_rss_bytes);
	if (doc->coverage.self_map_bytes)
		field_count(object, "bpf_map_bytes", doc->coverage.self_map_bytes);
	return object;
}

static json_t *coverage_json(const struct document *doc)
{
	json_t *object = json_object(), *skipped = json_array();

	fields_lost(object, doc);
	vec_each(&doc->coverage.skipped, family) {
		json_t *row = json_object();

		field_known(row, "family", family->family);
		field_known(row, "why", family->why);
		row_append(skipped, row);
	}
	field_put(object, "skipped", skipped);
	field_put(object, "stacks", stacks_json(doc));
	field_put(object, "waits", waits_json(doc));
	field_real(object, "calls_observed_share", doc->coverage.calls_observed);
	field_real(object, "messages_observed_share", doc->coverage.messages_observed);
	field_real(object, "allocs_observed_share", doc->coverage.allocs_observed);
	if (isfinite(doc->coverage.allocs_observed))
		field_count(object, "alloc_files", doc->coverage.alloc_files);
	field_real(object, "samples_taken_share", doc->coverage.samples_taken);
	field_put(object, "unwind_tables", tables_json(&doc->coverage.tables));
	field_real(object, "ledger_share", doc->coverage.ledger_share);
	field_put(object, "self", self_json(doc));
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
		field_count(object, "count", 0);
	}
	field_known(object, "unit", metric->unit);
	field_known(object, "label", metric->label);
	field_known(object, "what", metric->what);
	field_put(metrics, key, object);
	free(key);
	free(label);
	free(name);
}

static json_t *service_json(const struct service *service)
{
	json_t *object = json_object();

	field_known(object, "process", service->process);
	if (service->pid)
		field_count(object, "pid", service->pid);
	field_known(object, "container", service->container);
	field_known(object, "address", service->address);
	field_known(object, "protocol", service->protocol);
	field_real(object, "throughput_per_s", service->throughput_per_s);
	field_put(object, "response_ms", spread_json(&service->response_ms));
	field_put(object, "delivered_ms", spread_json(&service->delivered_ms));
	field_real(object, "error_percent", service->error_percent);
	field_known(object, "coverage", service->coverage);
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

		field_known(row, "process", grown->process);
		field_count(row, "pid", grown->pid);
		field_known(row, "container", grown->container);
		field_count(row, "start_bytes", grown->start_bytes);
		field_count(row, "end_bytes", grown->end_bytes);
		field_count(row, "growth_bytes", grown->growth_bytes);
		field_real(row, "growth_bytes_per_s", grown->bytes_per_s);
		field_real(row, "seconds", grown->seconds);
		field_put(row, "exited", json_boolean(grown->exited));
		row_append(rows, row);
	}
	return rows;
}

static json_t *baseline_json(const struct document *doc)
{
	json_t *object = json_object(), *metrics = json_object(), *services = json_array();

	vec_each(&doc->metrics, metric)
		put_metric(metrics, metric);
	field_put(object, "metrics", metrics);
	vec_each(&doc->services, service)
		row_append(services, service_json(service));
	field_put(object, "services", services);
	field_put(object, "memory_growth", memory_growth_json(doc));
	return object;
}

static json_t *impact_json(const struct impact *impact)
{
	json_t *object = json_object();

	field_real(object, "share", impact->share);
	field_real(object, "low", impact->low);
	field_real(object, "high", impact->high);
	field_known(object, "basis", impact->basis);
	return object;
}

static json_t *chain_json(const struct link *links, size_t count)
{
	json_t *chain = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();

		field_known(row, "id", links[i].id);
		field_put(row, "where", place_json(&links[i].where));
		if (links[i].woken_by.process)
			field_put(row, "woken_by", place_json(&links[i].woken_by));
		row_append(chain, row);
	}
	return chain;
}

static json_t *bottleneck_json(const struct bottleneck *item)
{
	json_t *object = json_object(), *evidence = json_array(), *stacks = json_array();

	field_count(object, "rank", item->rank);
	field_known(object, "id", item->id);
	field_put(object, "severity", json_string(severity_name(item->severity)));
	field_known(object, "resource", item->resource);
	field_known(object, "title", item->title);
	field_put(object, "where", place_json(&item->where));
	field_put(object, "impact", impact_json(&item->impact));
	field_put(object, "confidence", json_string(confidence_name(item->confidence)));
	field_put(object, "chain", chain_json(item->chain.at, item->chain.len));
	vec_each(&item->evidence, fact) {
		json_t *row = json_object();

		field_known(row, "what", fact->what);
		field_real(row, "value", fact->value);
		field_known(row, "unit", fact->unit);
		row_append(evidence, row);
	}
	field_put(object, "evidence", evidence);
	vec_each(&item->stacks, stack)
		row_append(stacks, json_integer(*stack));
	field_put(object, "stacks", stacks);
	return object;
}

static json_t *hotspot_json(const struct hotspot *spot)
{
	json_t *object = json_object();

	field_count(object, "rank", spot->rank);
	field_known(object, "kind", spot->kind);
	field_known(object, "function", spot->function);
	if (spot->begin)
		field_count(object, "begin", spot->begin);
	field_known(object, "module", spot->module);
	field_known(object, "file", spot->file);
	if (spot->line)
		field_count(object, "line", spot->line);
	field_known(object, "process", spot->process);
	field_known(object, "container", spot->container);
	field_real(object, "self_share", spot->self_share);
	field_real(object, "self_low", spot->self_low);
	field_real(object, "self_high", spot->self_high);
	field_real(object, "self_weight", spot->self_weight);
	field_known(object, "self_unit", spot->self_unit ? spot->self_unit : "s");
	field_real(object, "total_share", spot->total_share);
	field_put(object, "severity", json_string(severity_name(spot->severity)));
	field_real(object, "impact", spot->impact);
	field_real(object, "priority", spot->priority);
	return object;
}

static json_t *wakeup_json(const struct wakeup *wakeup)
{
	json_t *object = json_object(), *terminals;

	field_count(object, "rank", wakeup->rank);
	field_known(object, "state", wakeup->state);
	field_put(object, "blamed", json_boolean(wakeup->blamed));
	field_put(object, "waits", place_json(&wakeup->waits));
	field_known(object, "ended_by", wakeup->ended_by);
	field_put(object, "wakes", place_json(&wakeup->wakes));
	field_count(object, "count", wakeup->count);
	field_real(object, "seconds", wakeup->seconds);
	field_real(object, "longest_ms", wakeup->longest_ms);
	terminals = json_array();
	vec_each(&wakeup->terminals, terminal) {
		json_t *row = json_object();

		field_known(row, "what", terminal->what);
		field_put(row, "who", place_json(&terminal->who));
		field_real(row, "share", terminal->share);
		row_append(terminals, row);
	}
	field_put(object, "terminals", terminals);
	field_put(object, "chain", chain_json(wakeup->chain.at, wakeup->chain.len));
	return object;
}

static json_t *delayed_json(const struct delayed *delayed)
{
	json_t *object = json_object();

	field_count(object, "rank", delayed->rank);
	field_put(object, "waits", place_json(&delayed->waits));
	field_put(object, "occupant", place_json(&delayed->occupant));
	field_known(object, "why", delayed->why);
	field_count(object, "count", delayed->count);
	field_real(object, "seconds", delayed->seconds);
	field_real(object, "longest_ms", delayed->longest_ms);
	return object;
}

static json_t *profile_json(const struct document *doc)
{
	json_t *object = json_object(), *hotspots = json_array(), *wakeups = json_array();
	json_t *delays = json_array();

	vec_each(&doc->hotspots, spot)
		row_append(hotspots, hotspot_json(spot));
	field_put(object, "hotspots", hotspots);
	vec_each(&doc->wakeups, wakeup)
		row_append(wakeups, wakeup_json(wakeup));
	field_put(object, "wakeups", wakeups);
	vec_each(&doc->delays, delayed)
		row_append(delays, delayed_json(delayed));
	field_put(object, "delays", delays);
	return object;
}

static json_t *strategy_json(const struct document *doc)
{
	json_t *object = json_object(), *steps = json_array();

	vec_each(&doc->steps, step) {
		json_t *row = json_object();

		field_count(row, "order", step->order);
		field_count(row, "bottleneck", step->bottleneck);
		field_put(row, "category", json_string(effort_name(step->category)));
		field_put(row, "effort_hours", hours_json(step->effort_hours));
		field_known(row, "action", step->action);
		field_put(row, "predicted", prediction_json(&step->predicted));
		row_append(steps, row);
	}
	field_put(object, "steps", steps);
	field_put(object, "total", doc->steps.len ? prediction_json(&doc->total) : json_null());
	return object;
}

static json_t *monitor_json(const struct document *doc)
{
	json_t *object = json_object(), *metrics = json_array();

	vec_each(&doc->thresholds, limit) {
		json_t *row = json_object();

		field_known(row, "name", limit->name);
		field_real(row, "threshold", limit->threshold);
		field_known(row, "comparison", limit->comparison);
		field_known(row, "unit", limit->unit);
		field_known(row, "from", limit->from);
		field_real(row, "current", limit->current);
		field_put(row, "exceeded",
			  isnan(limit->current) ? json_null() : json_boolean(limit->exceeded));
		row_append(metrics, row);
	}
	field_put(object, "metrics", metrics);
	return object;
}

static json_t *document_json(const struct document *doc)
{
	json_t *root = json_object(), *strait = json_object(), *target = json_object();
	json_t *bottlenecks = json_array();

	field_known(strait, "version", doc->version);
	field_count(strait, "schema", JSON_SCHEMA);
	field_put(root, "strait", strait);
	field_put(root, "host", host_json(doc));
	field_put(root, "window", window_json(doc));
	field_known(target, "kind", doc->target_kind);
	field_known(target, "name", doc->target_name);
	field_put(root, "target", target);
	field_put(root, "coverage", coverage_json(doc));
	field_known(root, "verdict", doc->verdict);
	field_put(root, "baseline", baseline_json(doc));
	vec_each(&doc->bottlenecks, item)
		row_append(bottlenecks, bottleneck_json(item));
	field_put(root, "bottlenecks", bottlenecks);
	field_put(root, "profile", profile_json(doc));
	field_put(root, "strategy", strategy_json(doc));
	field_put(root, "monitor", monitor_json(doc));
	return root;
}

int report_json(const struct document *doc, FILE *out, const struct text_style *style)
{
	(void)style;
	return fields_write(document_json(doc), out);
}
