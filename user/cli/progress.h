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
	const char *fetched; /* the file that was told last */
};

/* On a terminal the line is rewritten, else it is written once. */
void progress_begin(struct progress *progress, const struct target_found *target,
		    uint64_t length_ns, bool quiet);
void progress_show(const struct progress *progress, uint64_t elapsed_ns);
/* A file that is fetched: bytes, total 0 = unknown. Without a terminal each file is told once. */
void progress_fetch(struct progress *progress, const char *path, uint64_t done, uint64_t total);
void progress_end(const struct progress *progress);

#endif
