/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor/monitor.h"

#include <stdio.h>
#include <stdlib.h>

#include "analysis/analysis.h"
#include "monitor/window.h"

struct monitor {
	VEC(struct watch) watches;
	struct limits limits;
	uint32_t need;
	struct history *history;
	int64_t alerts;       /* that were numbered here, without a history */
	struct document *doc; /* of the last interval */
	struct monitor_interval interval;
};

struct monitor *monitor_new(const struct limits *limits, uint32_t need, struct history *history)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor)
		return NULL;
	monitor->need = need ? need : 1;
	monitor->history = history;
	vec_each(&limits->at, limit) {
		vec_push(&monitor->limits.at, *limit);
		vec_push(&monitor->watches, (struct watch){.limit = *limit});
	}
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	document_free(monitor->doc);
	vec_free(&monitor->limits.at);
	vec_free(&monitor->watches);
	vec_free(&monitor->interval.readings);
	vec_free(&monitor->interval.begun);
	vec_free(&monitor->interval.ended);
	free(monitor);
}

static void interval_begin(struct monitor *monitor, struct document *doc, uint64_t begin_ns,
			   uint64_t end_ns, uint64_t gap_ns)
{
	struct monitor_interval *interval = &monitor->interval;

	document_free(monitor->doc);
	monitor->doc = doc;
	interval->doc = doc;
	interval->begin_ns = begin_ns;
	interval->end_ns = end_ns;
	interval->gap_ns = gap_ns;
	interval->history_err = 0;
	interval->readings.len = interval->begun.len = interval->ended.len = 0;
}

/* Why it began is best known when it began: the first thing in the way then. */
static void alert_blame(struct alert *alert, const struct document *doc)
{
	const struct bottleneck *first = doc->bottlenecks.len ? &doc->bottlenecks.at[0] : NULL;

	if (!first || first->severity == SEVERITY_LOW)
		return;
	snprintf(alert->cause, sizeof(alert->cause), "%s: %s", first->id ? first->id : "",
		 first->title ? first->title : "");
}

static void alert_keep(struct monitor *monitor, struct alert *alert)
{
	if (monitor->history)
		history_alert(monitor->history, alert);
	else if (!alert->id)
		alert->id = ++monitor->alerts;
}

static void watch_judge(struct monitor *monitor, struct watch *watch, const struct document *doc)
{
	struct monitor_interval *interval = &monitor->interval;
	struct reading reading = limit_read(&watch->limit, doc);
	struct alert alert;

	vec_push(&interval->readings,
		 (struct watch_reading){watch, reading,
					limit_exceeded(&watch->limit, reading.value)});
	switch (watch_step(watch, &reading, interval->begin_ns, interval->end_ns, monitor->need,
			   &alert)) {
	case ALERT_BEGINS:
		alert_blame(&alert, doc);
		alert_keep(monitor, &alert);
		watch->alert = alert; /* with its id and cause */
		vec_push(&interval->begun, alert);
		break;
	case ALERT_ENDS:
		alert_keep(monitor, &alert);
		vec_push(&interval->ended, alert);
		break;
	case ALERT_NOTHING:
		break;
	}
}

const struct monitor_interval *monitor_judge(struct monitor *monitor, struct document *doc,
					     uint64_t begin_ns, uint64_t end_ns, uint64_t gap_ns,
					     struct error *error)
{
	struct monitor_interval *interval = &monitor->interval;

	interval_begin(monitor, doc, begin_ns, end_ns, gap_ns);
	vec_each(&monitor->watches, watch)
		watch_judge(monitor, watch, doc);
	if (monitor->history)
		interval->history_err = history_write(
			monitor->history, &(struct history_interval){begin_ns, end_ns, gap_ns, doc},
			&monitor->limits, error);
	return interval;
}

const struct monitor_interval *monitor_observe(struct monitor *monitor, struct recording *rec,
					       uint64_t end_ns, uint64_t gap_ns,
					       struct error *error)
{
	struct document *doc;
	uint64_t begin_ns;

	window_rebase(rec, end_ns);
	begin_ns = rec->start_unix_ns;
	doc = analysis_run(rec);
	window_forget(rec);
	return monitor_judge(monitor, doc, begin_ns, end_ns, gap_ns, error);
}

const struct monitor_interval *monitor_stop(struct monitor *monitor, uint64_t now_ns)
{
	struct monitor_interval *interval = &monitor->interval;
	struct alert alert;

	interval_begin(monitor, NULL, now_ns, now_ns, 0);
	vec_each(&monitor->watches, watch) {
		if (!watch_stop(watch, now_ns, "monitor stopped", &alert))
			continue;
		alert_keep(monitor, &alert);
		vec_push(&interval->ended, alert);
	}
	return interval;
}
