/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The formats the stacks of a recording can be written in, for flame graphs and profile viewers. A
 * new one is a file user/export/NAME.c with export_NAME() in it, and one line in EXPORT_FORMATS
 * (docs/add-an-output.md).
 */
#ifndef STRAIT_EXPORTS_H
#define STRAIT_EXPORTS_H

#include <stdbool.h>
#include <stdio.h>

#include "model/recording.h"

#define EXPORT_FORMATS(FORMAT)                                                                     \
	FORMAT(folded,                                                                             \
	       "one line a stack, \"process;root;...;leaf N\", as flame graph scripts read it")

enum export_value {
	EXPORT_DEFAULT, /* count for CPU samples, weight for the rest */
	EXPORT_COUNT,   /* how often */
	EXPORT_WEIGHT,  /* how much: time in µs, else bytes or faults */
};

/* All zero = both parts of the stacks of the target, the default value. */
struct export_options {
	enum export_value value;
	bool user_only, kernel_only; /* -U, -K: this part of the stacks; not both */
	bool all_processes;          /* also those that are not the target's */
	bool containers; /* what a process is in is a frame below it, not a part of its name */
};

/*
 * Writes the samples of one kind, added up over slices and threads, and flushes. No samples make no
 * output. `options` NULL = all defaults. 0, or a negative errno: -EINVAL for user_only together
 * with kernel_only, else of the write (see output_write).
 */
typedef int export_format(const struct recording *rec, enum sample_kind kind, FILE *out,
			  const struct export_options *options);

#define DECLARE(name, what) export_format export_##name;
EXPORT_FORMATS(DECLARE)
#undef DECLARE

struct export
{
	const char *name, *what;
	export_format *write;
};

/* Ends with a row whose name is NULL. */
extern const struct export export_formats[];

/* NULL when there is no format of this name. */
const struct export *export_find(const char *name);

/* The kinds that a recording has anything of. */
void export_kinds(const struct recording *rec, bool seen[SAMPLE_KINDS]);

#endif
