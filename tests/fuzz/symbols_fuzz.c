/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for names: the input is an ELF file, asked for its build-id and for the
 * functions, lines and inlined functions of places all over its code, demangled. What it holds of a
 * package of split information is that of its own skeletons.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"
#include "symbols/demangle.h"
#include "symbols/naming.h"
#include "symbols/symbols.h"
#include "util/clock.h"

#define PLACES  32
#define TIME_NS 50000000ull /* for line tables of one input, and for inlined functions */

/* Places in the executable segments, evenly; returns how many. */
static size_t places_choose(const struct image *image, struct lookup *lookups)
{
	size_t count = 0;

	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		for (uint64_t part = 0; segment->flags & 1 && part < PLACES; part++) {
			if (count == PLACES)
				return count;
			lookups[count++].address =
				segment->address + segment->file_size / PLACES * part;
		}
	}
	return count;
}

/* Beside a program of that path its package is looked for. */
static const char *package_make(const uint8_t *data, size_t size)
{
	static char path[256];
	FILE *file;

	if (!memmem(data, size, ".debug_cu_index", 15))
		return "";
	snprintf(path, sizeof(path), "%s.dwp", scratch_path());
	file = fopen(path, "w");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file))
		abort();
	return scratch_path();
}

static void image_ask(const struct image *image, const char *path)
{
	struct lookup lookups[PLACES] = {};
	struct text_arena arena = {};
	const struct naming naming = {.path = path,
				      .build_id = "",
				      .arena = &arena,
				      .deadline_ns = time_now() + TIME_NS,
				      .inlines_deadline_ns = time_now() + 2 * TIME_NS};
	char id[IMAGE_ID], name[DEMANGLE_TEXT];

	image_build_id(image, id);
	image_name(image, &naming, lookups, places_choose(image, lookups));
	for (size_t i = 0; i < PLACES; i++) {
		if (lookups[i].function)
			symbol_demangle(lookups[i].function, name);
		for (uint32_t j = 0; j < lookups[i].inlined_count; j++)
			symbol_demangle(lookups[i].inlined[j].function, name);
		image_pauses(image, &lookups[i]);
	}
	text_arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct image image;
	char id[IMAGE_ID];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		close(fd);
		return 0;
	}
	image_identity(fd, id);
	if (image_open(&image, fd)) {
		close(fd);
		return 0;
	}
	image_ask(&image, package_make(data, size));
	image_close(&image);
	return 0;
}
