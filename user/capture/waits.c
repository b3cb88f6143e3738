/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "capture/waits.h"
#include "wire.h"

/* Waits whose waker's stack may still come: more are written down without it. */
#define PENDING_MAX 1024

struct pending {
	uint64_t key, kernel_stack;
	struct wait wait;
};

struct waits {
	VEC(struct pending) pending;
};

struct waits *waits_new(void)
{
	return calloc(1, sizeof(struct waits));
}

void waits_free(struct waits *waits)
{
	if (!waits)
		return;
	vec_free(&waits->pending);
	free(waits);
}

/* Ids of the two parts, 0 = none. */
static void wait_file(struct session *session, struct wait *wait, uint64_t kernel_stack,
		      uint64_t user_stack)
{
	if (kernel_stack || user_stack)
		wait->waker_stack = session_stack(session, kernel_stack, user_stack);
	recording_wait(session->recording, wait);
}

void waits_told(struct waits *waits, struct session *session, const void *record, size_t size)
{
	const struct wire_wait *in = record;
	struct wait wait = {.waker = NONE, .waker_stack = NONE};

	if (size < sizeof(*in) || in->end >= WAIT_ENDS || in->state < STATE_WAIT_DISK_READ ||
	    in->state >= STATE_COUNT || !in->header.tid)
		return;
	wait.thread = session_thread(session, in->header.tid, in->header.tgid);
	wait.stack = session_stack(session, in->kernel_stack, in->user_stack);
	if (in->waker)
		wait.waker = session_thread(session, in->waker, in->waker_tgid);
	wait.state = in->state;
	wait.syscall = in->syscall;
	wait.end = (uint8_t)in->end;
	wait.end_number = in->end_number;
	wait.lock = in->lock != 0;
	wait.begin_ns = session_time(session, in->begin_ns);
	wait.end_ns = session_time(session, in->header.time_ns);
	if (wait.end_ns <= wait.begin_ns)
		return;
	if (in->waker_key && waits->pending.len < PENDING_MAX)
		vec_push(&waits->pending,
			 (struct pending){in->waker_key, in->waker_kernel_stack, wait});
	else
		wait_file(session, &wait, in->waker_kernel_stack, in->waker_user_stack);
}

void waits_waker(struct waits *waits, struct session *session, const void *record, size_t size)
{
	const struct wire_waker *in = record;
	size_t left = 0;

	if (size < sizeof(*in))
		return;
	for (size_t i = 0; i < waits->pending.len; i++) {
		struct pending *pending = &waits->pending.at[i];

		if (pending->key == in->key)
			wait_file(session, &pending->wait, pending->kernel_stack, in->user_stack);
		else
			waits->pending.at[left++] = *pending;
	}
	waits->pending.len = left;
}

void waits_end_slice(struct waits *waits, struct session *session)
{
	vec_each(&waits->pending, pending)
		wait_file(session, &pending->wait, pending->kernel_stack, 0);
	waits->pending.len = 0;
}
