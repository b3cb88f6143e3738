/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blame.h"
#include "analysis/culprits.h"
#include "analysis/holders.h"

/* Waits are followed through this many servers; cycles end there too. */
#define BLAME_DEPTH 4
/* A smaller part of a server's time than this is not followed further. */
#define BLAME_MIN_PART 0.001
/* A group that worked for less of the window than this is no victim worth naming. */
#define VICTIM_SHARE 0.02
/* Priorities differ when a nice level apart by this: a weight of about 3 to 1. */
#define NICE_APART 5
/* Idle share of forbidden CPUs from which on pinning is what holds a thread back. */
#define IDLE_ELSEWHERE 0.2

/* Time of one group spent waiting for another that serves it. */
struct peer {
	uint32_t from, to;
	double ns;
};

struct builder {
	const struct facts *facts;
	struct blame *blame;
	VEC(struct blame_entry) direct; /* sorted by victim: what each group's own time is */
	size_t *first;                  /* of each group in direct; one more at the end */
	VEC(struct peer) peers;
	double *direct_sum;
	struct index by_end; /* of the entries of the victim at hand */
	double *rhythm;      /* wakeups per second of running, by group */
};

/* ---- why a thread that could run did not ---- */

/*
 * A job that takes the CPU from a service: it runs on and on, the service sleeps and wakes all the
 * time. Two groups of one rhythm only compete.
 */
static bool group_outlasts(const struct builder *b, uint32_t party, uint32_t victim)
{
	return b->rhythm[victim] > 20 && b->rhythm[victim] > 10 * b->rhythm[party];
}

static enum ready_cause ready_classify(const struct builder *b, uint32_t victim, uint32_t party)
{
	const struct group *v = &b->facts->groups.at[victim], *p;

	if (party == NONE)
		party = victim;
	p = &b->facts->groups.at[party];
	if (p->realtime && !v->realtime)
		return READY_REALTIME;
	if (p->kernel && p->ns[STATE_RUN_IRQ] > group_on_cpu(p) / 2)
		return READY_INTERRUPTS;
	if (v->pinned && facts_idle_elsewhere(b->facts, victim) > IDLE_ELSEWHERE)
		return READY_AFFINITY;
	if (party != victim && !p->kernel &&
	    (v->nice - p->nice >= NICE_APART || (v->idle_class && !p->idle_class)))
		return READY_PRIORITY;
	if (party != victim && !p->kernel && group_outlasts(b, party, victim))
		return READY_ANTAGONIST;
	return READY_SATURATED;
}

/*
 * A job that never sleeps (fewer wakeups per second of running than this) keeps all of its threads
 * runnable, however many it was given.
 */
#define BATCH_RHYTHM 20

/* ---- what each group's own time is ---- */

static void direct_add(struct builder *b, uint32_t group, uint32_t party, unsigned int state,
		       enum ready_cause ready, double ns)
{
	if (ns > 0)
		vec_push(&b->direct, (struct blame_entry){.victim = group,
							  .owner = group,
							  .party = party,
							  .state = (uint8_t)state,
							  .ready = (uint8_t)ready,
							  .ns = ns});
}

/* The same for time that the group waited for a mutex while its holder was in that state. */
static void direct_add_by_lock(struct builder *b, uint32_t group, uint32_t party,
			       const struct holder_part *part, enum ready_cause ready, double ns)
{
	bool runs = part->state == STATE_RUN_USER;

	if (ns > 0)
		vec_push(&b->direct,
			 (struct blame_entry){
				 .victim = group,
				 .owner = part->holder,
				 .party = party,
				 .state = (uint8_t)(runs ? STATE_WAIT_LOCK_USER : part->state),
				 .ready = (uint8_t)ready,
				 .by_lock = true,
				 .ns = ns});
}

/*
 * Time in which a group's threads could run and did not. Of a job that never sleeps, what more
 * threads than CPUs wait for each other is its own choice: it counts as if it had a thread for each
 * CPU.
 */
static double ready_time(const struct builder *b, uint32_t group)
{
	const struct group *g = &b->facts->groups.at[group];
	double ready = g->ns[STATE_READY_WOKEN] + g->ns[STATE_READY_PREEMPTED];
	double room = b->facts->cpu_ns - group_on_cpu(g);

	if (b->rhythm[group] < BATCH_RHYTHM)
		ready = fmin(ready, fmax(room, 0));
	return ready;
}

/* Parties with less are told together: a host can have thousands of groups. */
#define PARTY_MIN_SHARE 0.002

