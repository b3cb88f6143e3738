/* SPDX-License-Identifier: BSD-2-Clause */
/* One line on stderr while the window lasts. */
#ifndef STRAIT_PROGRESS_H
#define STRAIT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/target.h"

struct progress {
	const struct target_found *target;
	uint64_t length_ns; /* 0 = open-ended */
	bool quiet, terminal;
};

/* On a terminal the line is rewritten, else it is written once. */
void progress_begin(struct progress *progress, const struct target_found *target,
		    uint64_t length_ns, bool quiet);
void progress_show(const struct progress *progress, uint64_t elapsed_ns);
void progress_end(const struct progress *progress);

#endif
