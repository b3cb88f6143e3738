/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who holds the mutex that a thread waits for, and what he does meanwhile.
 *
 * Nothing tells when a mutex is taken: that needs no system call. But who lets it go wakes the one
 * who waited; and what the releasing thread did while the other waited is known, from the last
 * pauses in its running. So the wait is explained by the holder's own time: it ran, it waited for a
 * disk, it had no CPU. Where it waited for the mutex itself (a convoy), earlier holders had it.
 */
#ifndef STRAIT_HOLDER_BPF_H
#define STRAIT_HOLDER_BPF_H

#include "core/compat.bpf.h"
#include "core/ledger.bpf.h"

/* ---- the one who waits ---- */

#define FUTEX_WAIT        0
#define FUTEX_LOCK_PI     6
#define FUTEX_WAIT_BITSET 9
#define FUTEX_LOCK_PI2    13
#define FUTEX_COMMAND     0x7f
#define FUTEX_CONTENDED   2
#define FUTEX_TID         0x3fffffff
#define FUTEX_OWNER       8 /* pthread_mutex_t of glibc: int lock, unsigned count, int owner */
#define TID_MAX           (1 << 22)

static __always_inline bool futex_is_pi(struct pt_regs *regs)
{
	__u32 command = compat_user_argument2(regs) & FUTEX_COMMAND;

	return command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2;
}

/*
 * Whether a futex() waits for a mutex that another thread holds. The value expected in the word
 * says so: 2 is "held, with waiters" in glibc, musl, Rust and Go alike (Drepper, Futexes Are
 * Tricky). Condition variables, semaphores and joins expect other values: they may be idle.
 */
static __always_inline bool futex_is_held(struct pt_regs *regs)
{
	__u32 command = compat_user_argument2(regs) & FUTEX_COMMAND;

	if (futex_is_pi(regs))
		return true;
	return (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET) &&
	       (__u32)compat_user_argument3(regs) == FUTEX_CONTENDED;
}

/*
 * Who holds the mutex, as he calls himself: in the word itself where it inherits priorities
 * (futex(2)), beside it in glibc's mutexes. 0 = not known, or of a kind that does not say.
 */
static __always_inline __u32 futex_owner(struct pt_regs *regs)
{
	__u64 word = compat_user_argument1(regs);
	__u32 owner = 0;

	if (!futex_is_pi(regs))
		word += FUTEX_OWNER;
	if (bpf_probe_read_user(&owner, sizeof(owner), (void *)word))
		return 0;
	owner &= FUTEX_TID;
	/* Thread 1 is hardly ever it, but 1 is often what follows a word of another kind. */
	return owner > 1 && owner <= TID_MAX ? owner : 0;
}

/* ---- the one who holds ---- */

#define PAUSE_MIN_NS 20000 /* shorter ones count as running */

/* A stretch in which a thread did not run has ended. */
static __always_inline void pause_note(struct wire_ledger *ledger, __u32 what, __u64 ns, __u64 now)
{
	struct wire_pause *pause;

	if (ns < PAUSE_MIN_NS)
		return;
	pause = &ledger->holding.pause[ledger->holding.pause_at & (WIRE_PAUSES - 1)];
	pause->end = now;
	pause->ns = ns < 0xffffffff ? ns : 0xffffffff;
	pause->what = what;
	ledger->holding.pause_at++;
}

/* The current thread ends a system call that syncs. */
static __always_inline void pause_note_sync(struct wire_ledger *ledger, __u64 now)
{
	if (ledger->syscall_enter)
		pause_note(ledger, STATE_WAIT_DISK_WRITE | PAUSE_CALL, now - ledger->syscall_enter,
			   now);
}

/*
 * The current thread lets a mutex go that another waited for since `begin`: what it did since then,
 * or since it can have had the mutex, goes to the CPU's held_us. `owner` is what futex_owner() said
 * when the wait began. A global function, as in stacks.bpf.h. Returns whether the releasing thread
 * is known.
 */
__u64 holder_sum(__u64 begin, __u64 now, __u64 owner);

/* The current thread, of process `tgid`, ended such a wait of `ns`. */
static __always_inline void holder_note(const struct wire_ledger *ledger,
					struct wire_parties *parties, const struct cpu_state *cpu,
					__u32 tgid, __u64 ns, __u64 now)
{
	struct wire_holder *holder = &parties->holder[0], *other = &parties->holder[1];

	if (!holder_sum(now - ns, now, ledger->wait.owner))
		return;
	if (holder->tgid != tgid && (other->tgid == tgid || other->waits < holder->waits))
		holder = other;
	if (holder->tgid != tgid) {
		__builtin_memset(holder, 0, sizeof(*holder));
		holder->tgid = tgid;
	}
	holder->waits++;
	holder->owners += cpu->held_by_owner;
	for (int state = 0; state < STATE_COUNT; state++)
		holder->us[state] += cpu->held_us[state];
}

#endif