/* The runnable time of a group, by who had the CPU meanwhile: `share` by group, sums to 1 or 0. */
static void direct_add_ready(struct builder *b, uint32_t group, const double *share)
{
	double ready = ready_time(b, group), rest = ready;

	for (uint32_t i = 0; i < b->facts->groups.len; i++) {
		if (share[i] < PARTY_MIN_SHARE)
			continue;
		direct_add(b, group, i, STATE_READY_WOKEN, ready_classify(b, group, i),
			   ready * share[i]);
		rest -= ready * share[i];
	}
	if (rest > ready / 1000)
		direct_add(b, group, NONE, STATE_READY_WOKEN, ready_classify(b, group, NONE), rest);
}

static void direct_add_states(struct builder *b, uint32_t group)
{
	static const enum thread_state states[] = {
		STATE_RUN_USER,         STATE_RUN_KERNEL,      STATE_RUN_IRQ,
		STATE_RUN_STOLEN,       STATE_READY_THROTTLED, STATE_WAIT_DISK_READ,
		STATE_WAIT_DISK_WRITE,  STATE_WAIT_FAULT,      STATE_WAIT_RECLAIM,
		STATE_WAIT_LOCK_KERNEL,
	};
	const struct group *g = &b->facts->groups.at[group];

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		direct_add(b, group, NONE, states[i], READY_SATURATED, g->ns[states[i]]);
	direct_add(b, group, NONE, BLAME_INTERPRETER, READY_SATURATED, g->interpreter_ns);
}

/*
 * Of the waits for futexes only those for a mutex that somebody held: others may be idle. They are
 * what the holders did meanwhile. `share` is of the size of the groups.
 */
static void direct_add_locks(struct builder *b, uint32_t group, const struct holders *holders,
			     const struct culprits *culprits, double *share)
{
	double lock_ns = b->facts->groups.at[group].lock_ns;

	for (size_t i = holders->first[group]; i < holders->first[group + 1]; i++) {
		const struct holder_part *part = &holders->parts.at[i];
		double ns = part->share * lock_ns, rest = ns;

		if (part->state != STATE_READY_WOKEN || ns <= 0) {
			direct_add_by_lock(b, group, NONE, part, READY_SATURATED, ns);
			continue;
		}
		culprits_share(culprits, part->holder, share);
		for (uint32_t party = 0; party < b->facts->groups.len; party++) {
			if (share[party] < PARTY_MIN_SHARE)
				continue;
			direct_add_by_lock(b, group, party, part,
					   ready_classify(b, part->holder, party),
					   ns * share[party]);
			rest -= ns * share[party];
		}
		direct_add_by_lock(b, group, NONE, part, ready_classify(b, part->holder, NONE),
				   rest);
	}
}

static void direct_make(struct builder *b)
{
	size_t n = b->facts->groups.len;
	double *share = calloc(n + 1, sizeof(double));
	struct culprits *culprits = culprits_new(b->facts);
	struct holders *holders = holders_new(b->facts);

	if (!share)
		abort();
	for (uint32_t group = 0; group < n; group++) {
		b->first[group] = b->direct.len;
		direct_add_states(b, group);
		direct_add_locks(b, group, holders, culprits, share);
		culprits_share(culprits, group, share);
		direct_add_ready(b, group, share);
	}
	b->first[n] = b->direct.len;
	for (size_t i = 0; i < b->direct.len; i++)
		b->direct_sum[b->direct.at[i].victim] += b->direct.at[i].ns;
	free(share);
	holders_free(holders);
	culprits_free(culprits);
}

/* ---- what an antagonist costs ---- */

/* Waiting for a CPU, of the group itself. */
static bool entry_ready(const struct blame_entry *entry)
{
	return entry->state == STATE_READY_WOKEN && !entry->by_lock;
}

static bool entry_antagonist(const struct blame_entry *entry)
{
	return entry_ready(entry) && entry->ready == READY_ANTAGONIST;
}

/*
 * The CPU time that jobs which never sleep take from the groups that wait meanwhile would be
 * theirs: a group that runs r and could run o more takes r / (r + o) of the time for the same work
 * (throughput is proportional to the CPU time got, while all of it is used). This is more than the
 * time in which the job was seen to run: a longer turn lets the queue of the group's own threads
 * grow, and that part of their waiting for each other goes with it.
 */
