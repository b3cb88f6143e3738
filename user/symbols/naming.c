/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/begins.h"
#include "symbols/fetcher.h"
#include "symbols/go.h"
#include "symbols/inlines.h"
#include "symbols/lines.h"
#include "symbols/names_cache.h"
#include "symbols/naming.h"
#include "symbols/opening.h"
#include "symbols/section.h"
#include "util/clock.h"

#define DEBUG_ROOT "/usr/lib/debug"
/* How far a spin loop's PAUSE may be from a sample of it: a loop of some 15 instructions. */
#define PAUSE_REACH 64

/* ---- the separate debug file ---- */

/* Opens it if it is an ELF file of the same build. Takes the descriptor. */
static bool debug_accept(struct image *debug, int fd, const char *build_id)
{
	char id[IMAGE_ID];

	if (fd < 0)
		return false;
	if (!image_identity(fd, id) && !strcmp(id, build_id) && !image_open(debug, fd))
		return true;
	close(fd);
	return false;
}

/* .gnu_debuglink: a file name without directories. What follows, a checksum, is not read: the
 * build-ids are compared. */
static bool debuglink_read(const struct image *image, char *name, size_t size)
{
	const struct image_section *section = image_section(image, ".gnu_debuglink");

	return section &&
	       image_read_text(image, section->offset, section->offset + section->size, name,
			       size) &&
	       *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* The places in which gdb looks too: its manual, "Debugging Information in Separate Files". */
static bool debug_open(const struct image *image, const struct naming *naming, struct image *debug)
{
	static const char *const forms[] = {"%.*s%s", "%.*s.debug/%s", DEBUG_ROOT "%.*s%s"};
	const char *slash = strrchr(naming->path, '/');
	char id[IMAGE_ID], name[256], path[4096 + 512];

	if (!image_build_id(image, id))
		return false;
	snprintf(path, sizeof(path), DEBUG_ROOT "/.build-id/%.2s/%s.debug", id, id + 2);
	if (debug_accept(debug, file_open_path(0, path), id) ||
	    (naming->pid && debug_accept(debug, file_open_path(naming->pid, path), id)))
		return true;
	if (slash && !debuglink_read(image, name, sizeof(name)))
		slash = NULL;
	for (size_t i = 0; slash && i < sizeof(forms) / sizeof(*forms); i++) {
		snprintf(path, sizeof(path), forms[i], (int)(slash - naming->path + 1),
			 naming->path, name);
		if (debug_accept(debug, file_open_path(naming->pid, path), naming->build_id))
			return true;
	}
	return naming->fetcher && debug_accept(debug, fetcher_get(naming->fetcher, id), id);
}

/*
 * What dwz(1) moved out of several debug files of a package: a path and a build-id. The path is the
 * file's word for it: only what is below the directory for such files is opened, and only if it has
 * that build-id.
 */
static bool alt_open(const struct image *image, struct image *alt)
{
	const struct image_section *section = image_section(image, ".gnu_debugaltlink");
	char link[512 + IMAGE_ID], path[sizeof(DEBUG_ROOT) + sizeof(link)], id[IMAGE_ID], *below;
	size_t size = section && section->size < sizeof(link) ? section->size : 0, length;

	*alt = (struct image){.fd = -1};
	if (!size || !image_read(image, section->offset, link, size))
		return false;
	length = strnlen(link, size);
	if (length + 1 >= size || 2 * (size - length - 1) >= IMAGE_ID)
		return false;
	for (size_t i = length + 1; i < size; i++)
		snprintf(id + 2 * (i - length - 1), 3, "%02x", (unsigned char)link[i]);
	below = strstr(link, "/.dwz/");
	if (!below || strstr(below, "/../"))
		return false;
	snprintf(path, sizeof(path), DEBUG_ROOT "%s", below);
	return debug_accept(alt, file_open_path(0, path), id);
}

/* ---- naming ---- */

static void inlines_name(const struct image *image, const struct naming *naming,
			 struct lookup *lookups, size_t count)
{
	struct image alt;
	bool has_alt = alt_open(image, &alt);

	inlines_find(image, has_alt ? &alt : NULL, lookups, count, naming->arena,
		     naming->inlines_deadline_ns, naming->pid, naming->path);
	image_close(&alt);
}

static int lookup_compare(const void *left, const void *right)
{
	const struct lookup *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* The small table holds only what .dynsym does not. */
static bool debugdata_open(const struct image *image, struct image *small)
{
	int fd = section_unpack_debugdata(image);

	if (fd < 0)
		return false;
	if (!image_open(small, fd))
		return true;
	close(fd);
	return false;
}

/* What the file lacks may be known from when the same build had its symbols. */
static void kept_add(struct symtab_scan *scan, const struct image *image,
		     const struct naming *naming)
{
	struct names_claim claim;
	size_t named = 0;
	struct image kept;
	char id[IMAGE_ID];

	while (named < scan->count && scan->lookups[named].function)
		named++;
	if (named == scan->count || !naming->names || !image_build_id(image, id))
		return;
	claim = names_claim_of(image->fd);
	if (!names_cache_open(naming->names, id, image_layout(image), &claim, &kept))
		return;
	symtab_add(scan, &kept, SHT_SYMTAB);
	symtab_end(scan, naming->arena);
	image_close(&kept);
}

void image_name(const struct image *image, const struct naming *how, struct lookup *lookups,
		size_t count)
{
	struct naming timed = *how, *naming = &timed;
	uint64_t begin_ns = time_now();
	bool own = image_section_of_type(image, SHT_SYMTAB), full = own;
	bool wants_lines = !how->functions_only;
	bool lines = wants_lines && image_section(image, ".debug_line");
	struct image debug = {.fd = -1}, small = {.fd = -1};
	bool has_debug = (!full || (wants_lines && !lines)) && debug_open(image, naming, &debug);
	struct symtab_scan scan;

	/* A file that had to be fetched is not read any less for it. */
	timed.deadline_ns += time_now() - begin_ns;
	timed.inlines_deadline_ns += time_now() - begin_ns;
	qsort(lookups, count, sizeof(*lookups), lookup_compare);
	symtab_begin(&scan, lookups, count);
	if (full)
		symtab_add(&scan, image, SHT_SYMTAB);
	else if (has_debug)
		full = symtab_add(&scan, &debug, SHT_SYMTAB);
	if (!full) {
		symtab_add(&scan, image, SHT_DYNSYM);
		if (debugdata_open(image, &small))
			symtab_add(&scan, &small, SHT_SYMTAB);
	}
	symtab_end(&scan, naming->arena);
	if (!full)
		kept_add(&scan, image, naming);
	else if (naming->names)
		names_cache_want(naming->names, image, has_debug && !own ? &debug : image);
	plt_name(image, lookups, count, naming->arena);
	go_name(image, lookups, count, naming->arena);
	begins_find(image, lookups, count);
	if (lines || (has_debug && wants_lines))
		lines_find(lines ? image : &debug, lookups, count, naming->arena,
			   naming->deadline_ns);
	if (!wants_lines)
		;
	else if (image_section(image, ".debug_info"))
		inlines_name(image, naming, lookups, count);
	else if (has_debug)
		inlines_name(&debug, naming, lookups, count);
	image_close(&debug);
	image_close(&small);
}

static bool holds_pause(const struct image *image, const uint8_t *code, size_t length)
{
	static const uint8_t x86_pause[] = {0xf3, 0x90}, arm_yield[] = {0x3f, 0x20, 0x03, 0xd5};

	switch (image->machine) {
	case EM_X86_64:
	case EM_386:
		return memmem(code, length, x86_pause, sizeof(x86_pause));
	case EM_AARCH64:
		return memmem(code, length, arm_yield, sizeof(arm_yield));
	default:
		return false;
	}
}

bool image_pauses(const struct image *image, const struct lookup *lookup)
{
	uint64_t from = lookup->address, to = lookup->address, offset, last;
	uint8_t code[2 * PAUSE_REACH];

	from = from > PAUSE_REACH ? from - PAUSE_REACH : 0;
	to += PAUSE_REACH;
	if (lookup->start > from)
		from = lookup->start;
	if (lookup->end && lookup->end < to)
		to = lookup->end;
	/* Not before the segment begins, not past its end. */
	while (from < lookup->address && !image_executable(image, from))
		from++;
	if (!image_offset(image, from, &offset))
		return false;
	while (to > from && !image_offset(image, to - 1, &last))
		to--;
	return to > from && image_read(image, offset, code, (size_t)(to - from)) &&
	       holds_pause(image, code, (size_t)(to - from));
}
