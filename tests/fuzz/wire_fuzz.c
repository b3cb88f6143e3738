/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for what the BPF programs tell: the input is a list of records of the ring
 * buffer, of threads and listening sockets as the iterators write them, of entries of the maps, and
 * of ends of slices. What is made of them must be a recording that keeps to its rules, and that can
 * be shown. libbpf is played by kernel.c.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/contexts.h"
#include "capture/families.h"
#include "capture/stacks.h"
#include "capture/tasks.h"
#include "kernel.h"
#include "parts.h"
#include "strait.skel.h"

#define BEGIN_NS    1000000000000ULL
#define SLICES_MOST 8

static struct strait_bpf__bss bss;
static struct strait_bpf skeleton;

/* As the session hands a record on; a copy, so that what lies behind it is not read unseen. */
static void record_tell(struct session *session, const uint8_t *record, size_t size)
{
	struct wire_header *header = malloc(size);

	memcpy(header, record, size);
	if (size < sizeof(*header))
		goto out;
	/* Most kinds that there are, and some that there are not. */
	header->kind = header->kind % (WIRE_ALLOC_SAMPLE + 2);
	if (header->kind == WIRE_STACK)
		stacks_kernel_arrived(session->stacks, (const void *)header, size);
	if (header->kind == WIRE_USER_STACK)
		stacks_user_arrived(session->stacks, (const void *)header, size);
	for (size_t i = 0; families[i]; i++)
		for (size_t j = 0; j < FAMILY_HANDLERS; j++)
			if (header->kind && families[i]->handlers[j].kind == header->kind)
				families[i]->handlers[j].handle(session, header, size);
out:
	free(header);
}

static void families_each(struct session *session,
			  int (*hook)(const struct family *family, struct session *session))
{
	for (size_t i = 0; families[i]; i++)
		if (!session->family_off[i] && hook(families[i], session) < 0)
			session->family_off[i] = true;
}

static int family_open(const struct family *family, struct session *session)
{
	struct error error;
	int err = 0;

	/* What the others attach or load is the kernel's. */
	if (family == &family_unwind)
		err = family->loaded(session, &error);
	if (family == &family_net)
		err = family->attach(session, &error);
	if (!err && family->begin)
		err = family->begin(session, &error);
	return err;
}

static int family_began(const struct family *family, struct session *session)
{
	struct error error;

	return family->began ? family->began(session, &error) : 0;
}

static int family_drain(const struct family *family, struct session *session)
{
	struct error error;

	return family->drain ? family->drain(session, &error) : 0;
}

static int family_close(const struct family *family, struct session *session)
{
	if (family->close)
		family->close(session);
	return 0;
}

static void slice_end(struct session *session, uint64_t length_ns)
{
	struct recording *rec = session->recording;

	bss.generation++;
	session->slice_end_ns += length_ns;
	tasks_cut(session->tasks, session->slice_end_ns);
	families_each(session, family_drain);
	recording_end_slice(rec, session_time(session, session->slice_end_ns));
	rec->length_ns = session_time(session, session->slice_end_ns);
}

static void slice_next(struct session *session, uint64_t length_ns)
{
	slice_end(session, length_ns);
	recording_begin_slice(session->recording, session_time(session, session->slice_end_ns),
			      false);
}

static void ticks(struct session *session, uint64_t now_ns)
{
	for (size_t i = 0; families[i]; i++)
		if (families[i]->tick && !session->family_off[i])
			families[i]->tick(session, now_ns);
}

/* One entry of the input: what it is, how long, and its bytes. */
static void entry_take(struct session *session, struct feed *feed)
{
	uint8_t what = feed_byte(feed);
	size_t length = feed_u16(feed) % 4400;
	const uint8_t *bytes;

	if (what % 16 == 14) {
		if (session->recording->slices.len < SLICES_MOST)
			slice_next(session, (uint64_t)length * 1000000);
		return;
	}
	if (what % 16 == 15) {
		ticks(session, session->slice_end_ns + (uint64_t)length * 1000000);
		return;
	}
	bytes = feed_bytes(feed, &length);
	if (what % 16 < 8 && length)
		record_tell(session, bytes, length);
	else if (what % 16 == 13 && length)
		memcpy((char *)&bss + (size_t)what * 977 % (sizeof(bss) - length), bytes, length);
	else
		kernel_tell(what, bytes, length);
}

/* What is told before the window begins: the first byte says how much. */
static void before_take(struct session *session, struct feed *feed)
{
	for (int i = feed_byte(feed) % 4; i; i--) {
		size_t length = feed_u16(feed) % 4400;
		const uint8_t *bytes = feed_bytes(feed, &length);

		if (length)
			record_tell(session, bytes, length);
	}
}

static void session_begin(struct session *session)
{
	struct recording *rec = recording_new();

	memset(&bss, 0, sizeof(bss));
	skeleton.bss = &bss;
	kernel_begin(&skeleton);
	*session = (struct session){
		.options = {.sample_hz = 99, .length_ns = 1000000000, .slice_ns = 1000000000},
		.skeleton = &skeleton,
		.recording = rec,
		.symbols = symbols_new(),
		.tasks = tasks_new(rec),
		.slice_end_ns = BEGIN_NS,
	};
	for (size_t i = 0; families[i]; i++)
		session->family_off[i] = !family_wanted(families[i], &session->options);
	session->stacks = stacks_new(rec, session->symbols);
	rec->host.cpus = 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed feed = {data, size};
	struct session session;

	session_begin(&session);
	session.begin_ns = UINT64_MAX;
	recording_begin_slice(session.recording, 0, false);
	before_take(&session, &feed);
	families_each(&session, family_open);
	session.begin_ns = BEGIN_NS;
	tasks_cut(session.tasks, BEGIN_NS);
	families_each(&session, family_began);
	while (feed.left)
		entry_take(&session, &feed);
	session.last_slice = true;
	slice_end(&session, 1000000000);
	families_each(&session, family_close);
	recording_check(session.recording);
	recording_show(session.recording, feed_style(data, size));
	kernel_end();
	stacks_free(session.stacks);
	tasks_free(session.tasks);
	symbols_free(session.symbols);
	recording_free(session.recording);
	return 0;
}
