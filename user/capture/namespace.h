/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pid namespace that strait runs in. The programs see every thread of the host under its number
 * in the initial namespace; /proc and the task iterator show those of the caller's namespace only.
 */
#ifndef STRAIT_NAMESPACE_H
#define STRAIT_NAMESPACE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether that is another one than the host's. False where it cannot be told. */
bool namespace_is_own(void);

/* The process id of strait as the programs see it. */
uint32_t namespace_own_pid(void);

/* What is missing because of it, and what to do: for people. */
extern const char namespace_why[];

#endif
