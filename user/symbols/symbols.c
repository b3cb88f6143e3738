/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/apart.h"
#include "symbols/fetcher.h"
#include "symbols/files.h"
#include "symbols/generated.h"
#include "symbols/kernel.h"
#include "symbols/names_cache.h"
#include "symbols/opening.h"
#include "symbols/state.h"
#include "util/clock.h"
#include "wire.h"

struct symbols *symbols_new(void)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	return s;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	kernel_free(&s->kernel);
	files_free(&s->files);
	text_arena_clear(&s->arena);
	text_pool_free(&s->pool);
	names_cache_free(s->names);
	vec_free(&s->notes);
	vec_free(&s->later);
	free(s);
}

const struct symbols_ended *symbols_ended(const struct symbols *s)
{
	return &s->files.ended;
}

int symbols_kernel_load(struct symbols *s, struct error *error)
{
	return kernel_load(&s->kernel, error);
}

int symbols_kernel(struct symbols *s, uint64_t address, struct kernel_symbol *out)
{
	return kernel_find(&s->kernel, address, out);
}

/* ---- files and places in them ---- */

int symbols_file_seen(struct symbols *s, const struct file_sighting *seen)
{
	return file_see(&s->files, &s->pool, seen);
}

int symbols_file_open(struct symbols *s, uint64_t id)
{
	uint32_t position;
	const struct file *file;

	if (id == WIRE_FILE_VDSO)
		return file_open_vdso();
	position = file_by_id(&s->files, id);
	if (position == SYMBOLS_NO_FILE)
		return -ENOENT;
	file = &s->files.files.at[position];
	if (!file_worth_opening(file))
		return -ENOENT;
	return file_open(&s->files, &s->pool, position, file->seen.pid, file->path, file->build_id);
}

static void locate_special(enum location_kind kind, const char *path, uint64_t offset,
			   struct location *out)
{
	*out = (struct location){
		.kind = kind,
		.path = path,
		.build_id = "",
		.offset = offset,
		.file = SYMBOLS_NO_FILE,
	};
}

static void locate_generated(struct symbols *s, uint32_t pid, uint64_t address,
			     struct location *out)
{
	uint32_t position = generated_find(&s->generated, &s->files, &s->pool, pid);

	locate_special(LOCATION_ANONYMOUS, "[anonymous]", address, out);
	out->file = position;
	if (position != SYMBOLS_NO_FILE)
		out->path = s->files.files.at[position].path;
}

static int locate_file(struct symbols *s, uint64_t id, uint64_t offset, struct location *out)
{
	uint32_t position = file_by_id(&s->files, id);
	const struct file *file;
	const struct file_sighting *seen;

	if (position == SYMBOLS_NO_FILE)
		return -ENOENT;
	file = &s->files.files.at[position];
	seen = &file->seen;
	/* Runtimes that write code in one place and run it in another keep it in a nameless file.
	 */
	if (file->kind == LOCATION_ANONYMOUS && offset >= seen->offset &&
	    offset - seen->offset < seen->end - seen->start) {
		locate_generated(s, seen->pid, seen->start + (offset - seen->offset), out);
		return 0;
	}
	*out = (struct location){
		.kind = file->kind,
		.path = file->path,
		.build_id = file->build_id,
		.offset = offset,
		.file = position,
	};
	return 0;
}

int symbols_locate(struct symbols *s, uint64_t file, uint64_t offset, struct location *out)
{
	if (file & WIRE_FILE_INODE)
		return locate_file(s, file, offset, out);
	if (file == WIRE_FILE_VDSO)
		locate_special(LOCATION_VDSO, "[vdso]", offset, out);
	else if (file >> 32 == WIRE_FILE_ANONYMOUS >> 32)
		locate_generated(s, (uint32_t)file, offset, out);
	else
		return -ENOENT;
	return 0;
}

/* ---- names on disk ---- */

void symbols_keep_names(struct symbols *s, const char *directory)
{
	names_cache_free(s->names);
	s->names = names_cache_new(directory);
}

void symbols_store_names(struct symbols *s)
{
	if (s->names)
		names_cache_store_aside(s->names);
}

struct names_cache *symbols_take_names(struct symbols *s)
{
	struct names_cache *names = s->names;

	s->names = NULL;
	return names;
}

/* ---- naming ---- */

static int request_compare_file(const struct name_request *a, const struct name_request *b)
{
	int order;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	order = strcmp(a->path, b->path);
	return order ? order : strcmp(a->build_id, b->build_id);
}

static int request_compare(const void *left, const void *right)
{
	return request_compare_file(*(struct name_request *const *)left,
				    *(struct name_request *const *)right);
}

