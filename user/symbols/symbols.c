/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/demangle.h"
#include "symbols/fetcher.h"
#include "symbols/files.h"
#include "symbols/generated.h"
#include "symbols/jit_dump.h"
#include "symbols/kernel.h"
#include "symbols/names_cache.h"
#include "symbols/naming.h"
#include "symbols/opening.h"
#include "symbols/perf_map.h"
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

static void request_answer(struct symbols *s, struct name_request *request,
			   const struct lookup *lookup, bool demangle)
{
	char text[DEMANGLE_TEXT];

	request->source = lookup->source;
	request->line = lookup->line;
	request->inlined = lookup->inlined;
	request->inlined_count = lookup->inlined_count;
	for (uint32_t i = 0; i < lookup->inlined_count; i++) {
		struct name_inlined *inlined = &lookup->inlined[i];

		symbol_demangle(inlined->function, text);
		if (strcmp(text, inlined->function) != 0)
			inlined->function = text_copy(&s->arena, text, strlen(text));
	}
	if (lookup->function || lookup->start)
		request->start = request->offset - (lookup->address - lookup->start);
	if (!lookup->function)
		return;
	request->function = lookup->function;
	if (!demangle)
		return;
	symbol_demangle(lookup->function, text);
	if (strcmp(text, lookup->function) != 0)
		request->function = text_copy(&s->arena, text, strlen(text));
}

static void generated_name(struct symbols *s, int fd, struct lookup *lookups, size_t count,
			   uint64_t deadline_ns)
{
	if (jit_dump_is(fd, 0))
		jit_dump_name(fd, lookups, count, &s->arena, deadline_ns);
	else
		perf_map_name(fd, lookups, count, &s->arena, deadline_ns);
	for (size_t i = 0; i < count; i++)
		request_answer(s, lookups[i].owner, &lookups[i], false);
}

/* The lookups come with offsets in the file; those that no segment holds are left out. */
static size_t lookups_place(const struct image *image, struct lookup *lookups, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		lookups[kept] = lookups[i];
		kept += image_address(image, lookups[i].address, &lookups[kept].address);
	}
	return kept;
}

static void elf_name(struct symbols *s, int fd, struct lookup *lookups, size_t count,
		     const struct patience *patience)
{
	const struct name_request *first = lookups[0].owner;
	struct naming naming = {
		.pid = first->pid,
		.path = first->path,
		.build_id = first->build_id,
		.fetcher = s->fetcher,
		.names = s->names,
		.arena = &s->arena,
		.functions_only = first->functions_only,
		.deadline_ns = patience->lines_ns,
		.inlines_deadline_ns = patience->inlines_ns,
	};
	struct image image;

	if (image_open(&image, fd)) {
		close(fd);
		return;
	}
	count = lookups_place(&image, lookups, count);
	if (count)
		image_name(&image, &naming, lookups, count);
	for (size_t i = 0; i < count; i++) {
		struct name_request *request = lookups[i].owner;

		request_answer(s, request, &lookups[i], true);
		request->pause = image_pauses(&image, &lookups[i]);
	}
	image_close(&image);
}

/* A file that was seen once in this recording and cannot be had any more: what is kept of it. */
static void gone_name(struct symbols *s, struct lookup *lookups, size_t count)
{
	const struct name_request *first = lookups[0].owner;
	const struct naming naming = {
		.path = "", .build_id = "", .functions_only = true, .arena = &s->arena};
	const struct file *file = NULL;
	struct image kept;

	if (first->file < s->files.files.len)
		file = &s->files.files.at[first->file];
	if (!s->names || !file || !file->found ||
	    !names_cache_open(s->names, file->build_id, file->layout, &file->claim, &kept))
		return;
	count = lookups_place(&kept, lookups, count);
	if (count)
		image_name(&kept, &naming, lookups, count);
	for (size_t i = 0; i < count; i++)
		request_answer(s, lookups[i].owner, &lookups[i], true);
	image_close(&kept);
}

static int lookup_compare(const void *left, const void *right)
{
	const struct lookup *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* All requests are for one file. */
static void group_name(struct symbols *s, struct name_request **requests, size_t count,
		       const struct patience *patience)
{
	int fd = request_open(s, requests[0]);
	struct lookup *lookups;

	lookups = calloc(count, sizeof(*lookups));
	if (!lookups) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (size_t i = 0; i < count; i++)
		lookups[i] = (struct lookup){.address = requests[i]->offset, .owner = requests[i]};
	if (fd < 0) {
		gone_name(s, lookups, count);
	} else if (is_generated(requests[0])) {
		qsort(lookups, count, sizeof(*lookups), lookup_compare);
		generated_name(s, fd, lookups, count, patience->lines_ns);
		close(fd);
	} else {
		elf_name(s, fd, lookups, count, patience);
	}
	free(lookups);
}

size_t requests_name(struct symbols *s, struct name_request *requests, size_t n,
		     const struct patience *patience)
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
		group_name(s, order + i, end - i, patience);
	}
	for (size_t i = 0; i < n; i++)
		named += requests[i].function != NULL;
	free(order);
	return named;
}

size_t symbols_name(struct symbols *s, struct name_request *requests, size_t n)
{
	uint64_t now = time_now();

	return requests_name(s, requests, n, &(struct patience){now + LINES_NS, now + INLINES_NS});
}
