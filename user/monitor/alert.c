/* SPDX-License-Identifier: BSD-2-Clause */
#include "monitor/alert.h"

#include <math.h>
#include <stdio.h>

bool watch_stop(struct watch *watch, uint64_t now_ns, const char *reason, struct alert *out)
{
	if (!watch->is_open)
		return false;
	watch->alert.ended_ns = now_ns;
	watch->alert.reason = reason;
	watch->is_open = false;
	watch->over = watch->under = watch->unseen = 0;
	*out = watch->alert;
	return true;
}

static double worse_of(const struct limit *limit, double a, double b)
{
	return limit->comparison == '>' ? fmax(a, b) : fmin(a, b);
}

static enum alert_event step_over(struct watch *watch, const struct reading *reading,
				  uint64_t begin_ns, uint32_t need, struct alert *out)
{
	watch->under = 0;
	if (!watch->over++) {
		watch->over_since_ns = begin_ns;
		watch->over_worst = reading->value;
	}
	watch->over_worst = worse_of(&watch->limit, watch->over_worst, reading->value);
	if (watch->is_open) {
		watch->alert.worst = worse_of(&watch->limit, watch->alert.worst, reading->value);
		return ALERT_NOTHING;
	}
	if (watch->over < need)
		return ALERT_NOTHING;
	watch->is_open = true;
	watch->alert = (struct alert){.limit = watch->limit,
				      .began_ns = watch->over_since_ns,
				      .worst = watch->over_worst};
	snprintf(watch->alert.label, sizeof(watch->alert.label), "%s", reading->label);
	*out = watch->alert;
	return ALERT_BEGINS;
}

static enum alert_event step_under(struct watch *watch, uint64_t end_ns, uint32_t need,
				   struct alert *out)
{
	watch->over = 0;
	if (watch->is_open && ++watch->under >= need &&
	    watch_stop(watch, end_ns, "back within the limit", out))
		return ALERT_ENDS;
	return ALERT_NOTHING;
}

static enum alert_event step_unseen(struct watch *watch, uint64_t end_ns, uint32_t need,
				    struct alert *out)
{
	if (++watch->unseen < need)
		return ALERT_NOTHING;
	watch->over = watch->under = 0;
	return watch_stop(watch, end_ns, "no longer observed", out) ? ALERT_ENDS : ALERT_NOTHING;
}

enum alert_event watch_step(struct watch *watch, const struct reading *reading, uint64_t begin_ns,
			    uint64_t end_ns, uint32_t need, struct alert *out)
{
	if (isnan(reading->value))
		return step_unseen(watch, end_ns, need, out);
	watch->unseen = 0;
	if (limit_exceeded(&watch->limit, reading->value))
		return step_over(watch, reading, begin_ns, need, out);
	return step_under(watch, end_ns, need, out);
}
