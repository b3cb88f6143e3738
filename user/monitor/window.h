/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interval of a recording that is never finished: the monitor keeps its programs attached and
 * the names it has learned, and lets go of the observations once they are evaluated.
 */
#ifndef STRAIT_WINDOW_H
#define STRAIT_WINDOW_H

#include <stdint.h>

#include "model/recording.h"

/*
 * Makes the recording that of its slices alone, as if the window had begun with the first of them:
 * times count from there. `end_unix_ns`: CLOCK_REALTIME at the end of the last slice. The slices
 * must have ended.
 */
void window_rebase(struct recording *rec, uint64_t end_unix_ns);

/*
 * Drops all observations; processes, threads, frames, stacks and their names stay, and so do their
 * positions. Nobody was born and nobody exited in what begins now.
 */
void window_forget(struct recording *rec);

/* About how many bytes the names take, here and in the tables of capture beside them. */
uint64_t window_names_bytes(const struct recording *rec);

#endif
