/* SPDX-License-Identifier: BSD-2-Clause */
/* Which modules of a recording lack names most. */
#ifndef STRAIT_SYMBOLS_LACKING_H
#define STRAIT_SYMBOLS_LACKING_H

#include "model/recording.h"

struct lacking {
	uint32_t module;
	uint64_t samples; /* with frames in it that lack a name, roughly; 0 = it lacks none */
};

/* A user frame of a file, looked up, that got no function or no line. */
bool frame_lacks(const struct recording *rec, const struct frame *frame);
/* All modules, those that lack most first; to be freed, NULL = out of memory. */
struct lacking *lacking_rank(const struct recording *rec);

#endif
