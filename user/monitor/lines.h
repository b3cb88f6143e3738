/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor says, one line a time, without the newline. All results are to be freed. */
#ifndef STRAIT_LINES_H
#define STRAIT_LINES_H

#include <stdbool.h>

#include "monitor/monitor.h"

/* For people, in at most `columns` columns (0 = as long as it is); escaped for a terminal. */
char *interval_text(const struct monitor_interval *interval, size_t columns, bool unicode);

/* {"interval": {…}}: time, seconds, every limit with its value, null where not observed. */
char *interval_json(const struct monitor_interval *interval);

/* {"alert": "begin"|"end", …}: see docs/monitor.md. */
char *alert_json(const struct alert *alert);

#endif
