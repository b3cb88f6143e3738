/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "capture/budget.h"
#include "capture/families.h"
#include "capture/grace.h"
#include "capture/loader.h"
#include "capture/meter.h"
#include "capture/namespace.h"
#include "capture/parser.h"
#include "capture/priority.h"
#include "capture/publisher.h"
#include "capture/series.h"
#include "capture/stacks.h"
#include "capture/tasks.h"
#include "capture/window.h"
#include "strait.skel.h"
#include "util/disk_cache.h"

#define NAMES_DIRECTORY DISK_CACHE_HOME "/names"

/* ---- for families ---- */

uint32_t session_process(struct session *session, uint32_t tgid)
{
	return tasks_process(session->tasks, tgid);
}

uint32_t session_thread(struct session *session, uint32_t tid, uint32_t tgid)
{
	return tasks_thread(session->tasks, tid, tgid);
}

uint32_t session_stack(struct session *session, uint64_t kernel_id, uint64_t user_id)
{
	return stacks_join(session->stacks, kernel_id, user_id);
}

void session_sample(struct session *session, enum sample_kind kind, const void *record, size_t size)
{
	const struct wire_sample *sample = record;

	/* The idle thread has no row. */
	if (size < sizeof(*sample) || !sample->header.tid)
		return;
	/* Whoever was born behind the last cut is nobody: its ledger was not read. */
	if (sample->header.time_ns < session->begin_ns ||
	    (session->over_ns && sample->header.time_ns > session->over_ns))
		return;
	recording_sample(session->recording, kind,
			 session_thread(session, sample->header.tid, sample->header.tgid),
			 session_stack(session, sample->kernel_stack, sample->user_stack), 1,
			 sample->weight);
}

uint64_t session_time(const struct session *session, uint64_t monotonic_ns)
{
	return monotonic_ns > session->begin_ns ? monotonic_ns - session->begin_ns : 0;
}

/* ---- opening ---- */

static void host_describe(struct recording *rec)
{
	struct utsname name;
	struct sysinfo info;

	if (!uname(&name)) {
		rec->host.name = string_intern(rec, name.nodename);
		rec->host.kernel = string_intern(rec, name.release);
		rec->host.arch = string_intern(rec, name.machine);
	}
	rec->host.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	if (!sysinfo(&info))
		rec->host.memory_bytes = (uint64_t)info.totalram * info.mem_unit;
}

static int session_configure(struct session *session, struct error *error)
{
	const struct session_options *options = &session->options;
	struct strait_bpf__rodata *rodata = session->skeleton->rodata;

	rodata->own_tgid = namespace_own_pid();
	rodata->own_waiter = grace_pid() ? grace_pid() : rodata->own_tgid;
	rodata->own_keeper = parser_reader(NULL)->keeper ?: rodata->own_tgid;
	rodata->own_reader = parser_reader(NULL)->pid ?: rodata->own_tgid;
	rodata->own_namer = symbols_reader(NULL)->pid ?: rodata->own_tgid;
	rodata->target_kind = TARGET_TEST_ALL;
	if (options->target == TARGET_PID || options->target == TARGET_COMMAND)
		rodata->target_kind = TARGET_TEST_PIDS;
	if (options->target == TARGET_TID)
		rodata->target_kind = TARGET_TEST_TIDS;
	if (options->target == TARGET_CGROUP || options->target == TARGET_CONTAINER)
		rodata->target_kind = TARGET_TEST_CGROUP;
	rodata->target_cgroup = options->cgroup;
	for (size_t i = 0; families[i]; i++) {
		int err;

		session->family_off[i] = !family_wanted(families[i], options);
		err = family_call(session, i, families[i]->prepare, error);

		if (err)
			return err;
	}
	return 0;
}

static int targets_fill(struct session *session, struct error *error)
{
	int fd = bpf_map__fd(session->skeleton->maps.target_pids);

	for (size_t i = 0; i < session->options.pid_count; i++) {
		uint32_t pid = (uint32_t)session->options.pids[i], one = 1;

		if (bpf_map_update_elem(fd, &pid, &one, BPF_ANY))
			return error_set(error, -errno, "cannot watch pid %u: %s", pid,
					 strerror(errno));
	}
	return 0;
}

static void program_omit(struct session *session, const char *name, const char *why)
{
	vec_each(&session->loader->programs, state)
		if (!strcmp(state->name, name)) {
			state->loaded = false;
			snprintf(state->why, sizeof(state->why), "%s", why);
		}
}

/* Attaches the tracepoints of all families; what fails is left out and said. */
static void programs_attach(struct session *session)
{
	struct bpf_program *program;
	char why[160];

	bpf_object__for_each_program(program, session->skeleton->obj)
	{
		struct bpf_link *link;

		if (bpf_program__fd(program) < 0 || !bpf_program__autoattach(program) ||
		    !program_tracepoint(bpf_program__section_name(program)))
			continue;
		link = bpf_program__attach(program);
		if (link) {
			vec_push(&session->links, link);
			continue;
		}
		snprintf(why, sizeof(why), "cannot attach to %s: %s",
			 bpf_program__section_name(program), strerror(errno));
		program_omit(session, bpf_program__name(program), why);
	}
}

