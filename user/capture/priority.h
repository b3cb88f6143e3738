/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The observer's own priority, from its start until the window ends: on a host with more to do than
 * it can, a reader that waits for its turn among all others loses what it came for, and cannot keep
 * the budget either. It needs little.
 */
#ifndef STRAIT_PRIORITY_H
#define STRAIT_PRIORITY_H

/* Raises that of this thread and those it makes from now on; returns what it was: its nice value.
 */
int priority_raise(void);
void priority_restore(int nice);

#endif
