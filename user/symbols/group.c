/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/demangle.h"
#include "symbols/group.h"
#include "symbols/jit_dump.h"
#include "symbols/perf_map.h"

static const char *demangled(struct text_arena *arena, const char *name)
{
	char text[DEMANGLE_TEXT];

	if (!name)
		return NULL;
	symbol_demangle(name, text);
	return strcmp(text, name) ? text_copy(arena, text, strlen(text)) : name;
}

static void request_answer(const struct naming *naming, const struct lookup *lookup, bool demangle)
{
	struct name_request *request = lookup->owner;

	request->source = lookup->source;
	request->line = lookup->line;
	request->inlined = lookup->inlined;
	request->inlined_count = lookup->inlined_count;
	for (uint32_t i = 0; i < lookup->inlined_count; i++)
		lookup->inlined[i].function = demangled(naming->arena, lookup->inlined[i].function);
	if (lookup->function || lookup->start)
		request->start = request->offset - (lookup->address - lookup->start);
	request->function =
		demangle ? demangled(naming->arena, lookup->function) : lookup->function;
}

static int lookup_compare(const void *left, const void *right)
{
	const struct lookup *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

static void generated_name(const struct naming *naming, struct lookup *lookups, size_t count)
{
	qsort(lookups, count, sizeof(*lookups), lookup_compare);
	if (jit_dump_is(naming->fd, 0))
		jit_dump_name(naming->fd, lookups, count, naming->arena, naming->deadline_ns);
	else
		perf_map_name(naming->fd, lookups, count, naming->arena, naming->deadline_ns);
	for (size_t i = 0; i < count; i++)
		request_answer(naming, &lookups[i], false);
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

static int elf_name(const struct naming *naming, bool has_code, struct lookup *lookups,
		    size_t count)
{
	int fd = fcntl(naming->fd, F_DUPFD_CLOEXEC, 3);
	struct image image;

	if (fd < 0 || image_open(&image, fd)) {
		if (fd >= 0)
			close(fd);
		return -ENOEXEC;
	}
	count = lookups_place(&image, lookups, count);
	if (count)
		image_name(&image, naming, lookups, count);
	for (size_t i = 0; i < count; i++) {
		struct name_request *request = lookups[i].owner;

		request_answer(naming, &lookups[i], true);
		request->pause = has_code && image_pauses(&image, &lookups[i]);
	}
	image_close(&image);
	return 0;
}

/* Nothing is looked for beside it: it is all that there is. */
static int kept_name(const struct naming *naming, struct lookup *lookups, size_t count)
{
	const struct naming alone = {.fd = naming->fd,
				     .path = "",
				     .build_id = "",
				     .functions_only = true,
				     .arena = naming->arena};
	char id[IMAGE_ID];

	if (image_identity(naming->fd, id) || strcmp(id, naming->build_id) != 0)
		return -ENOEXEC;
	return elf_name(&alone, false, lookups, count);
}

int group_answer(const struct naming *naming, enum group_kind kind,
		 struct name_request *const requests[], size_t count)
{
	struct lookup *lookups = calloc(count, sizeof(*lookups));
	int err = 0;

	if (!lookups)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		lookups[i] = (struct lookup){.address = requests[i]->offset, .owner = requests[i]};
	if (kind == GROUP_GENERATED)
		generated_name(naming, lookups, count);
	else if (kind == GROUP_KEPT)
		err = kept_name(naming, lookups, count);
	else
		err = elf_name(naming, true, lookups, count);
	free(lookups);
	return err;
}