static bool is_generated(const struct name_request *request)
{
	return !strncmp(request->path, "[jit ", 5);
}

static int request_open(struct symbols *s, const struct name_request *request)
{
	if (!strcmp(request->path, "[vdso]"))
		return file_open_vdso();
	if (request->path[0] == '[' && !is_generated(request))
		return -ENOENT;
	return file_open(&s->files, &s->pool, request->file, request->pid, request->path,
			 request->build_id);
}

/* What is kept of a file with names for when it is met without. */
static void names_want(struct symbols *s, const struct naming *naming)
{
	struct naming_keep *keep = naming->keep;

	if (s->names && keep->wanted && (!keep->from_debug || keep->debug_fd >= 0))
		names_cache_want(s->names, naming->build_id, keep->layout, naming->fd,
				 keep->from_debug ? keep->debug_fd : -1);
	if (keep->debug_fd >= 0)
		close(keep->debug_fd);
}

/* After each file that ended its reader the others may take half as long: there may be many. */
static int file_name(struct symbols *s, const struct naming *naming, enum group_kind kind,
		     struct name_request **requests, size_t count, struct patience *patience)
{
	struct error why = {};
	int err = apart_name(naming, kind, patience->cpu_ms, requests, count, &why);

	if (err != -EIO)
		return err;
	file_ended(&s->files, requests[0]->file, requests[0]->path, &why);
	if (patience->cpu_ms > FILE_CPU_LEAST_MS)
		patience->cpu_ms /= 2;
	return err;
}

/* A file that was seen once in this recording and cannot be had any more: what is kept of it. */
static void gone_name(struct symbols *s, struct naming *naming, struct name_request **requests,
		      size_t count, struct patience *patience)
{
	const struct file *file = NULL;
	uint32_t place = 0;
	int err = -ENOEXEC;

	if (requests[0]->file < s->files.files.len)
		file = &s->files.files.at[requests[0]->file];
	if (!s->names || !file || !file->found || file->deadly)
		return;
	naming->build_id = file->build_id;
	while (err == -ENOEXEC) {
		naming->fd = names_cache_open(s->names, file->build_id, file->layout, &file->claim,
					      &place);
		if (naming->fd < 0)
			return;
		err = file_name(s, naming, GROUP_KEPT, requests, count, patience);
		close(naming->fd);
	}
}

/* All requests are for one file. */
static void requests_of_file_name(struct symbols *s, struct name_request **requests, size_t count,
				  struct patience *patience)
{
	const struct name_request *first = requests[0];
	struct naming_keep keep = {.debug_fd = -1};
	struct naming naming = {
		.fd = request_open(s, first),
		.pid = first->pid,
		.path = first->path,
		.build_id = first->build_id,
		.fetcher = s->fetcher,
		.names = s->names,
		.keep = s->names ? &keep : NULL,
		.arena = &s->arena,
		.functions_only = first->functions_only,
		.deadline_ns = patience->lines_ns,
		.inlines_deadline_ns = patience->inlines_ns,
	};

	if (naming.fd < 0) {
		naming.keep = NULL;
		gone_name(s, &naming, requests, count, patience);
		return;
	}
	file_name(s, &naming, is_generated(first) ? GROUP_GENERATED : GROUP_ELF, requests, count,
		  patience);
	if (naming.keep)
		names_want(s, &naming);
	close(naming.fd);
}

size_t requests_name(struct symbols *s, struct name_request *requests, size_t n,
		     struct patience *patience)
{
	struct name_request **order = calloc(n ? n : 1, sizeof(struct name_request *));
	size_t named = 0;

	text_arena_clear(&s->arena);
	for (size_t i = 0; order && i < n; i++) {
		struct name_request *request = &requests[i];

		request->path = request->path ? request->path : "";
		request->build_id = request->build_id ? request->build_id : "";
		request->function = request->source = NULL;
		request->line = 0;
		request->inlined = NULL;
		request->inlined_count = 0;
		request->start = 0;
		request->pause = false;
		order[i] = request;
	}
	if (order)
		qsort(order, n, sizeof(struct name_request *), request_compare);
	for (size_t i = 0, end; order && i < n; i = end) {
		for (end = i + 1; end < n && !request_compare_file(order[i], order[end]);)
			end++;
		requests_of_file_name(s, order + i, end - i, patience);
	}
	for (size_t i = 0; i < n; i++)
		named += requests[i].function != NULL;
	free(order);
	return named;
}

size_t symbols_name(struct symbols *s, struct name_request *requests, size_t n)
{
	uint64_t now = time_now();

	return requests_name(s, requests, n,
			     &(struct patience){now + LINES_NS, now + INLINES_NS, FILE_CPU_MS});
}
