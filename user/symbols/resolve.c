/* SPDX-License-Identifier: BSD-2-Clause */
/* Names for the frames of a recording: at once, later, and from servers. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/recording.h"
#include "symbols/lacking.h"
#include "symbols/state.h"
#include "util/clock.h"

/* LINES_NS and INLINES_NS within a window. */
#define QUICK_LINES_NS   400000000ull
#define QUICK_INLINES_NS 600000000ull
#define QUICK_CPU_MS     1000

void symbols_note_module(struct symbols *s, uint32_t module, uint32_t pid,
			 const struct location *where)
{
	if (module == NONE || where->file == SYMBOLS_NO_FILE)
		return;
	if (module >= s->notes.len)
		vec_extend(&s->notes, module + 1 - s->notes.len);
	s->notes.at[module] = (struct module_note){where->file + 1, pid};
}

static struct name_request frame_request(const struct symbols *s, const struct recording *rec,
					 const struct frame *frame)
{
	const struct module *module = &rec->modules.at[frame->module];
	struct name_request request = {
		.file = SYMBOLS_NO_FILE,
		.path = string_get(rec, module->path),
		.build_id = string_get(rec, module->build_id),
		.offset = frame->offset,
	};

	if (frame->module < s->notes.len && s->notes.at[frame->module].file) {
		request.file = s->notes.at[frame->module].file - 1;
		request.pid = s->notes.at[frame->module].pid;
	}
	return request;
}

static void frame_answer(struct recording *rec, uint32_t position,
			 const struct name_request *request)
{
	uint32_t function = request->function ? string_intern(rec, request->function) : 0;
	uint32_t source = request->source ? string_intern(rec, request->source) : 0;
	struct frame *frame = &rec->frames.at[position];
	uint32_t inner;

	frame->function = function;
	frame->file = source;
	frame->line = request->line;
	frame->begin = function ? 0 : request->start;
	frame->pause = request->pause;
	for (size_t i = 0; i < request->inlined_count; i++) {
		const struct name_inlined *inlined = &request->inlined[i];

		function = string_intern(rec, inlined->function);
		source = string_intern(rec, inlined->source);
		inner = frame_intern_inlined(rec, position, (uint8_t)(i + 1), function);
		frame = &rec->frames.at[inner];
		frame->file = source;
		frame->line = inlined->line;
	}
}

static_assert(SYMBOLS_INLINED <= FRAME_INLINED_MAX, "all that is told is kept");

/* Can the file be opened by its path later on? */
static bool file_lasts(const struct symbols *s, const struct name_request *request)
{
	const struct file *file;

	if (request->file >= s->files.files.len)
		return false;
	file = &s->files.files.at[request->file];
	return file->found && file->reachable && file->pin < 0 && !file->is_map;
}

/* A row beside those of the families, renewed when there are more. */
static void ended_tell(struct symbols *s, struct recording *rec)
{
	const struct symbols_ended *ended = &s->files.ended;
	char text[600];

	if (ended->count == s->ended_told)
		return;
	s->ended_told = ended->count;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " files were given up while they were read, and their code may have no "
		 "names; the last one, %.200s: %.160s",
		 ended->count, *ended->path ? ended->path : "?", ended->why);
	recording_family(rec, FAMILY_NAMES, FAMILY_PARTIAL, text);
}

static size_t frames_resolve(struct symbols *s, struct recording *rec, bool quick)
{
	VEC(struct name_request) requests = {};
	VEC(uint32_t) positions = {};
	uint64_t now = time_now();
	struct patience patience = {now + (quick ? QUICK_LINES_NS : LINES_NS),
				    now + (quick ? QUICK_INLINES_NS : INLINES_NS),
				    quick ? QUICK_CPU_MS : FILE_CPU_MS};
	size_t named, later = quick ? 0 : s->later.len;

	for (size_t i = 0; i < later; i++) {
		const struct frame *frame = &rec->frames.at[s->later.at[i]];

		vec_push(&requests, frame_request(s, rec, frame));
		vec_push(&positions, s->later.at[i]);
	}
	s->later.len -= later;
	for (uint32_t i = 0; i < rec->frames.len; i++) {
		struct frame *frame = &rec->frames.at[i];
		struct name_request request;

		if (frame->kind != FRAME_USER || frame->named)
			continue;
		frame->named = 1;
		if (frame->module >= rec->modules.len)
			continue;
		request = frame_request(s, rec, frame);
		request.functions_only = quick && file_lasts(s, &request);
		if (request.functions_only)
			vec_push(&s->later, i);
		vec_push(&requests, request);
		vec_push(&positions, i);
	}
	named = requests_name(s, requests.at, requests.len, &patience);
	/* What has a name keeps it where the file is gone by now. */
	for (size_t i = 0; i < requests.len; i++)
		if (i >= later || requests.at[i].function)
			frame_answer(rec, positions.at[i], &requests.at[i]);
	files_unpin(&s->files);
	ended_tell(s, rec);
	vec_free(&requests);
	vec_free(&positions);
	return named;
}

size_t symbols_resolve(struct symbols *s, struct recording *rec)
{
	return frames_resolve(s, rec, false);
}

size_t symbols_resolve_quick(struct symbols *s, struct recording *rec)
{
	return frames_resolve(s, rec, true);
}

/* ---- debug files from servers ---- */

/* Names that are there already stay where the new ones know less. */
static void module_fetch(struct symbols *s, struct recording *rec, uint32_t module)
{
	VEC(struct name_request) requests = {};
	VEC(uint32_t) positions = {};

	for (uint32_t i = 0; i < rec->frames.len; i++) {
		const struct frame *frame = &rec->frames.at[i];

		if (frame->module != module || !frame_lacks(rec, frame))
			continue;
		vec_push(&requests, frame_request(s, rec, frame));
		vec_push(&positions, i);
	}
	fetcher_tell(s->fetcher, string_get(rec, rec->modules.at[module].path));
	symbols_name(s, requests.at, requests.len);
	for (size_t i = 0; i < requests.len; i++)
		if (requests.at[i].function)
			frame_answer(rec, positions.at[i], &requests.at[i]);
	fetcher_tell(s->fetcher, "");
	vec_free(&requests);
	vec_free(&positions);
}

int symbols_fetch_check(struct error *error)
{
	static const struct symbols_fetch silent;
	struct fetcher *fetcher;
	int err = fetcher_open(&fetcher, &silent, error);

	if (!err)
		fetcher_close(fetcher);
	return err;
}

struct symbols_fetched symbols_fetch(struct symbols *s, struct recording *rec,
				     const struct symbols_fetch *fetch)
{
	struct symbols_fetched result = {};
	struct lacking *lacking;
	struct error ignored;

	if (fetcher_open(&s->fetcher, fetch, &ignored))
		return result;
	lacking = lacking_rank(rec);
	for (size_t i = 0; lacking && i < rec->modules.len && lacking[i].samples; i++)
		module_fetch(s, rec, lacking[i].module);
	ended_tell(s, rec);
	fetcher_count(s->fetcher, &result.fetched, &result.missing);
	fetcher_close(s->fetcher);
	s->fetcher = NULL;
	free(lacking);
	return result;
}
