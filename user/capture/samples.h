/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU samples: how many of them are taken while the window is observed (budget.c). */
#ifndef STRAIT_SAMPLES_H
#define STRAIT_SAMPLES_H

#include "capture/session.h"

/* The name of their family. */
const char *samples_family(void);
/* From now on one of `one_in` samples is taken on each CPU, and stands for that many. */
void samples_thin(struct session *session, uint32_t one_in);

#endif
