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
void calls_ignore(struct session *session);

#endif