static double antagonists_cost(const struct builder *b, uint32_t group)
{
	size_t n = b->facts->groups.len;
	bool *party = calloc(n + 1, sizeof(*party)), *victim = calloc(n + 1, sizeof(*victim));
	double run = 0, ready = 0, taken = 0;

	if (!victim || !party)
		abort();
	/* The antagonists of this group, then all others that they take the CPU from. */
	for (size_t i = b->first[group]; i < b->first[group + 1]; i++)
		if (entry_antagonist(&b->direct.at[i]))
			party[b->direct.at[i].party] = true;
	vec_each(&b->direct, entry)
		if (entry_antagonist(entry) && party[entry->party] && !party[entry->victim])
			victim[entry->victim] = true;
	for (uint32_t i = 0; i < n; i++) {
		if (party[i])
			taken += group_on_cpu(&b->facts->groups.at[i]);
		if (!victim[i])
			continue;
		run += group_on_cpu(&b->facts->groups.at[i]);
		ready += ready_time(b, i);
	}
	free(victim);
	free(party);
	taken = fmin(taken, ready);
	return taken > 0 ? taken / (run + taken) : 0;
}

/* Sums of a group's waiting for CPUs, by cause. */
static double ready_sum(const struct builder *b, uint32_t group, enum ready_cause cause)
{
	double sum = 0;

	for (size_t i = b->first[group]; i < b->first[group + 1]; i++)
		if (entry_ready(&b->direct.at[i]) && b->direct.at[i].ready == cause)
			sum += b->direct.at[i].ns;
	return sum;
}

/* Lets the antagonists answer for what they cost, at the expense of waiting for equals. */
static void antagonists_charge(struct builder *b)
{
	for (uint32_t group = 0; group < b->facts->groups.len; group++) {
		double by_them = ready_sum(b, group, READY_ANTAGONIST);
		double by_equals = ready_sum(b, group, READY_SATURATED), cost, moved;

		if (by_them <= 0)
			continue;
		cost = antagonists_cost(b, group) * b->direct_sum[group];
		moved = fmin(fmax(cost - by_them, 0), by_equals);
		for (size_t i = b->first[group]; i < b->first[group + 1]; i++) {
			struct blame_entry *entry = &b->direct.at[i];

			if (!entry_ready(entry))
				continue;
			if (entry->ready == READY_ANTAGONIST)
				entry->ns *= 1 + moved / by_them;
			else if (entry->ready == READY_SATURATED)
				entry->ns *= 1 - moved / by_equals;
		}
	}
}

/* ---- who waits for whom ---- */

/*
 * Whether time that `from` sleeps until `to` wakes it is waiting for `to`'s work. A client waits
 * for its server; a server that waits for its clients is idle. Between two groups of which neither
 * listens (a pipe), a blocking read or write is a wait for the other end.
 */
static bool group_serves(const struct facts *facts, uint32_t to, uint32_t from)
{
	return to != from && facts->groups.at[to].server && !facts->groups.at[from].server;
}

static bool group_pipes(const struct facts *facts, uint32_t to, uint32_t from)
{
	return to != from && !facts->groups.at[to].server && !facts->groups.at[from].server &&
	       !facts->groups.at[to].kernel;
}

bool blame_waits_for(const struct facts *facts, uint32_t from, uint32_t to, enum thread_state state)
{
	switch (state) {
	case STATE_WAIT_DISK_READ:
	case STATE_WAIT_DISK_WRITE:
	case STATE_WAIT_FAULT:
	case STATE_WAIT_RECLAIM:
	case STATE_WAIT_LOCK_KERNEL:
	case STATE_WAIT_LOCK_USER:
		return true;
	case STATE_WAIT_LOCAL:
		return to != NONE && from != NONE &&
		       (group_serves(facts, to, from) || group_pipes(facts, to, from));
	case STATE_WAIT_POLL:
		return to != NONE && from != NONE && group_serves(facts, to, from);
	default:
		return false;
	}
}

static void peer_add(struct builder *b, uint32_t from, uint32_t to, double ns)
{
	vec_each(&b->peers, peer)
		if (peer->from == from && peer->to == to) {
			peer->ns += ns;
			return;
		}
	vec_push(&b->peers, (struct peer){from, to, ns});
}

static void peers_make(struct builder *b)
{
	const struct facts *facts = b->facts;
	const struct recording *rec = facts->rec;

	vec_each(&rec->edges, edge) {
		const struct thread_facts *thread = &facts->threads[edge->thread];
		uint32_t from = thread->group, to;
		double local, wait, ns = (double)edge->ns;

		to = facts_process_group(facts, edge->party);
		if (edge->kind != EDGE_WAKER || to == NONE || from == NONE)
			continue;
		local = (double)thread->ns[STATE_WAIT_LOCAL];
		wait = local + (double)thread->ns[STATE_WAIT_POLL];
		if (group_serves(facts, to, from))
			peer_add(b, from, to, fmin(ns, wait));
		else if (group_pipes(facts, to, from))
			peer_add(b, from, to, fmin(ns, local));
	}
}

