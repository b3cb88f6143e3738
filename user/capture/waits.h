/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single long waits, and whence they were ended: records of the ring buffer → rows. The user stack
 * of a waker can come a little later than the wait that it ended.
 */
#ifndef STRAIT_CAPTURE_WAITS_H
#define STRAIT_CAPTURE_WAITS_H

#include <stddef.h>

#include "capture/session.h"

struct waits;

/* NULL = out of memory. */
struct waits *waits_new(void);
void waits_free(struct waits *waits);

/* Records of `size` bytes: struct wire_wait, struct wire_waker. */
void waits_told(struct waits *waits, struct session *session, const void *record, size_t size);
void waits_waker(struct waits *waits, struct session *session, const void *record, size_t size);

/* Writes down what still waits for a stack, as it is. */
void waits_end_slice(struct waits *waits, struct session *session);

#endif
