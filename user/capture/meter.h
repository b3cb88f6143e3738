/* SPDX-License-Identifier: BSD-2-Clause */
/* What strait itself costs: CPU of this process and of its BPF programs, memory, maps. */
#ifndef STRAIT_METER_H
#define STRAIT_METER_H

#include "capture/session.h"

struct meter *meter_new(void);
void meter_free(struct meter *meter);

/* The window begins. */
void meter_begin(struct meter *meter, uint64_t now_ns);
/* Fills rec->self for the window so far. */
void meter_tell(struct meter *meter, struct session *session, uint64_t now_ns);

#endif