/* ---- following the waits ---- */

static bool entry_equal(const void *context, uint32_t position, const void *key)
{
	const struct blame_entry *at = &((const struct blame *)context)->entries.at[position];
	const struct blame_entry *wanted = key;

	return at->victim == wanted->victim && at->owner == wanted->owner &&
	       at->party == wanted->party && at->state == wanted->state &&
	       at->ready == wanted->ready && at->by_lock == wanted->by_lock;
}

/* Several ways may lead a victim's wait to the same end: one entry for each end. */
static void entry_add(struct builder *b, const struct blame_entry *entry)
{
	uint64_t hash =
		hash_mix(hash_mix((uint64_t)entry->victim << 32 | entry->owner, entry->party),
			 (uint64_t)entry->state << 9 | entry->by_lock << 8 | entry->ready);
	uint32_t at = index_find(&b->by_end, hash, entry_equal, b->blame, entry);

	if (at != INDEX_NONE) {
		b->blame->entries.at[at].ns += entry->ns;
		return;
	}
	index_add(&b->by_end, hash, (uint32_t)b->blame->entries.len);
	vec_push(&b->blame->entries, *entry);
}

static void expand(struct builder *b, uint32_t victim, uint32_t group, double scale, int depth)
{
	for (size_t i = b->first[group]; i < b->first[group + 1]; i++) {
		struct blame_entry entry = b->direct.at[i];

		entry.victim = victim;
		entry.ns *= scale;
		entry_add(b, &entry);
	}
	if (depth == BLAME_DEPTH)
		return;
	for (size_t i = 0; i < b->peers.len; i++) {
		const struct peer *peer = &b->peers.at[i];
		double work = b->direct_sum[peer->to], part;

		if (peer->from != group || work <= 0)
			continue;
		/* Waiting longer than the server worked is idleness that the two share. */
		part = scale * fmin(peer->ns, work) / work;
		if (part > BLAME_MIN_PART)
			expand(b, victim, peer->to, part, depth + 1);
	}
}

static void victims_make(struct builder *b)
{
	struct blame *blame = b->blame;
	const struct facts *facts = b->facts;

	for (uint32_t group = 0; group < facts->groups.len; group++) {
		const struct group *g = &facts->groups.at[group];
		size_t before = blame->entries.len;
		double worked = 0;

		if (g->kernel || !g->targeted)
			continue;
		expand(b, group, group, 1, 0);
		index_free(&b->by_end);
		for (size_t i = before; i < blame->entries.len; i++)
			worked += blame->entries.at[i].ns;
		if (worked < VICTIM_SHARE * facts->window_ns) {
			blame->entries.len = before;
			continue;
		}
		blame->worked[group] = worked;
		blame->total += worked;
	}
	/* A host that works less than one thread can has the rest of the window to itself. */
	if (blame->total > 0)
		blame->total = fmax(blame->total, facts->window_ns);
}

static void rhythms_make(struct builder *b)
{
	const struct recording *rec = b->facts->rec;
	uint32_t metric = string_find(rec, "sched.wakeups");

	vec_each(&rec->counts, count) {
		uint32_t group = facts_process_group(b->facts, count->process);

		if (count->metric == metric && group != NONE)
			b->rhythm[group] += (double)count->value;
	}
	for (size_t i = 0; i < b->facts->groups.len; i++) {
		double seconds = group_on_cpu(&b->facts->groups.at[i]) / 1e9;

		b->rhythm[i] = seconds > 0 ? b->rhythm[i] / seconds : 0;
	}
}

struct blame *blame_new(const struct facts *facts)
{
	size_t n = facts->groups.len;
	struct blame *blame = calloc(1, sizeof(*blame));
	struct builder b = {.facts = facts, .blame = blame};

	if (!blame)
		abort();
	blame->worked = calloc(n + 1, sizeof(double));
	b.first = calloc(n + 2, sizeof(*b.first));
	b.direct_sum = calloc(n + 1, sizeof(double));
	b.rhythm = calloc(n + 1, sizeof(double));
	if (!blame->worked || !b.first || !b.direct_sum || !b.rhythm)
		abort();
	rhythms_make(&b);
	direct_make(&b);
	antagonists_charge(&b);
	peers_make(&b);
	victims_make(&b);
	vec_free(&b.direct);
	vec_free(&b.peers);
	free(b.first);
	free(b.direct_sum);
	free(b.rhythm);
	return blame;
}

void blame_free(struct blame *blame)
{
	if (!blame)
		return;
	vec_free(&blame->entries);
	free(blame->worked);
	free(blame);
}
