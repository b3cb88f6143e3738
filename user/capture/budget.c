/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/budget.h"
#include "capture/calls.h"
#include "capture/contexts.h"
#include "capture/cpus.h"
#include "capture/grace.h"
#include "capture/messages.h"
#include "capture/prices.h"
#include "capture/round.h"
#include "capture/samples.h"
#include "capture/thinning.h"
#include "util/clock.h"

/*
 * The programs are timed (prices.h) so often, and not for less than this: what a few events cost is
 * not what they cost on average.
 */
#define TIMED_LEAST_NS 2000000ULL
#define EVERY_NS       1000000000ULL
/* Where they cost less than half of what they may, after so many times, they are timed so rarely.
 */
#define CHEAP_TIMES    2
#define CHEAP_EVERY_NS 4000000000ULL
#define DUTY_MIN       0.01
#define GRACE_LATE_NS  100000000ULL /* so often it is looked whether one is over at last */
/* Rates are means of about so long: 20 calls in 0.4 ms are no load. */
#define RATE_NS 20e6
/* All is observed at first: the host's load is not what begins with strait itself. */
#define FIRST_NS 50e6
/* What was spent too much is saved over so long. */
#define REPAY_NS       2e9
#define PROBES_RATE_NS 2e9 /* probes of allocators come and go every few seconds */
/*
 * System calls and messages together, and CPU samples, may have these parts of the budget even
 * where the rest exceeds it. At 99 Hz samples take less than theirs in virtual machines, too.
 */
#define CALLS_PART   0.25
#define SAMPLES_PART 0.5
/* Messages are observed all the time while they cost no more of what the rest leaves. */
#define MESSAGES_PART 0.25
/* What was observed in a slice stands for so many times as much that nobody looked at, at most. */
#define LATE_TIMES 20

/* Of a slice: for how long calls, or messages, were observed, and what that stands for. */
struct observed {
	uint64_t ns;
	double stood, late; /* ns that it stands for; and that nothing does, as rounds ended late */
};

struct budget {
	double limit; /* CPUs */
	double cpus;  /* that the host has */
	double duty;  /* part of the time in which calls are to be observed */
	bool always;  /* messages are to be observed all the time, else with the calls */
	bool observed, messages_observed, messages_known;
	struct round round;
	bool round_always; /* in this round messages are, too */
	/* When what is under way ends: the rest before the stretch, it, or the rest behind it;
	 * UINT64_MAX = as long as it is cheap. */
	uint64_t until;
	uint64_t observed_until; /* the programs end the stretch then */

	struct prices prices;
	struct thinning samples; /* of the CPUs */
	bool rarely;             /* known places of waits are seldom looked at again */

	struct cpus_sum events; /* at told_ns */
	uint64_t begin_ns, told_ns, slice_begin;
	uint64_t over_ns; /* end of the window, 0 = it goes on */
	struct observed slice_calls, slice_messages;
	double slice_sampled; /* ns, by the share of samples that was taken */
	struct cost rate;     /* of late, CPUs; of calls and messages while they are observed */
	struct cost rate_ns;  /* what it is the mean of */
	double spent;         /* CPU ns since begin_ns, interrupts of samples included */
	double probes_spent;  /* of it, by probes */
	double interrupted;   /* of it, in interrupts of samples */
	double slice_interrupted;
};

struct budget *budget_new(double share)
{
	struct budget *budget = calloc(1, sizeof(*budget));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!budget)
		return NULL;
	budget->limit = share * (cpus > 0 ? (double)cpus : 1);
	prices_guess(&budget->prices);
	budget->duty = budget->round.duty = 1;
	budget->observed_until = budget->round.until = UINT64_MAX;
	budget->cpus = cpus > 0 ? (double)cpus : 1;
	budget->samples = (struct thinning){.cpus = budget->cpus, .one_in = 1};
	return budget;
}

void budget_free(struct budget *budget)
{
	if (budget)
		prices_close(&budget->prices);
	free(budget);
}

/* ---- what it costs ---- */

/* A mean over the last RATE_NS or so; over all, while `seen` is less than that. */
static void rate_add(double *rate, double *seen, double cost, double ns)
{
	*seen += ns;
	*rate += (cost / ns - *rate) * fmin(ns / fmin(*seen, RATE_NS), 1);
}

