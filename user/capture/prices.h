/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one event costs the programs that it makes run. The kernel times them for a moment now and
 * then, since that costs something itself; in between their cost follows from what they count.
 */
#ifndef STRAIT_PRICES_H
#define STRAIT_PRICES_H

#include "capture/cpus.h"
#include "capture/loader.h"
#include "capture/thinning.h"

/* What the kernel has timed, by what can be given up. */
enum { SPENT_CALLS, SPENT_MESSAGES, SPENT_PROBES, SPENT_SAMPLES, SPENT_REST, SPENT_COUNT };

struct prices {
	/* Of one call, of one message, of all other programs for one switch. */
	double call_ns, message_ns, switch_ns;
	double probe_ns;   /* of one call that runs into a probe, beside its trap */
	double fixed_rate; /* CPUs: of the other programs, where switches are few */

	int stats_fd;        /* open while the kernel times the programs */
	uint32_t times;      /* it has done so */
	uint64_t timed_from; /* the last time that it began to, CLOCK_MONOTONIC */
	struct program_total timed_spent[SPENT_COUNT]; /* then */
	struct cpus_sum timed_events;
};

/* CPU time of programs by what makes them run. */
struct cost {
	double calls, messages, probes, rest; /* ns */
};

/* Before anything was timed. */
void prices_guess(struct prices *prices);
void prices_close(struct prices *prices);

void prices_time_begin(struct prices *prices, struct session *session, uint64_t now_ns);
/* What the events meanwhile cost is what they cost from now on; also what one of `samples` does. */
void prices_time_end(struct prices *prices, struct session *session, struct thinning *samples,
		     uint64_t now_ns);
/* When the programs were timed for long enough; UINT64_MAX = they are not timed now. */
uint64_t prices_timed_until(const struct prices *prices);

/* What the programs spent in `ns` of all CPUs' time, in which the events came. Not CPU samples. */
struct cost prices_cost(const struct prices *prices, const struct cpus_sum *from,
			const struct cpus_sum *to, double ns);

#endif
