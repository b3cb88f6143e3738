/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schedule: excerpts of the window in which every switch and every wakeup is recorded, for phase
 * four to replay (analysis/replay.h). Between them its programs are not attached and cost nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/families.h"
#include "capture/grace.h"
#include "capture/loader.h"
#include "strait.skel.h"

/*
 * Long enough for a few periods of a CPU quota (100 ms); shorter where the host switches so often
 * that the records are used up before. 8 excerpts of 4,096 records are at most 1.6 MB in the ring
 * buffer, and about 1 MB in the recording, however long the window is.
 */
#define EXCERPT_NS      250000000ULL
#define EXCERPT_RECORDS 4096 /* of all CPUs together */
#define EXCERPT_CPU_MIN 128  /* of one CPU */
#define EXCERPTS        8
#define EXCERPT_EVERY   1250000000ULL /* closer together only in windows shorter than this */
#define EXCERPT_FIRST   250000000ULL  /* of a window whose length is not known: its first one */
/*
 * Attaching and detaching takes some 2 ms of CPU time, which is a lot on a quiet host. Where the
 * CPUs were busy for less than a quarter of one, the next is twice as long and comes after twice
 * the time; up to four times.
 */
#define EXCERPT_QUIET   4
#define EXCERPT_STRETCH 4

#define SCHED_GROUPS 4096 /* told apart */

struct schedule_data {
	bool off;           /* it failed: not again */
	bool open;          /* an excerpt is under way */
	uint32_t number;    /* of excerpts so far */
	uint32_t position;  /* of the one under way in the recording */
	uint64_t next_ns;   /* when the next one begins, since the window began */
	uint64_t length_ns; /* of one */
	uint64_t every_ns;  /* from one to the next; doubles where the window has no end */
	uint32_t stretch;   /* the next is so many times longer, and further away */
	uint64_t busy_ns;   /* of all CPUs in the one under way */
	uint64_t begin_ns;  /* CLOCK_MONOTONIC */
	uint64_t cut_ns;    /* of the one under way: from here on it is not complete, 0 = it is */
	struct bpf_link *links[3];
	int cpus;
	struct wire_schedule_cpu *told;
	uint64_t *last_ns;    /* each CPU told who has it, in the one under way; 0 = not yet */
	VEC(uint64_t) groups; /* addresses of the kernel's; their number is the position */
};

static struct schedule_data *schedule_data(struct session *session)
{
	return session->family_data[family_index(&family_schedule)];
}

static int schedule_prepare(struct session *session, struct error *error)
{
	struct strait_bpf *skeleton = session->skeleton;

	(void)error;
	skeleton->rodata->schedule_yield = SYS_sched_yield;
	bpf_program__set_autoattach(skeleton->progs.schedule__switch, false);
	bpf_program__set_autoattach(skeleton->progs.schedule__waking, false);
	bpf_program__set_autoattach(skeleton->progs.schedule__new, false);
	bpf_program__set_autoattach(skeleton->progs.schedule__mark, false);
	return 0;
}

/* ---- when ---- */

/*
 * Excerpts are spread evenly over the window; where its end is not known, the gaps between them
 * double.
 */
static void schedule_plan(const struct session *session, struct schedule_data *data)
{
	uint64_t window = session->options.length_ns, count = window / EXCERPT_EVERY;

	data->length_ns = EXCERPT_NS;
	data->stretch = 1;
	if (!window) {
		data->next_ns = data->every_ns = EXCERPT_FIRST;
		return;
	}
	count = count < 1 ? 1 : count > EXCERPTS ? EXCERPTS : count;
	data->every_ns = window / count;
	if (data->length_ns > data->every_ns / 2)
		data->length_ns = data->every_ns / 2;
	data->next_ns = (data->every_ns - data->length_ns) / 2;
}

static int schedule_begin(struct session *session, struct error *error)
{
	struct schedule_data *data = calloc(1, sizeof(*data));
	uint32_t room;

	if (!data)
		return error_set(error, -ENOMEM, "out of memory");
	session->family_data[family_index(&family_schedule)] = data;
	data->cpus = libbpf_num_possible_cpus();
	data->told = calloc((size_t)data->cpus, sizeof(*data->told));
	data->last_ns = calloc((size_t)data->cpus, sizeof(*data->last_ns));
	if (!data->told || !data->last_ns)
		return error_set(error, -ENOMEM, "out of memory");
	room = EXCERPT_RECORDS /
	       (session->recording->host.cpus ? session->recording->host.cpus : 1);
	session->skeleton->bss->schedule_room = room < EXCERPT_CPU_MIN ? EXCERPT_CPU_MIN : room;
	data->off = bpf_program__fd(session->skeleton->progs.schedule__switch) < 0 ||
		    bpf_program__fd(session->skeleton->progs.schedule__waking) < 0 ||
		    bpf_program__fd(session->skeleton->progs.schedule__mark) < 0;
	schedule_plan(session, data);
	return 0;
}

