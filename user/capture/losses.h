/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs could not tell, by reason. */
#ifndef STRAIT_LOSSES_H
#define STRAIT_LOSSES_H

#include "capture/session.h"

/* What they dropped since the last reading → losses of the recording. */
void losses_drain(struct session *session);

#endif
