/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/contexts.h"
#include "capture/session.h"
#include "states.h"
#include "strait.skel.h"

struct contexts {
	struct wire_context *slots; /* shared with the programs */
	struct wire_context_stats told;
};

#define SLOTS_BYTES (WIRE_CONTEXTS * sizeof(struct wire_context))

struct contexts *contexts_open(int map)
{
	struct contexts *contexts = calloc(1, sizeof(*contexts));

	if (!contexts)
		return NULL;
	contexts->slots = mmap(NULL, SLOTS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (contexts->slots != MAP_FAILED)
		return contexts;
	free(contexts);
	return NULL;
}

void contexts_close(struct contexts *contexts)
{
	if (!contexts)
		return;
	munmap(contexts->slots, SLOTS_BYTES);
	free(contexts);
}

/* Waiting for work or for a time of one's choice is told apart: it is nobody's bottleneck. */
static enum sample_kind kind_of(uint32_t what)
{
	uint32_t state = what & CONTEXT_STATE;

	if (what & CONTEXT_WAKER)
		return SAMPLE_WAKEUP;
	return state == STATE_WAIT_TIMER || state == STATE_WAIT_POLL ? SAMPLE_IDLE : SAMPLE_OFFCPU;
}

/* `of` tells whose and where. */
static void context_file(struct session *session, const struct wire_context *of, int64_t count,
			 int64_t ns)
{
	uint32_t thread, stack;

	if (count <= 0 || ns < 0 || !of->tid)
		return;
	thread = session_thread(session, of->tid, of->tgid);
	stack = session_stack(session, of->kernel_stack, of->user_stack);
	recording_sample(session->recording, kind_of(of->what), thread, stack, (uint64_t)count,
			 (uint64_t)ns);
	if (of->what & CONTEXT_LOCK)
		recording_sample(session->recording, SAMPLE_LOCK, thread, stack, (uint64_t)count,
				 (uint64_t)ns);
}

/*
 * What is read is subtracted, so that what the programs add meanwhile stays. False where another
 * context took the slot meanwhile: nothing is taken then.
 */
static bool slot_take(struct wire_context *slot, struct wire_context *out)
{
	int64_t count, ns;

	memcpy(out, slot, sizeof(*out));
	count = __atomic_load_n(&slot->count, __ATOMIC_ACQUIRE);
	ns = __atomic_load_n(&slot->ns, __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&slot->check, __ATOMIC_ACQUIRE) != out->check)
		return false;
	__atomic_fetch_sub(&slot->count, count, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&slot->ns, ns, __ATOMIC_RELAXED);
	out->count = count;
	out->ns = ns;
	return true;
}

void contexts_check_rarely(struct session *session, bool rarely)
{
	session->skeleton->bss->context_rarely = rarely;
}

void contexts_drain(struct contexts *contexts, struct session *session)
{
	struct wire_context_stats now = session->skeleton->bss->context_stats;
	struct recording *rec = session->recording;
	struct wire_context taken;

	for (size_t i = 0; i < WIRE_CONTEXTS; i++) {
		struct wire_context *slot = &contexts->slots[i];

		if (slot->check && (slot->count || slot->ns) && slot_take(slot, &taken))
			context_file(session, &taken, taken.count, taken.ns);
	}
	recording_point(rec, "context.walks", "", (double)(now.walks - contexts->told.walks));
	recording_point(rec, "context.checks", "", (double)(now.checks - contexts->told.checks));
	recording_point(rec, "context.wrong", "", (double)(now.wrong - contexts->told.wrong));
	recording_point(rec, "waits.polls_untold", "", (double)(now.polls - contexts->told.polls));
	contexts->told = now;
}

void contexts_sum(struct session *session, const void *record, size_t size)
{
	const struct wire_context_sum *sum = record;
	struct wire_context of;

	if (size < sizeof(*sum))
		return;
	of = (struct wire_context){.kernel_stack = sum->kernel_stack,
				   .user_stack = sum->user_stack,
				   .tid = sum->header.tid,
				   .tgid = sum->header.tgid,
				   .what = sum->what};
	context_file(session, &of, (int64_t)sum->count, (int64_t)sum->ns);
}

void contexts_collected(struct session *session, const struct wire_identity *who,
			const struct wire_ledger *ledger, uint32_t parties)
{
	for (int i = 0; i < 2; i++) {
		const struct wire_collected *waits = &ledger->parties[i].waits;
		struct wire_context of = {.kernel_stack = waits->kernel_stack,
					  .user_stack = waits->user_stack,
					  .tid = who->tid,
					  .tgid = who->tgid,
					  .what = waits->what};

		if (parties & 1U << i)
			context_file(session, &of, waits->count, (int64_t)waits->ns);
	}
}

void contexts_pending(struct session *session, const struct wire_thread *thread)
{
	const struct wire_ledger *ledger = &thread->ledger;
	struct wire_context of = {.kernel_stack = ledger->wait.kernel_stack,
				  .user_stack = ledger->wait.user_stack,
				  .tid = thread->who.tid,
				  .tgid = thread->who.tgid,
				  .what = ledger->wait.what};

	/* Not of a wait whose thread waits for a CPU by now. */
	if (ledger->wait.context && ledger->state >= STATE_WAIT_DISK_READ &&
	    session->slice_end_ns > ledger->since)
		context_file(session, &of, 1, (int64_t)(session->slice_end_ns - ledger->since));
}
