/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Phase five: the figures of every interval against their limits, for ever. Each interval is
 * analysed as a recording of its own, told to the caller and kept in the history. No clock is read
 * here: times are handed in, ns of CLOCK_REALTIME.
 */
#ifndef STRAIT_MONITOR_H
#define STRAIT_MONITOR_H

#include <stdint.h>

#include "model/document.h"
#include "model/recording.h"
#include "monitor/alert.h"
#include "monitor/history.h"
#include "util/error.h"

struct monitor;

/* What one interval showed. All of it belongs to the monitor and is valid until the next one. */
struct monitor_interval {
	uint64_t begin_ns, end_ns, gap_ns;
	const struct document *doc;
	VEC(struct watch_reading {
		const struct watch *watch;
		struct reading reading;
		bool exceeded;
	})
	readings; /* of all limits, in their order */
	VEC(struct alert) begun, ended;
	int history_err; /* the history could not be written: why is in the error */
};

/* `limits` are copied. `history` may be NULL: nothing is kept; it stays the caller's. */
struct monitor *monitor_new(const struct limits *limits, uint32_t need, struct history *history);
void monitor_free(struct monitor *monitor);

/*
 * Evaluates the slices of the recording as one interval and drops its observations (window.h).
 * `end_ns` is the time of the last slice's end; `gap_ns` went unobserved before its first. Never
 * fails: what goes wrong with the history is told in the result, with its text in *error.
 */
const struct monitor_interval *monitor_observe(struct monitor *monitor, struct recording *rec,
					       uint64_t end_ns, uint64_t gap_ns,
					       struct error *error);

/* The same for a document that is already made; it becomes the monitor's. */
const struct monitor_interval *monitor_judge(struct monitor *monitor, struct document *doc,
					     uint64_t begin_ns, uint64_t end_ns, uint64_t gap_ns,
					     struct error *error);

/* Ends all open alerts, because the monitor stops; they are in `ended` of the result. */
const struct monitor_interval *monitor_stop(struct monitor *monitor, uint64_t now_ns);

#endif