/* A family whose hook fails is off, and its programs are told as left out, with the reason. */
static void family_try(struct session *session, size_t at,
		       int (*hook)(struct session *session, struct error *error))
{
	struct error why;

	if (!hook || session->family_off[at] || !hook(session, &why))
		return;
	session->family_off[at] = true;
	vec_each(&session->loader->programs, state)
		if (program_in_family(state->name, families[at]->name))
			program_omit(session, state->name, why.text);
}

static int ring_record(void *context, void *record, size_t size)
{
	struct session *session = context;
	const struct wire_header *header = record;

	if (size < sizeof(*header))
		return 0;
	if (header->kind == WIRE_STACK) {
		stacks_kernel_arrived(session->stacks, record, size);
		return 0;
	}
	if (header->kind == WIRE_USER_STACK) {
		stacks_user_arrived(session->stacks, record, size);
		return 0;
	}
	/* Several may want to know. */
	for (size_t i = 0; families[i]; i++)
		for (size_t j = 0; j < FAMILY_HANDLERS; j++)
			if (families[i]->handlers[j].kind == header->kind)
				families[i]->handlers[j].handle(session, record, size);
	return 0;
}

static int session_prepare(struct session *session, struct error *error)
{
	struct recording *rec = recording_new();

	/* While there is little to share with it. */
	grace_open();
	readers_open(
		(struct reader *[]){parser_reader(NULL), symbols_reader(NULL), parser_prober(NULL)},
		session->options.alloc ? 3 : 2, namespace_own_pid);
	session->recording = rec;
	session->symbols = symbols_new();
	if (!rec || !session->symbols)
		return error_set(error, -ENOMEM, "out of memory");
	symbols_keep_names(session->symbols, NAMES_DIRECTORY);
	host_describe(rec);
	rec->target.kind = session->options.target;
	rec->target.name = string_intern(
		rec, session->options.target_name ? session->options.target_name : "");
	session->tasks = tasks_new(rec);
	session->stacks = stacks_new(rec, session->symbols);
	session->meter = meter_new();
	session->budget = budget_new(session->options.budget);
	if (!session->tasks || !session->stacks || !session->meter || !session->budget)
		return error_set(error, -ENOMEM, "out of memory");
	return 0;
}

static int session_start(struct session *session, struct error *error)
{
	int err = session_prepare(session, error);

	if (!err)
		err = loader_check_host(error);
	if (!err)
		err = loader_load(session, session_configure, error);
	if (!err)
		err = targets_fill(session, error);
	if (err)
		return err;
	session->ring = ring_buffer__new(bpf_map__fd(session->skeleton->maps.events), ring_record,
					 session, NULL);
	if (!session->ring)
		return error_set(error, -errno, "cannot map the ring buffer: %s", strerror(errno));
	for (size_t i = 0; families[i]; i++)
		family_try(session, i, families[i]->loaded);
	programs_attach(session);
	for (size_t i = 0; families[i]; i++)
		family_try(session, i, families[i]->attach);
	return 0;
}

int session_open(struct session **out, const struct session_options *options, struct error *error)
{
	struct session *session = calloc(1, sizeof(*session));
	int err;

	if (!session)
		return error_set(error, -ENOMEM, "out of memory");
	session->options = *options;
	/* Until the window begins nothing that is told is inside it. */
	session->begin_ns = UINT64_MAX;
	session->nice = priority_raise();
	err = session_start(session, error);
	if (err) {
		session_close(session);
		return err;
	}
	*out = session;
	return 0;
}

/* ---- the window ---- */

int session_run(struct session *session, struct error *error)
{
	const struct session_options *options = &session->options;
	int err = window_observe(session, error);

	priority_restore(session->nice);
	if (err)
		return err;
	stacks_name(session->stacks, false);
	if (options->fetch) {
		struct symbols_fetched fetched = stacks_fetch(session->stacks, options->fetch);

		if (options->fetched)
			*options->fetched = fetched;
	}
	return 0;
}

/* ---- closing ---- */

struct names_cache *session_take_names(struct session *session)
{
	return symbols_take_names(session->symbols);
}

struct recording *session_take(struct session *session)
{
	struct recording *rec = session->recording;

	session->recording = NULL;
	session_close(session);
	return rec;
}

void session_close(struct session *session)
{
	if (!session)
		return;
	priority_restore(session->nice);
	for (size_t i = 0; families[i]; i++)
		if (families[i]->close && session->skeleton)
			families[i]->close(session);
	vec_each(&session->links, link)
		bpf_link__destroy(*link);
	vec_free(&session->links);
	publisher_close();
	grace_close();
	ring_buffer__free(session->ring);
	strait_bpf__destroy(session->skeleton);
	series_close(session->series);
	meter_free(session->meter);
	budget_free(session->budget);
	loader_free(session->loader);
	stacks_free(session->stacks);
	tasks_free(session->tasks);
	symbols_free(session->symbols);
	recording_free(session->recording);
	free(session);
}
