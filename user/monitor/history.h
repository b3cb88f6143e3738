/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the monitor keeps: an SQLite file with the figures of every interval, its first bottlenecks
 * and all alerts, for as long and as large as it may be. Described in docs/monitor.md.
 */
#ifndef STRAIT_HISTORY_H
#define STRAIT_HISTORY_H

#include <stdint.h>

#include "model/document.h"
#include "monitor/alert.h"
#include "util/error.h"

#define HISTORY_BOTTLENECKS 3 /* of each interval that are kept */

struct history;

struct history_options {
	uint64_t keep_ns;    /* older intervals and alerts are removed; 0 = never */
	uint64_t keep_bytes; /* the oldest are removed where the file would be larger; 0 = never */
};

/* One interval. Times are ns of CLOCK_REALTIME. */
struct history_interval {
	uint64_t begin_ns, end_ns;
	uint64_t gap_ns; /* not observed between the interval before and this one */
	const struct document *doc;
};

/*
 * Opens or makes the file (mode 0600; its folder too, mode 0700, where only that is missing).
 * Alerts that an earlier monitor left open are ended, with the time of its last interval.
 * -EBUSY: another monitor writes it. -EINVAL: something else is there. -ENOTSUP: another version.
 */
int history_open(struct history **out, const char *path, const struct history_options *options,
		 struct error *error);

/*
 * Writes one interval and removes what is too old, in one transaction. Alerts told by
 * history_alert() since the last success are written with it. After an error (-ENOSPC, -EIO, …)
 * the file is as before, and the alerts are tried again with the next one.
 */
int history_write(struct history *history, const struct history_interval *interval,
		  const struct limits *limits, struct error *error);

/* Takes in an alert that began or ended; a new one (id 0) gets its id. Kept until written. */
void history_alert(struct history *history, struct alert *alert);

/* Writes alerts that are not written yet, and closes. The history is freed also on error. */
int history_close(struct history *history, struct error *error);

#endif
