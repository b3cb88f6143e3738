/* SPDX-License-Identifier: BSD-2-Clause */
/* Names the wanted addresses of one file. */
#ifndef STRAIT_SYMBOLS_NAMING_H
#define STRAIT_SYMBOLS_NAMING_H

#include "symbols/image.h"
#include "symbols/symtab.h"

/* What can be opened beside the file: where its separate debug file may be. */
struct fetcher;
struct names_cache;

/* What names_cache_want() is to be told of a file that has its names. */
struct naming_keep {
	bool wanted, from_debug; /* its names are in it, or in its debug file */
	uint64_t layout;
	int debug_fd; /* of the debug file that was found last, to be closed; -1 = none */
};

struct naming {
	int fd;                    /* of the file */
	bool apart;                /* this process opens nothing: it asks strait */
	uint32_t pid;              /* in whose root the path is, 0 = our own */
	const char *path;          /* of the file, "" = it has none */
	const char *build_id;      /* "" = none */
	bool functions_only;       /* no lines, no inlined functions */
	struct fetcher *fetcher;   /* of debug files that are not here, NULL = none */
	struct names_cache *names; /* of builds that had names once, NULL = none */
	struct naming_keep *keep;  /* set; NULL = of no interest */
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

/* Takes the descriptor, if it is one of an ELF file of that build. */
bool image_accept(struct image *image, int fd, const char *build_id);

/* Is there a spin-wait hint near the lookup's address, within its function? */
bool image_pauses(const struct image *image, const struct lookup *lookup);

#endif
