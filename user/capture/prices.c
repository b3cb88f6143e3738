/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/capability.h>
#include <math.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "capture/calls.h"
#include "capture/messages.h"
#include "capture/prices.h"
#include "capture/probes.h"
#include "capture/samples.h"
#include "util/rights.h"

/* Beginning and ending to time the programs patches the kernel's code, 0.6 ms on all CPUs. */
#define TIMED_NS 10000000ULL
/*
 * What the kernel needs beside a program's own time, by which it is called (bpf_trace_runN), and
 * for system calls the slow way in and out that tracing them takes: an empty program on both ends
 * of getppid() costs 170 ns a call on the machine of docs/performance.md.
 */
#define RUN_NS      20
#define CALL_RUN_NS 80
/* Taken until the programs were timed: both ends of a call, a message, a switch with its wakeup. */
#define CALL_NS_FIRST    700
#define MESSAGE_NS_FIRST 250
#define SWITCH_NS_FIRST  600
#define PROBE_NS_FIRST   300
/* Fewer than this in the timed part say nothing about what one costs. */
#define TIMED_ENOUGH 100

void prices_guess(struct prices *prices)
{
	*prices = (struct prices){
		.call_ns = CALL_NS_FIRST,
		.message_ns = MESSAGE_NS_FIRST,
		.switch_ns = SWITCH_NS_FIRST,
		.probe_ns = PROBE_NS_FIRST,
		.stats_fd = -1,
	};
}

void prices_close(struct prices *prices)
{
	if (prices->stats_fd >= 0)
		close(prices->stats_fd);
	prices->stats_fd = -1;
}

struct cost prices_cost(const struct prices *prices, const struct cpus_sum *from,
			const struct cpus_sum *to, double ns)
{
	return (struct cost){
		.calls = (double)(to->calls - from->calls) * prices->call_ns,
		.messages = (double)(to->messages - from->messages) * prices->message_ns,
		.probes = (double)(to->probes - from->probes) * prices->probe_ns +
			  (double)(to->probe_ns - from->probe_ns),
		.rest = (double)(to->switches - from->switches) * prices->switch_ns +
			prices->fixed_rate * ns,
	};
}

static void spent_read(const struct session *session, struct program_total spent[SPENT_COUNT])
{
	const char *const names[SPENT_REST] = {
		[SPENT_CALLS] = calls_family(),
		[SPENT_MESSAGES] = messages_family(),
		[SPENT_PROBES] = probes_family(),
		[SPENT_SAMPLES] = samples_family(),
	};

	programs_spent(session, names, SPENT_REST, spent);
}

/* While they were timed; `each_ns` more for a run. */
static double spent_ns(const struct prices *prices, const struct program_total now[SPENT_COUNT],
		       int what, double each_ns)
{
	const struct program_total *from = &prices->timed_spent[what], *to = &now[what];

	return (double)(to->run_ns - from->run_ns) + each_ns * (double)(to->runs - from->runs);
}

void prices_time_begin(struct prices *prices, struct session *session, uint64_t now_ns)
{
	bool raised;

	spent_read(session, prices->timed_spent);
	prices->timed_events = cpus_sum(session);
	prices->timed_from = now_ns;
	raised = rights_raise(CAP_SYS_ADMIN);
	prices->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (raised)
		rights_lower(CAP_SYS_ADMIN);
}

uint64_t prices_timed_until(const struct prices *prices)
{
	return prices->stats_fd >= 0 ? prices->timed_from + TIMED_NS : UINT64_MAX;
}

/* Where messages are few, what their family takes belongs to rare events too: returns that. */
static double messages_timed(struct prices *prices, double ns, double count)
{
	if (count < TIMED_ENOUGH)
		return fmax(ns - count * prices->message_ns, 0);
	prices->message_ns = ns / count;
	return 0;
}

/* They may be preempted while they are timed: older times count half. */
static void probes_timed(struct prices *prices, double ns, double count)
{
	if (count >= TIMED_ENOUGH)
		prices->probe_ns = (prices->probe_ns + ns / count) / 2;
}

/* Where hardly anything switches, the programs run for other reasons. */
static void rest_timed(struct prices *prices, double rest_ns, double switches, uint64_t now_ns)
{
	if (switches >= TIMED_ENOUGH) {
		prices->switch_ns = rest_ns / switches;
		prices->fixed_rate = 0;
	} else if (now_ns > prices->timed_from) {
		prices->switch_ns = SWITCH_NS_FIRST;
		prices->fixed_rate = fmax(rest_ns - switches * prices->switch_ns, 0) /
				     (double)(now_ns - prices->timed_from);
	}
}

void prices_time_end(struct prices *prices, struct session *session, struct thinning *samples,
		     uint64_t now_ns)
{
	const struct cpus_sum *from = &prices->timed_events;
	struct program_total spent[SPENT_COUNT];
	struct cpus_sum events = cpus_sum(session);
	double calls = (double)(events.calls - from->calls), rest_ns;

	prices_close(prices);
	prices->times++;
	spent_read(session, spent);
	rest_ns = spent_ns(prices, spent, SPENT_REST, RUN_NS) +
		  messages_timed(prices, spent_ns(prices, spent, SPENT_MESSAGES, RUN_NS),
				 (double)(events.messages - from->messages));
	probes_timed(prices, spent_ns(prices, spent, SPENT_PROBES, RUN_NS),
		     (double)(events.probes - from->probes));
	if (calls >= TIMED_ENOUGH)
		prices->call_ns = spent_ns(prices, spent, SPENT_CALLS, CALL_RUN_NS) / calls;
	thinning_timed(
		samples, spent_ns(prices, spent, SPENT_SAMPLES, RUN_NS),
		(double)(spent[SPENT_SAMPLES].runs - prices->timed_spent[SPENT_SAMPLES].runs));
	rest_timed(prices, rest_ns, (double)(events.switches - from->switches), now_ns);
}
