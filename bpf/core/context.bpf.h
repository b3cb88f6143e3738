/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The context cache: every wait has its stacks, and almost none is walked.
 *
 * A thread that blocks at the same user instruction with the same user stack pointer, in the same
 * system call and for the same cause, is in the same place as before: its stacks are those that
 * were walked then (inferred call path profiling; Mytkowicz, Coughlin, Diwan, OOPSLA 2009). One hit
 * in CONTEXT_CHECK_PERIOD is walked again, to tell how often that is wrong. Where it was, a
 * function with frames of one size was called from two places: from then on the first return
 * addresses are part of the key.
 *
 * The slot also sums the time waited there, of all but a thread's last waits. It is found by a key
 * that holds a seed of the thread's own, new at each exec: nothing is left over from a thread or a
 * program that is gone. Slots have no lock; one that two CPUs write at once belongs to neither key.
 */
#ifndef STRAIT_CONTEXT_BPF_H
#define STRAIT_CONTEXT_BPF_H

#include "core/compat.bpf.h"
#include "core/ledger.bpf.h"
#include "core/unwind.bpf.h"

#define CONTEXT_RARE_SHIFT  23 /* one in 512 */
#define CONTEXT_CHECK_SHIFT 26 /* one in 64 */
#define CONTEXT_EARLY_SHIFT 29 /* one in 8 */
#define CONTEXT_MIX         0x9e3779b97f4a7c15ULL

struct contexts_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WIRE_CONTEXTS);
	__type(key, __u32);
	__type(value, struct wire_context);
};
extern struct contexts_map contexts SEC(".maps");
extern struct wire_context_stats context_stats;

/* Of a key that two stacks had: where their return addresses lie, in words from the stack pointer.
 */
struct context_doubt {
	__u64 key;
	__u16 returns[UNWIND_RETURNS];
};

/* Calls for the code behind them (context.bpf.c): numbers only, as stacks.bpf.h says. */
#define CONTEXT_DOUBTS 4096 /* a power of two; direct-mapped, the later one wins */

struct doubts_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CONTEXT_DOUBTS);
	__type(key, __u32);
	__type(value, struct context_doubt);
};
extern struct doubts_map context_doubts SEC(".maps");

/*
 * Takes the slot for the current thread's context, with the stacks that were walked in `place`;
 * what it held goes to user space. Returns nothing of use.
 */
__u64 context_take(__u64 key, __u64 kernel_stack, __u64 user_stack, __u64 what, __u64 place);
/* Notes where the walk just made found return addresses. Returns nothing of use. */
__u64 context_doubt(__u64 key, __u64 place);
/* The key with the return addresses in it; `key` itself where they are not known. */
__u64 context_extend(__u64 key, __u64 sp);

/* A new thread, or a new program in one: what it did before is another's. */
static __always_inline void context_seed(struct wire_ledger *ledger, __u32 tid)
{
	ledger->context_seed = bpf_ktime_get_ns() ^ (__u64)tid << 40;
	ledger->wait.context = 0;
	ledger->wait.last_ip = 0;
	ledger->waking.key = 0;
}

static __always_inline __u64 context_finish(__u64 hash)
{
	hash = (hash ^ hash >> 32) * CONTEXT_MIX;
	hash ^= hash >> 29;
	return hash ? hash : 1;
}

static __always_inline __u64 context_key(const struct wire_ledger *ledger, __u64 ip, __u64 sp,
					 __u32 what)
{
	__u64 hash = stack_hash_step(ledger->context_seed, ip);

	hash = stack_hash_step(hash, sp);
	hash = stack_hash_step(hash, (__u64)(__u32)ledger->syscall << 8 | what);
	return context_finish(hash);
}

static __always_inline struct wire_context *context_slot(__u64 key)
{
	__u32 slot = key & (WIRE_CONTEXTS - 1);

	return bpf_map_lookup_elem(&contexts, &slot);
}

