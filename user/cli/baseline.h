/* SPDX-License-Identifier: BSD-2-Clause */
/* How baselines and their comparison are shown. Each writes to stdout; the exit status. */
#ifndef STRAIT_CLI_BASELINE_H
#define STRAIT_CLI_BASELINE_H

#include "analysis/compare.h"
#include "cli/show.h"
#include "model/baseline.h"
#include "store/baselines.h"

int baseline_show(const struct baseline *baseline, const struct show_options *show);
/* `store` NULL: there is no store yet, which is an empty list. */
int baseline_show_list(struct baselines *store, const char *path, const struct show_options *show);
int baseline_show_comparison(const struct baseline *before, const struct baseline *after,
			     const struct comparison *comparison, const struct show_options *show);

#endif