/* ---- one excerpt ---- */

/* Lets each CPU say who has it. CPUs that are off line are passed over. */
static int schedule_mark(struct session *session, const struct schedule_data *data)
{
	int fd = bpf_program__fd(session->skeleton->progs.schedule__mark), marked = 0;

	for (int cpu = 0; cpu < data->cpus; cpu++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .flags = BPF_F_TEST_RUN_ON_CPU,
			    .cpu = (uint32_t)cpu);

		marked += bpf_prog_test_run_opts(fd, &options) == 0;
	}
	return marked;
}

static void schedule_detach(struct strait_bpf *skeleton, struct schedule_data *data)
{
	for (size_t i = 0; i < sizeof(data->links) / sizeof(data->links[0]); i++) {
		bpf_link__destroy(data->links[i]);
		data->links[i] = NULL;
		/* From the first on, that at switches: until it is said, stacks are others. */
		skeleton->bss->tracepoints_shared = 0;
	}
}

static void schedule_fail(struct session *session, struct schedule_data *data, const char *what)
{
	char why[160];

	snprintf(why, sizeof(why), "%s: %s", what, strerror(errno));
	schedule_detach(session->skeleton, data);
	data->off = true;
	recording_family(session->recording, family_schedule.name, FAMILY_PARTIAL, why);
}

static void excerpt_begin(struct session *session, struct schedule_data *data, uint64_t now_ns)
{
	struct bpf_program *programs[] = {
		session->skeleton->progs.schedule__switch,
		session->skeleton->progs.schedule__waking,
		session->skeleton->progs.schedule__new,
	};

	session->skeleton->bss->schedule_excerpt = ++data->number;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (bpf_program__fd(programs[i]) < 0)
			continue;
		data->links[i] = bpf_program__attach(programs[i]);
		if (!data->links[i]) {
			schedule_fail(session, data, "cannot attach");
			return;
		}
		session->skeleton->bss->tracepoints_shared = 1; /* as in schedule_detach() */
	}
	data->begin_ns = now_ns;
	data->cut_ns = 0;
	data->busy_ns = 0;
	memset(data->last_ns, 0, (size_t)data->cpus * sizeof(*data->last_ns));
	data->position = (uint32_t)session->recording->excerpts.len;
	vec_push(&session->recording->excerpts,
		 (struct excerpt){session_time(session, now_ns), session_time(session, now_ns)});
	data->open = true;
	if (!schedule_mark(session, data))
		schedule_fail(session, data, "cannot ask a CPU what it runs");
}

/* From when on a CPU had no room for a record any more: the excerpt ends there. */
static void excerpt_cut(struct session *session, struct schedule_data *data)
{
	uint32_t zero = 0;
	int fd = bpf_map__fd(session->skeleton->maps.schedule_cpus);

	data->cut_ns = 0;
	if (bpf_map_lookup_elem(fd, &zero, data->told)) {
		data->cut_ns = data->begin_ns;
		return;
	}
	for (int cpu = 0; cpu < data->cpus; cpu++) {
		const struct wire_schedule_cpu *told = &data->told[cpu];

		if (told->excerpt == data->number && told->cut_ns &&
		    (!data->cut_ns || told->cut_ns < data->cut_ns))
			data->cut_ns = told->cut_ns;
	}
}

static void excerpt_stretch(const struct session *session, struct schedule_data *data)
{
	uint64_t all_ns = data->length_ns * data->stretch * session->recording->host.cpus;

	if (data->cut_ns || data->busy_ns >= all_ns / EXCERPT_QUIET)
		data->stretch = 1;
	else if (data->stretch < EXCERPT_STRETCH)
		data->stretch *= 2;
	/* One step was taken at its begin. */
	data->next_ns += data->every_ns * (data->stretch - 1);
}

static void excerpt_end(struct session *session, struct schedule_data *data, uint64_t now_ns)
{
	struct excerpt *excerpt;
	uint64_t end;

	if (!data->off)
		schedule_mark(session, data);
	schedule_detach(session->skeleton, data);
	ring_buffer__consume(session->ring);
	excerpt_cut(session, data);
	data->open = false;
	excerpt_stretch(session, data);
	/* The monitor may have forgotten it meanwhile. */
	if (data->off || data->position >= session->recording->excerpts.len)
		return;
	excerpt = &session->recording->excerpts.at[data->position];
	end = session_time(session, data->cut_ns ? data->cut_ns : now_ns);
	excerpt->end_ns = end > excerpt->begin_ns ? end : excerpt->begin_ns;
}

