/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STRAIT_GENERATION_H
#define STRAIT_GENERATION_H

#include "capture/session.h"

/*
 * Turns the programs to the other generation and waits until none of them writes the old one any
 * more. generation_drain() (family.h) then empties it.
 */
void generation_flip(struct session *session);

/*
 * Whether a grace period that was asked for at least 50 ms ago is not over: attaching and detaching
 * programs now may wait as long as that, seconds, and nothing would be read meanwhile. The probe
 * asks for one; each flip does too.
 */
void generation_probe(void);
bool generation_stuck(void);

#endif
