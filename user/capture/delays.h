/* SPDX-License-Identifier: BSD-2-Clause */
/* Single long waits for a CPU, and who had it: records of the ring buffer → rows. */
#ifndef STRAIT_CAPTURE_DELAYS_H
#define STRAIT_CAPTURE_DELAYS_H

#include <stddef.h>

#include "capture/session.h"

/* A record of `size` bytes: struct wire_delay. Of one that began before the window, the rest. */
void delays_told(struct session *session, const void *record, size_t size);

#endif