static __always_inline __u64 context_check(const struct wire_context *slot, __u64 key)
{
	return key ^ slot->kernel_stack ^ slot->user_stack ^
	       ((__u64)slot->tid << 32 | slot->tgid) * CONTEXT_MIX ^ slot->what;
}

static __always_inline bool context_held(const struct wire_context *slot, __u64 key)
{
	return slot->check == context_check(slot, key);
}

/*
 * Adds `count` waits of `ns` in all to the context's slot. Returns whether it has one still:
 * another context may have the slot by now. A global function, as in stacks.bpf.h.
 */
__u64 context_add(__u64 key, __u64 count, __u64 ns);
/* Tells user space of waits that have no slot; `id` as of bpf_get_current_pid_tgid(). Likewise. */
__u64 context_send(__u64 kernel_stack, __u64 user_stack, __u64 id, __u64 what_count, __u64 ns);

/* A function of the kernel's kind has no more than five arguments. */
static __always_inline __u64 context_what_count(__u32 what, __u32 count)
{
	return (__u64)what << 32 | count;
}

/* What a walk found, or the cache had. */
struct context_stacks {
	__u64 kernel, user;
	bool sure; /* the key alone tells them, and no table was missing */
};

static __always_inline void context_walk(void *ctx, enum stack_slot place,
					 struct context_stacks *stacks)
{
	/* A waker, which has no context here, has no kernel part: that is its system call. */
	stacks->kernel = ctx ? stack_kernel_above(ctx, place, TRACEPOINT_FRAMES) : 0;
	stacks->user = stack_user(place);
}

static __always_inline bool context_turn_due(__u32 turn)
{
	/* Multiples of the golden ratio: no pattern of events keeps in step, no gap is long. */
	turn *= 0x9e3779b9U;
	return !(turn >> (context_rarely ? CONTEXT_RARE_SHIFT : CONTEXT_CHECK_SHIFT));
}

/*
 * Whether what the cache holds is looked at all the same. A stack that ended for want of a table is
 * walked again at one of 8 times, until the table is there.
 */
static __always_inline bool context_due(struct cpu_state *cpu, bool sure)
{
	__u32 turn = ++cpu->contexts;

	return sure ? context_turn_due(turn) : !(turn * 0x9e3779b9U >> CONTEXT_EARLY_SHIFT);
}

/* For a thread that would do without: whether the next look is due; if not, this was it. */
static __always_inline bool context_next_due(struct cpu_state *cpu)
{
	__u32 turn = cpu->contexts + 1;

	if (context_turn_due(turn))
		return true;
	cpu->contexts = turn;
	return false;
}

/* What the cache holds for a key. */
struct context_had {
	__u64 key; /* with the return addresses in it where it is doubtful without */
	struct wire_context *slot;
	struct context_stacks stacks; /* another CPU may take the slot meanwhile */
	bool held;                    /* the key's stacks are in the slot; */
	bool sure;                    /* and no table was missing then */
	bool extended;                /* the key has return addresses in it */
};

static __always_inline void context_look(struct context_had *had, __u64 key, __u64 sp)
{
	had->key = key;
	had->slot = context_slot(key);
	had->held = had->slot && context_held(had->slot, key);
	had->extended = had->held && had->slot->doubtful;
	if (had->extended) {
		had->key = context_extend(key, sp);
		had->slot = context_slot(had->key);
		had->held = had->slot && context_held(had->slot, had->key);
	}
	had->sure = had->held && !had->slot->provisional;
	had->stacks = (struct context_stacks){};
	if (had->held) {
		had->stacks.kernel = had->slot->kernel_stack;
		had->stacks.user = had->slot->user_stack;
	}
}

