/* SPDX-License-Identifier: BSD-2-Clause */
/* Names the wanted offsets of one file. */
#ifndef STRAIT_SYMBOLS_NAMING_H
#define STRAIT_SYMBOLS_NAMING_H

#include "symbols/image.h"
#include "symbols/symtab.h"

/* What can be opened beside the file: where its separate debug file may be. */
struct fetcher;
struct names_cache;

struct naming {
	uint32_t pid;              /* in whose root the path is, 0 = our own */
	const char *path;          /* of the file, "" = it has none */
	const char *build_id;      /* "" = none */
	bool functions_only;       /* no lines, no inlined functions */
	struct fetcher *fetcher;   /* of debug files that are not here, NULL = none */
	struct names_cache *names; /* of builds that had names once, NULL = none */
	struct text_arena *arena;
	uint64_t deadline_ns;         /* for line tables */
	uint64_t inlines_deadline_ns; /* for inlined functions */
};

/*
 * Sets everything in struct lookup that can be found, with functions still mangled. Sorts the
 * lookups by address.
 */
void image_name(const struct image *image, const struct naming *naming, struct lookup *lookups,
		size_t count);

/* Is there a spin-wait hint near the lookup's address, within its function? */
bool image_pauses(const struct image *image, const struct lookup *lookup);

#endif
