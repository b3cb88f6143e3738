/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU samples: how often they are taken while the window is observed (budget.c). */
#ifndef STRAIT_SAMPLES_H
#define STRAIT_SAMPLES_H

#include "capture/session.h"

/* The name of their family. */
const char *samples_family(void);
/*
 * From now on each CPU is sampled so often, ns, and a sample stands for that. The one that is due
 * when the period changes may be counted with the other one.
 */
void samples_every(struct session *session, uint64_t period_ns);
/*
 * What the timer's interrupt takes for each of them, beside the program behind it: interrupts.h.
 * ns; 0 = it is not known.
 */
double samples_interrupt_ns(const struct session *session);

#endif
