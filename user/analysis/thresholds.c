/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase 5 for one window: the default thresholds beside what was observed. */
#include <math.h>

#include "analysis/phases.h"
#include "analysis/thresholds.h"

const struct threshold_default threshold_defaults[] = {
	{"response_time_p95", ">", 200, "ms"}, {"cpu_usage", ">", 70, "percent"},
	{"memory_usage", ">", 80, "percent"},  {"error_rate", ">", 0.1, "percent"},
	{"throughput", "<", 1000, "1/s"},      {},
};

void thresholds_check(struct analysis *a)
{
	const double observed[] = {
		NAN, /* response times, errors and throughput need the request family */
		100 * (1 - a->facts->idle_share),
		facts_point_mean(a->facts, "memory_used_percent", NULL),
		NAN,
		NAN,
	};

	for (size_t i = 0; threshold_defaults[i].name; i++) {
		const struct threshold_default *def = &threshold_defaults[i];
		struct threshold row = {.name = def->name,
					.comparison = def->comparison,
					.unit = def->unit,
					.threshold = def->value,
					.from = "default",
					.current = observed[i]};

		if (!isnan(row.current))
			row.exceeded = def->comparison[0] == '>' ? row.current > row.threshold
								 : row.current < row.threshold;
		vec_push(&a->doc->thresholds, row);
	}
}
