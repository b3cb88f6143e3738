/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs at system calls: attached and detached while the window is observed (budget.c). */
#ifndef STRAIT_CALLS_H
#define STRAIT_CALLS_H

#include "capture/session.h"

/* The name of their family. */
const char *calls_family(void);
/*
 * Observes system calls from now on; `duty`, 0 … 1, is the part of the time that what they count
 * stands for. False where the kernel does not take the programs.
 */
bool calls_observe(struct session *session, double duty);
/*
 * The programs end it themselves at this time (CLOCK_MONOTONIC, ns; 0 = never), messages included
 * that stand for more than themselves: calls_ignore() may come late.
 */
void calls_end_at(struct session *session, uint64_t time_ns);
void calls_ignore(struct session *session);

#endif