/* Its time is over, or the room of a CPU is used up. */
static bool excerpt_is_over(const struct session *session, const struct schedule_data *data,
			    uint64_t now_ns)
{
	return now_ns - data->begin_ns >= data->length_ns * data->stretch ||
	       session->skeleton->bss->schedule_full == data->number;
}

static void schedule_tick(struct session *session, uint64_t now_ns)
{
	struct schedule_data *data = schedule_data(session);
	uint64_t at = session_time(session, now_ns);

	if (!data || data->off)
		return;
	if (data->open) {
		if (excerpt_is_over(session, data, now_ns))
			excerpt_end(session, data, now_ns);
		return;
	}
	if (at < data->next_ns || grace_late())
		return;
	data->next_ns += data->every_ns;
	if (!session->options.length_ns)
		data->every_ns *= 2;
	excerpt_begin(session, data, now_ns);
}

static int schedule_drain(struct session *session, struct error *error)
{
	struct schedule_data *data = schedule_data(session);

	(void)error;
	if (data && data->open && session->last_slice)
		excerpt_end(session, data, session->slice_end_ns);
	return 0;
}

static void schedule_close(struct session *session)
{
	struct schedule_data *data = schedule_data(session);

	if (!data)
		return;
	schedule_detach(session->skeleton, data);
	vec_free(&data->groups);
	free(data->told);
	free(data->last_ns);
	free(data);
}

/* ---- records ---- */

/* Groups are few: those of the threads that switched in an excerpt. */
static uint32_t group_number(struct schedule_data *data, uint64_t address)
{
	for (uint32_t i = 0; i < data->groups.len; i++)
		if (data->groups.at[i] == address)
			return i;
	if (data->groups.len >= SCHED_GROUPS)
		return SCHED_GROUPS;
	vec_push(&data->groups, address);
	return (uint32_t)data->groups.len - 1;
}

static uint32_t thread_of(struct session *session, uint32_t tid, uint32_t tgid)
{
	return tid ? session_thread(session, tid, tgid) : NONE;
}

/* `in` says who had its CPU until now. */
static void busy_add(struct schedule_data *data, const struct wire_schedule *in)
{
	uint64_t *last = &data->last_ns[in->header.cpu];

	if (*last && *last < in->header.time_ns && in->header.tid)
		data->busy_ns += in->header.time_ns - *last;
	*last = in->header.time_ns;
}

static void schedule_told(struct session *session, const void *record, size_t size)
{
	static const uint8_t kinds[SCHEDULE_KINDS] = {
		[SCHEDULE_RUNS] = EVENT_RUNS,
		[SCHEDULE_SWITCH] = EVENT_SWITCH,
		[SCHEDULE_WAKE] = EVENT_WAKE,
	};
	struct schedule_data *data = schedule_data(session);
	const struct wire_schedule *in = record;
	struct event event;

	if (size < sizeof(*in) || !data || !data->open || in->excerpt != data->number ||
	    in->what >= SCHEDULE_KINDS || in->state >= STATE_COUNT ||
	    data->position >= session->recording->excerpts.len)
		return;
	if (in->what != SCHEDULE_WAKE && in->header.cpu < (uint32_t)data->cpus)
		busy_add(data, in);
	event = (struct event){
		.time_ns = session_time(session, in->header.time_ns),
		.excerpt = data->position,
		.thread = thread_of(session, in->header.tid, in->header.tgid),
		.other = thread_of(session, in->other, in->other_tgid),
		.sched_group = group_number(data, in->group),
		.cpu = (uint16_t)in->header.cpu,
		.kind = kinds[in->what],
		.state = in->state,
		.lock = (in->flags & SCHEDULE_LOCK) != 0,
		.yielded = (in->flags & SCHEDULE_YIELD) != 0,
	};
	vec_push(&session->recording->events, event);
}

const struct family family_schedule = {
	.name = "schedule",
	.what = "excerpts of the schedule, for what-if: every switch and wakeup of a few moments",
	.handlers = {{WIRE_SCHEDULE, schedule_told}},
	.prepare = schedule_prepare,
	.begin = schedule_begin,
	.tick = schedule_tick,
	.drain = schedule_drain,
	.close = schedule_close,
};
