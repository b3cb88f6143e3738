/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/begins.h"
#include "symbols/beside.h"
#include "symbols/go.h"
#include "symbols/inlines.h"
#include "symbols/lines.h"
#include "symbols/naming.h"
#include "symbols/section.h"
#include "util/clock.h"

/* How far a spin loop's PAUSE may be from a sample of it: a loop of some 15 instructions. */
#define PAUSE_REACH 64

/* ---- files beside it ---- */

bool image_accept(struct image *image, int fd, const char *build_id)
{
	char id[IMAGE_ID];

	if (fd < 0)
		return false;
	if (!image_identity(fd, id) && !strcmp(id, build_id) && !image_open(image, fd))
		return true;
	close(fd);
	return false;
}

/* .gnu_debuglink: a file name. What follows, a checksum, is not read: the build-ids are compared.
 */
static void debuglink_read(const struct image *image, char *name, size_t size)
{
	const struct image_section *section = image_section(image, ".gnu_debuglink");

	if (!section ||
	    !image_read_text(image, section->offset, section->offset + section->size, name, size))
		*name = '\0';
}

static bool debug_open(const struct image *image, const struct naming *naming, struct image *debug)
{
	char id[IMAGE_ID], link[256];
	uint32_t place = 0;
	int fd;

	if (!image_build_id(image, id))
		return false;
	debuglink_read(image, link, sizeof(link));
	while ((fd = beside_open(naming, BESIDE_DEBUG, &place, link)) >= 0)
		if (image_accept(debug, fd, naming->build_id))
			return true;
	return false;
}

/* What dwz(1) moved out of several debug files of a package: a path and a build-id. */
static bool alt_open(const struct image *image, const struct naming *naming, struct image *alt)
{
	const struct image_section *section = image_section(image, ".gnu_debugaltlink");
	char link[512 + IMAGE_ID], id[IMAGE_ID], *below;
	size_t size = section && section->size < sizeof(link) ? section->size : 0, length;
	uint32_t place = 0;

	*alt = (struct image){.fd = -1};
	if (!size || !image_read(image, section->offset, link, size))
		return false;
	length = strnlen(link, size);
	if (length + 1 >= size || 2 * (size - length - 1) >= IMAGE_ID)
		return false;
	for (size_t i = length + 1; i < size; i++)
		snprintf(id + 2 * (i - length - 1), 3, "%02x", (unsigned char)link[i]);
	below = strstr(link, "/.dwz/");
	return below && image_accept(alt, beside_open(naming, BESIDE_DWZ, &place, below), id);
}

/* ---- naming ---- */

static void inlines_name(const struct image *image, const struct naming *naming,
			 struct lookup *lookups, size_t count)
{
	struct image alt;
	bool has_alt = alt_open(image, naming, &alt);

	inlines_find(image, has_alt ? &alt : NULL, lookups, count, naming);
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
	char id[IMAGE_ID], layout[17];
	size_t named = 0;
	uint32_t place = 0;
	struct image kept;
	int fd;

	while (named < scan->count && scan->lookups[named].function)
		named++;
	if (named == scan->count || !image_build_id(image, id))
		return;
	snprintf(layout, sizeof(layout), "%lx", image_layout(image));
	while ((fd = beside_open(naming, BESIDE_KEPT, &place, layout)) >= 0) {
		if (!image_accept(&kept, fd, id))
			continue;
		symtab_add(scan, &kept, SHT_SYMTAB);
		symtab_end(scan, naming->arena);
		image_close(&kept);
		return;
	}
}

static void keep_tell(const struct image *image, const struct naming *naming, bool from_debug)
{
	char id[IMAGE_ID];

	if (!naming->keep)
		return;
	naming->keep->wanted = image_build_id(image, id);
	naming->keep->from_debug = from_debug;
	naming->keep->layout = image_layout(image);
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
	else
		keep_tell(image, naming, has_debug && !own);
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