/* `seen` ns were observed, each of which stands for 1 / duty, and took `cost` ns of the CPUs. */
static void observed_add(struct observed *observed, uint64_t seen, double duty, double cost,
			 double *rate, double *rate_ns)
{
	if (!seen)
		return;
	observed->ns += seen;
	observed->stood += (double)seen / duty;
	rate_add(rate, rate_ns, cost, (double)seen);
}

/* Nothing stands for `ns` of the round, but for messages that are observed all the time. */
static void round_missed(struct budget *budget, double ns)
{
	budget->slice_calls.late += ns;
	if (!budget->round_always)
		budget->slice_messages.late += ns;
}

/* Calls and messages that were observed since the last time, and what nobody looked at. */
static void observed_sum(struct budget *budget, const struct cost *cost, uint64_t now_ns)
{
	uint64_t ns = now_ns - budget->told_ns, seen = 0;

	if (budget->observed)
		seen = span_until(budget->told_ns, now_ns, budget->observed_until);
	observed_add(&budget->slice_calls, seen, budget->round.duty, cost->calls,
		     &budget->rate.calls, &budget->rate_ns.calls);
	round_missed(budget,
		     (double)(ns - span_until(budget->told_ns, now_ns, budget->round.until)));
	if (budget->round_always && !budget->messages_observed)
		budget->slice_messages.late += (double)ns;
	if (budget->messages_observed)
		observed_add(&budget->slice_messages, budget->round_always ? ns : seen,
			     budget->round_always ? 1 : budget->round.duty, cost->messages,
			     &budget->rate.messages, &budget->rate_ns.messages);
}

/* Adds what was spent since the last time, from what the programs counted. */
static void budget_sum(struct budget *budget, struct session *session, uint64_t now_ns)
{
	double ns = (double)(now_ns - budget->told_ns);
	struct cpus_sum events = cpus_sum(session);
	struct cost cost = prices_cost(&budget->prices, &budget->events, &events, ns);
	double interrupted = thinning_interrupts(&budget->samples) * ns;

	if (now_ns <= budget->told_ns) /* a family asks as of the begin of its turn */
		return;
	cost.rest += thinning_cost(&budget->samples) * ns;
	observed_sum(budget, &cost, now_ns);
	rate_add(&budget->rate.rest, &budget->rate_ns.rest, cost.rest, ns);
	budget->slice_sampled += ns / thinning_period(&budget->samples);
	budget->rate.probes +=
		(cost.probes / ns - budget->rate.probes) * fmin(ns / PROBES_RATE_NS, 1);
	budget->probes_spent += cost.probes;
	budget->spent += cost.calls + cost.messages + cost.probes + cost.rest;
	budget->interrupted += interrupted;
	budget->slice_interrupted += interrupted;
	budget->events = events;
	budget->told_ns = now_ns;
}

/* What the budget leaves beside `others`, CPUs: `part` of it at the least. */
static double budget_left(const struct budget *budget, double others, double part)
{
	double had = budget->limit * (double)(budget->told_ns - budget->begin_ns);
	double owed = fmax(budget->spent - had, 0) / REPAY_NS;

	return fmax(budget->limit - others - owed, budget->limit * part);
}

/* How often the budget can bear to sample CPUs, with calls at the least that they may have. */
static void samples_choose(struct budget *budget, struct session *session)
{
	double others = fmax(budget->rate.rest - thinning_cost(&budget->samples), 0);

	if (thinning_choose(&budget->samples, budget_left(budget, others, SAMPLES_PART)))
		samples_every(session, thinning_period_ns(&budget->samples));
}

/* Looks at places that are known already: fewer where the rest alone exceeds the budget. */
static void checks_choose(struct budget *budget, struct session *session)
{
	budget->rarely = budget->rate.rest > budget->limit / (budget->rarely ? 2 : 1);
	contexts_check_rarely(session, budget->rarely);
}

static void timing_end(struct budget *budget, struct session *session, uint64_t now_ns)
{
	prices_time_end(&budget->prices, session, &budget->samples, now_ns);
	samples_choose(budget, session);
}

static bool timing(const struct budget *budget)
{
	return prices_timed_until(&budget->prices) != UINT64_MAX;
}

static bool timing_due(const struct budget *budget, uint64_t now_ns)
{
	bool cheap =
		budget->prices.times >= CHEAP_TIMES &&
		budget->rate.calls + budget->rate.messages + budget->rate.rest < budget->limit / 2;

	return !timing(budget) && budget->observed &&
	       now_ns - budget->prices.timed_from >= (cheap ? CHEAP_EVERY_NS : EVERY_NS) &&
	       budget->until - now_ns >= TIMED_LEAST_NS;
}

