/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs at every message that is sent or received: attached and detached while the window is
 * observed (budget.c). Those at rare events of the network are attached all the time.
 */
#ifndef STRAIT_MESSAGES_H
#define STRAIT_MESSAGES_H

#include "capture/session.h"

/* The name of their family. */
const char *messages_family(void);
/* Whether they hang at the end of system calls, for want of tracepoints of their own. */
bool messages_are_calls(const struct session *session);
/*
 * Attaches them; nothing counts before messages_weigh(). False where the kernel does not take them.
 */
bool messages_attach(struct session *session);
/*
 * From now on messages count, and stand for those of more time: they are observed for the part
 * `duty` of it, 0 … 1. 0 = they do not count any more.
 */
void messages_weigh(struct session *session, double duty);
void messages_detach(struct session *session);

#endif
