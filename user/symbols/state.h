/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the symbols module share: for this folder only. */
#ifndef STRAIT_SYMBOLS_STATE_H
#define STRAIT_SYMBOLS_STATE_H

#include "symbols/fetcher.h"
#include "symbols/files.h"
#include "symbols/generated.h"
#include "symbols/kernel.h"
#include "symbols/symbols.h"

/*
 * So long after the begin of a batch line tables are read, and inlined functions looked for;
 * functions are always named.
 */
#define LINES_NS   1000000000ull
#define INLINES_NS 2000000000ull

/* Which file a module of the recording is. */
struct module_note {
	uint32_t file; /* + 1, 0 = not noted */
	uint32_t pid;
};

struct symbols {
	struct text_pool pool;
	struct text_arena arena; /* of the last batch */
	struct kernel_table kernel;
	struct file_table files;
	uint64_t ended_told; /* of files.ended */
	struct generated generated;
	struct fetcher *fetcher;       /* while debug files are fetched */
	struct names_cache *names;     /* on disk, NULL = none */
	VEC(struct module_note) notes; /* by module */
	VEC(uint32_t) later; /* frames whose lines and inlined functions were not looked up yet */
};

/* When to give up; CLOCK_MONOTONIC. */
struct patience {
	uint64_t lines_ns, inlines_ns;
	/* What one file may take where it is read apart; less after each that ended its reader. */
	uint32_t cpu_ms;
};

/* At first; within a window it is less. A browser's names are made in 0.2 s. */
#define FILE_CPU_MS 3000
/* At last. */
#define FILE_CPU_LEAST_MS 60

/* symbols_name(), as long as patience lasts. */
size_t requests_name(struct symbols *s, struct name_request *requests, size_t n,
		     struct patience *patience);

#endif
