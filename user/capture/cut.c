/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/cut.h"
#include "strait.skel.h"
#include "util/clock.h"

#define AHEAD_NS 50000ULL /* time enough to say it, mostly */
/*
 * It must be said so long before: a processor may read the memory a little sooner than the clock
 * that comes before it in the program. That is tens of ns.
 */
#define SAID_NS 10000ULL

uint64_t cut_make(struct session *session)
{
	__u64 *shared = &session->skeleton->bss->cut_ns, cut;

	do {
		/* Later than any before it. Who has taken one that was too late takes this, too. */
		cut = time_now() + AHEAD_NS;
		__atomic_store_n(shared, cut, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (time_now() + SAID_NS > cut);
	while (time_now() <= cut)
		;
	return cut;
}
