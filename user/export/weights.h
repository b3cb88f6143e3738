/* SPDX-License-Identifier: BSD-2-Clause */
/* The samples of one kind, added up by process name and stack: what every export begins with. */
#ifndef STRAIT_WEIGHTS_H
#define STRAIT_WEIGHTS_H

#include "export/exports.h"
#include "util/vec.h"

struct weight {
	uint32_t comm;      /* string: of the process */
	uint32_t container; /* string: what its cgroup is or is in, 0 = nothing */
	uint32_t stack;     /* position */
	bool kernel;        /* a kernel thread: it has no user stack to miss */
	uint64_t value;     /* counts, or weights in sample_kind_unit() */
};

struct weights {
	VEC(struct weight) at;
};

/*
 * Of SAMPLE_WAKEUP: where threads were that ended others' waits, by the length of these; for
 * mutexes all, else those that were long enough to be told one by one. To be freed with
 * weights_free().
 */
void weights_collect(struct weights *weights, const struct recording *rec, enum sample_kind kind,
		     const struct export_options *options);
void weights_free(struct weights *weights);

/* True if the value asked for is the weight. */
bool export_wants_weight(enum sample_kind kind, const struct export_options *options);

/*
 * The name of a frame as shown, raw: its function, else "module+0xOFFSET" with the file's name
 * without its path, of where its function begins if that is known, else "[unknown]". To be freed.
 */
char *frame_name(const struct recording *rec, const struct frame *frame);

#endif
