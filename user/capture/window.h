/* SPDX-License-Identifier: BSD-2-Clause */
/* The window of a session: slice by slice the maps are drained into the recording. */
#ifndef STRAIT_WINDOW_H
#define STRAIT_WINDOW_H

#include "capture/session.h"

/*
 * Observes from the begin of the window to the end of its last slice. Returns 0, or a negative
 * errno if observing failed half-way (the recording holds what was seen).
 */
int window_observe(struct session *session, struct error *error);

#endif
