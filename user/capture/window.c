/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "capture/budget.h"
#include "capture/cut.h"
#include "capture/families.h"
#include "capture/generation.h"
#include "capture/loader.h"
#include "capture/losses.h"
#include "capture/meter.h"
#include "capture/namespace.h"
#include "capture/series.h"
#include "capture/stacks.h"
#include "capture/tasks.h"
#include "capture/window.h"
#include "util/clock.h"

#define POLL_NS 50000000ULL /* how often the ring buffer is emptied */

static int families_begin(struct session *session, struct error *error)
{
	int err = 0;

	for (size_t i = 0; families[i] && !err; i++)
		err = family_call(session, i, families[i]->begin, error);
	return err;
}

static int families_began(struct session *session, struct error *error)
{
	int err = 0;

	for (size_t i = 0; families[i] && !err; i++)
		err = family_call(session, i, families[i]->began, error);
	return err;
}

static int families_drain(struct session *session, struct error *error)
{
	int result = 0;

	for (size_t i = 0; families[i]; i++) {
		int err = 0;

		if (families[i]->drain && !session->family_off[i])
			err = families[i]->drain(session, error);
		/* The other families go on: what they have is not lost. */
		if (err < 0 && !result)
			result = error_wrap(error, err, "family %s", families[i]->name);
	}
	return result;
}

static int slice_end(struct session *session, struct error *error)
{
	struct recording *rec = session->recording;
	int err;

	generation_flip(session);
	session->slice_end_ns = cut_make(session);
	if (session->last_slice)
		session->over_ns = session->slice_end_ns;
	tasks_cut(session->tasks, session->slice_end_ns);
	ring_buffer__consume(session->ring);
	err = families_drain(session, error);
	series_sample(session->series, rec);
	losses_drain(session);
	if (session->options.name_each_slice)
		stacks_name(session->stacks, session->options.details_later);
	/* The end may be days away. */
	if (!session->options.length_ns)
		symbols_store_names(session->symbols);
	budget_end_slice(session->budget, session, session->slice_end_ns);
	meter_tell(session->meter, session, session->slice_end_ns);
	recording_end_slice(rec, session_time(session, session->slice_end_ns));
	rec->length_ns = session_time(session, session->slice_end_ns);
	if (!err && session->options.slice_done)
		err = session->options.slice_done(session->options.slice_context, rec, error);
	return err;
}

static bool window_stopped(const struct session *session)
{
	return session->options.stop && *session->options.stop;
}

/*
 * Whoever stands still ends nothing that costs more than it may: what is observed in turns is ended
 * before.
 */
static void window_pause(struct session *session)
{
	if (!session->options.pause || !*session->options.pause)
		return;
	*session->options.pause = 0;
	budget_pause(session->budget, session);
	raise(SIGSTOP);
}

/* Sleeps and reads until `until`, or until the window is stopped. */
static void slice_watch(struct session *session, uint64_t until)
{
	uint64_t now;

	while ((now = time_now()) < until && !window_stopped(session)) {
		uint64_t due, left;

		window_pause(session);
		due = budget_tick(session->budget, session, now);
		left = until - now < POLL_NS ? until - now : POLL_NS;

		session->due_ns = UINT64_MAX;
		for (size_t i = 0; families[i]; i++)
			if (families[i]->tick && !session->family_off[i])
				families[i]->tick(session, now);
		if (session->due_ns < due)
			due = session->due_ns;
		if (due < now + left)
			left = due > now ? due - now : 0;
		/* Only new files wake us: everything else may wait. */
		ring_buffer__poll(session->ring, (int)((left + 999999) / 1000000));
		ring_buffer__consume(session->ring);
	}
}

static int window_begin(struct session *session, struct error *error)
{
	struct recording *rec = session->recording;
	struct timespec real;
	int err;

	recording_begin_slice(rec, 0, session->options.warmup_ns > 0);
	err = families_begin(session, error);
	/* It takes a while until ten thousand threads have a ledger each. */
	session->begin_ns = cut_make(session);
	clock_gettime(CLOCK_REALTIME, &real);
	rec->start_unix_ns = (uint64_t)real.tv_sec * 1000000000ULL + (uint64_t)real.tv_nsec -
			     (time_now() - session->begin_ns);
	tasks_cut(session->tasks, session->begin_ns);
	if (!err)
		err = families_began(session, error);
	loader_tell(session);
	if (namespace_is_own())
		recording_family(rec, FAMILY_PID_NAMESPACE, FAMILY_PARTIAL, namespace_why);
	if (err)
		return err;
	session->series = series_open();
	if (!session->series)
		return error_set(error, -ENOMEM, "out of memory");
	meter_begin(session->meter, session->begin_ns);
	budget_begin(session->budget, session, session->begin_ns);
	if (session->options.command_fd >= 0 && write(session->options.command_fd, "", 1) != 1)
		return error_set(error, -errno, "cannot start the command: %s", strerror(errno));
	return 0;
}

int window_observe(struct session *session, struct error *error)
{
	const struct session_options *options = &session->options;
	int err = window_begin(session, error);
	uint64_t begin = session->begin_ns, end, window_end;

	if (err)
		return err;
	window_end = options->length_ns ? begin + options->length_ns : UINT64_MAX;
	for (;;) {
		end = begin + options->slice_ns < window_end ? begin + options->slice_ns
							     : window_end;
		/* No stub at the end: the last slice takes what is left. */
		if (window_end - end < options->slice_ns / 2)
			end = window_end;
		slice_watch(session, end);
		/* Stopped while the slice ends: what came after its flip needs one more slice. */
		session->last_slice = window_stopped(session) || time_now() >= window_end;
		err = slice_end(session, error);
		if (err || session->last_slice)
			return err;
		begin = session->slice_end_ns;
		recording_begin_slice(session->recording, session_time(session, begin),
				      begin - session->begin_ns < options->warmup_ns);
	}
}
