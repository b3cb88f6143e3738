/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alerts: a limit that is exceeded for some intervals in a row, until it is kept for as many. One
 * bad interval makes no alert and one good one ends none.
 *
 * Times are handed in (ns of CLOCK_REALTIME), so that nothing here depends on a clock.
 */
#ifndef STRAIT_ALERT_H
#define STRAIT_ALERT_H

#include <stdint.h>

#include "monitor/limit.h"

enum alert_event {
	ALERT_NOTHING,
	ALERT_BEGINS,
	ALERT_ENDS,
};

/* One alert, open or ended: what is told and stored. */
struct alert {
	int64_t id; /* unique in its store */
	struct limit limit;
	char label[LIMIT_LABEL]; /* whose value exceeds it; empty = the host's */
	uint64_t began_ns,
		ended_ns;   /* began: of the first interval that exceeded; ended: 0 = open */
	double worst;       /* the value farthest beyond the limit */
	const char *reason; /* why it ended, a literal; NULL = open */
	char cause[200];    /* the top bottleneck when it began; empty = none. Raw */
};

/* A limit and where it stands. */
struct watch {
	struct limit limit;
	uint32_t over, under, unseen; /* intervals in a row */
	uint64_t over_since_ns;
	double over_worst;
	bool is_open;
	struct alert alert; /* while open */
};

/*
 * Takes in one interval's reading; `need` ≥ 1 intervals in a row begin an alert, and end it. What
 * is not observed counts neither way: an alert ends when its figure was unseen for `need`
 * intervals. When it begins or ends, *out is a copy of the alert; a new one has no id yet.
 */
enum alert_event watch_step(struct watch *watch, const struct reading *reading, uint64_t begin_ns,
			    uint64_t end_ns, uint32_t need, struct alert *out);

/* Ends an open alert for this reason (a literal): false when none is open. */
bool watch_stop(struct watch *watch, uint64_t now_ns, const char *reason, struct alert *out);

#endif
