/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STRAIT_GENERATION_H
#define STRAIT_GENERATION_H

#include "capture/session.h"

/*
 * Turns the programs to the other generation and waits until none of them writes the old one any
 * more. generation_drain() (family.h) then empties it.
 */
void generation_flip(struct session *session);

#endif