/* The part of the time for which the budget can bear to observe system calls and messages. */
static void duty_choose(struct budget *budget, const struct session *session)
{
	double left = budget_left(budget, budget->rate.rest + budget->rate.probes, CALLS_PART);
	double messages = budget->rate.messages, both = budget->rate.calls + messages;

	budget->duty = 1;
	budget->always = !messages_are_calls(session) && messages <= left * MESSAGES_PART;
	if (both <= left || budget->rate_ns.rest < FIRST_NS)
		return;
	if (budget->always)
		budget->duty = fmax((left - messages) / budget->rate.calls, DUTY_MIN);
	else
		budget->duty = fmax(left / both, DUTY_MIN);
}

double budget_probes_may(const struct budget *budget)
{
	/* All of the CPUs' time is no limit: what was asked for is all. */
	if (budget->limit >= budget->cpus)
		return INFINITY;
	return budget_left(budget, budget->rate.rest, CALLS_PART) * (1 - CALLS_PART);
}

double budget_probes_spent(const struct budget *budget)
{
	return budget->probes_spent;
}

/* ---- rounds ---- */

/* Calls are observed no longer, nor are messages, if `messages`; returns when that was. */
static uint64_t observation_end(struct budget *budget, struct session *session, bool messages)
{
	uint64_t now_ns;

	if (messages)
		messages_weigh(session, 0);
	now_ns = time_now();
	budget_sum(budget, session, now_ns);
	calls_ignore(session);
	if (messages) {
		messages_detach(session);
		budget->messages_observed = false;
	}
	grace_begin();
	budget->observed = false;
	return now_ns;
}

/* Attaching takes a while: what is observed begins after it. */
static void stretch_begin(struct budget *budget, struct session *session)
{
	/* Those that became too dear in this round are for the next. */
	bool messages = (budget->always || !budget->round_always) && messages_attach(session);
	bool calls = calls_observe(session, budget->round.duty);
	uint64_t now_ns;

	if (messages)
		messages_weigh(session, budget->round_always ? 1 : budget->round.duty);
	now_ns = time_now();
	budget_sum(budget, session, now_ns);
	round_missed(budget, (double)round_shift(&budget->round, now_ns));
	budget->observed = calls || messages;
	budget->messages_observed = messages;
	budget->messages_known |= messages;
	budget->until = budget->observed_until = UINT64_MAX;
	if (budget->observed && budget->round.until != UINT64_MAX)
		budget->until = budget->observed_until = now_ns + budget->round.stretch_ns;
	calls_end_at(session, budget->until == UINT64_MAX ? 0 : budget->until);
}

/*
 * Calls became dear meanwhile: what was observed so far has to do. Where that was to go on for ever
 * it stands for itself, and messages go on, which count once each, until somebody ends them.
 */
static void stretch_shorten(struct budget *budget, uint64_t now_ns)
{
	budget->round_always |= budget->round.until == UINT64_MAX;
	round_shorten(&budget->round, now_ns);
	round_missed(budget, (double)span_until(budget->round.until, now_ns, UINT64_MAX));
	budget->until = now_ns;
}

/* The rest of the round: as much of it as is left. */
static void stretch_end(struct budget *budget, struct session *session)
{
	uint64_t now_ns = observation_end(budget, session, !budget->round_always);

	budget->until = budget->round.until > now_ns ? budget->round.until : now_ns;
}

/* Where all can be observed it has no end. */
static void round_begin(struct budget *budget, struct session *session, uint64_t now_ns)
{
	/* They were observed all the time, and are not from now on. */
	if (budget->messages_observed && !budget->observed && !budget->always)
		now_ns = observation_end(budget, session, true);
	round_draw(&budget->round, budget->duty, now_ns);
	budget->round_always = budget->always;
	budget->until = budget->round.stretch_at;
}

void budget_begin(struct budget *budget, struct session *session, uint64_t now_ns)
{
	budget->begin_ns = budget->told_ns = budget->slice_begin = now_ns;
	budget->events = cpus_sum(session);
	budget->samples.hz = session->options.sample_hz;
	budget->samples.interrupt_ns = samples_interrupt_ns(session);
	samples_choose(budget, session);
	round_begin(budget, session, now_ns);
	stretch_begin(budget, session);
	/* A command starts behind this; of a host it is a millisecond. */
	budget->slice_calls.late = budget->slice_messages.late = 0;
	prices_time_begin(&budget->prices, session, now_ns);
	grace_begin();
}