/* The current thread's stacks were walked, in `place`: returns the key under which they are now. */
static __always_inline __u64 context_settle(const struct context_had *had, __u32 what, __u64 sp,
					    enum stack_slot place,
					    const struct context_stacks *stacks)
{
	__u64 key = had->key;

	__sync_fetch_and_add(had->sure ? &context_stats.checks : &context_stats.walks, 1);
	if (had->held && stacks->kernel == had->stacks.kernel && stacks->user == had->stacks.user)
		return key;
	if (had->sure)
		__sync_fetch_and_add(&context_stats.wrong, 1);
	if (had->sure && !had->extended) {
		had->slot->doubtful = 1;
		context_doubt(key, place);
		key = context_extend(key, sp);
	}
	context_take(key, stacks->kernel, stacks->user, what, place);
	return key;
}

/*
 * Where the current thread, no kernel thread, is, by the key of that: the key of its slot, 0 =
 * none, and its stacks. `place` is the caller's slot for stacks.
 */
static __always_inline __u64 context_find(void *ctx, __u64 key, __u32 what, __u64 sp,
					  struct cpu_state *cpu, enum stack_slot place,
					  struct context_stacks *stacks)
{
	struct context_had had;

	context_look(&had, key, sp);
	if (!had.slot)
		return 0;
	*stacks = had.stacks;
	stacks->sure = had.sure && !had.extended;
	if (!context_due(cpu, had.sure) && had.held)
		return had.key;
	stacks->sure = false;
	context_walk(ctx, place, stacks);
	return context_settle(&had, what, sp, place, stacks);
}

/*
 * The wait of the thread `id` (as of bpf_get_current_pid_tgid()) is over: it took `ns`. A thread
 * mostly waits where it did last, so waits are collected in its ledger, and go to the slot when it
 * has waited elsewhere; what is left at a slice's end is read there.
 */
static __always_inline void context_leave(struct wire_ledger *ledger, struct wire_parties *parties,
					  __u64 id, __u64 ns)
{
	struct wire_collected *waits = &parties->waits;
	bool same_place = waits->context == ledger->wait.context;

	/* A place that was walked again may have other stacks now, and its slot has them. */
	if (!same_place || waits->kernel_stack != ledger->wait.kernel_stack ||
	    waits->user_stack != ledger->wait.user_stack) {
		if (waits->count &&
		    (same_place || !context_add(waits->context, waits->count, waits->ns)))
			context_send(waits->kernel_stack, waits->user_stack, id,
				     context_what_count(waits->what, waits->count), waits->ns);
		waits->context = ledger->wait.context;
		waits->kernel_stack = ledger->wait.kernel_stack;
		waits->user_stack = ledger->wait.user_stack;
		waits->what = ledger->wait.what;
		waits->count = 0;
		waits->ns = 0;
	}
	waits->count++;
	waits->ns += ns;
	ledger->wait.context = 0;
}

/* The current thread runs although its ledger has it waiting: its wakeup and switch were not seen.
 */
static __always_inline void context_leave_unseen(struct wire_ledger *ledger, __u64 now)
{
	if (ledger->wait.context)
		context_leave(ledger, parties_now(ledger), bpf_get_current_pid_tgid(),
			      now - ledger->since);
}

/* The current thread ends the system call in which it let mutexes go. */
static __always_inline void context_release(struct wire_ledger *ledger, struct cpu_state *cpu)
{
	__u32 count = (__u64)ledger->holding.released * calls_weight / WIRE_CALL_WEIGHT;
	__u64 ns = ledger->holding.released_ns * calls_weight / WIRE_CALL_WEIGHT;
	struct pt_regs *regs = compat_user_registers();
	struct context_stacks stacks = {};
	__u64 sp = compat_user_sp(regs), key = 0;

	if (cpu && ledger->targeted)
		key = context_find(NULL,
				   context_key(ledger, compat_user_ip(regs), sp, CONTEXT_WAKER),
				   CONTEXT_WAKER, sp, cpu, SLOT_SYSCALL, &stacks);
	if (key && !context_add(key, count, ns))
		context_send(stacks.kernel, stacks.user, bpf_get_current_pid_tgid(),
			     context_what_count(CONTEXT_WAKER, count), ns);
	ledger->holding.released = 0;
	ledger->holding.released_ns = 0;
}

#endif