/* What is due by now. */
static void round_go_on(struct budget *budget, struct session *session, uint64_t now_ns)
{
	if (budget->observed && now_ns < budget->until &&
	    round_is_dear(&budget->round, budget->duty, now_ns))
		stretch_shorten(budget, now_ns);
	if (budget->observed && now_ns >= budget->until) {
		if (timing(budget))
			timing_end(budget, session, now_ns);
		stretch_end(budget, session);
		return;
	}
	if (!budget->observed && budget->messages_observed &&
	    budget->rate.messages > budget->limit) {
		/* Grace periods may keep the next stretch, without them, from beginning for
		 * seconds. */
		observation_end(budget, session, true);
		budget->always = false;
	}
	if (budget->observed || now_ns < budget->until)
		return;
	if (!budget->round.ahead)
		round_begin(budget, session, now_ns);
	if (now_ns < budget->until)
		return;
	if (grace_late())
		budget->until = now_ns + GRACE_LATE_NS;
	else
		stretch_begin(budget, session);
}

uint64_t budget_tick(struct budget *budget, struct session *session, uint64_t now_ns)
{
	uint64_t timed_until;

	budget_sum(budget, session, now_ns);
	checks_choose(budget, session);
	if (now_ns >= prices_timed_until(&budget->prices))
		timing_end(budget, session, now_ns);
	if (budget->observed)
		duty_choose(budget, session);
	round_go_on(budget, session, now_ns);
	if (timing_due(budget, now_ns))
		prices_time_begin(&budget->prices, session, now_ns);
	timed_until = prices_timed_until(&budget->prices);
	return timed_until < budget->until ? timed_until : budget->until;
}

void budget_pause(struct budget *budget, struct session *session)
{
	if (!budget)
		return;
	if (budget->observed) {
		stretch_shorten(budget, time_now());
		if (timing(budget))
			timing_end(budget, session, time_now());
		stretch_end(budget, session);
	}
	if (budget->messages_observed)
		observation_end(budget, session, true);
}

/* ---- what it came to ---- */

void budget_observe(struct budget *budget, struct session *session, uint64_t now_ns)
{
	if (!budget)
		return;
	budget_sum(budget, session, now_ns);
	budget->over_ns = session->last_slice ? now_ns : 0;
}

double budget_scale(const struct budget *budget, bool messages)
{
	struct observed slice;
	double late;

	if (!budget)
		return 1;
	slice = messages ? budget->slice_messages : budget->slice_calls;
	late = slice.late;
	if (budget->over_ns && (!messages || !budget->round_always))
		late += round_uncovered(&budget->round, budget->over_ns);
	return slice.stood > 0 ? fmax(1 + fmin(late / slice.stood, LATE_TIMES), 0) : 1;
}

/* Where nothing was observed, strait having been stopped, the next slice stands for that too. */
static void observed_reset(struct observed *observed)
{
	*observed = (struct observed){.late = observed->stood > 0 ? 0 : observed->late};
}

void budget_end_slice(struct budget *budget, struct session *session, uint64_t now_ns)
{
	budget_sum(budget, session, now_ns);
	if (now_ns > budget->slice_begin)
		recording_point(session->recording, "syscall.observed_share", "",
				(double)budget->slice_calls.ns /
					(double)(now_ns - budget->slice_begin));
	if (now_ns > budget->slice_begin && budget->messages_known)
		recording_point(session->recording, "net.observed_share", "",
				(double)budget->slice_messages.ns /
					(double)(now_ns - budget->slice_begin));
	if (now_ns > budget->slice_begin)
		recording_point(session->recording, "cpu.sampled_share", "",
				budget->slice_sampled / (double)(now_ns - budget->slice_begin));
	if (now_ns > budget->slice_begin && budget->samples.interrupt_ns > 0)
		recording_point(session->recording, "self.interrupt_share", "",
				budget->slice_interrupted / budget->cpus /
					(double)(now_ns - budget->slice_begin));
	recording_point(session->recording, "self.budget_percent", "", budget->limit * 100);
	budget->slice_begin = now_ns;
	budget->slice_sampled = 0;
	budget->slice_interrupted = 0;
	observed_reset(&budget->slice_calls);
	observed_reset(&budget->slice_messages);
}

double budget_spent(const struct budget *budget)
{
	if (!budget->prices.times || budget->told_ns <= budget->begin_ns)
		return -1;
	return (budget->spent - budget->interrupted) / (double)(budget->told_ns - budget->begin_ns);
}
