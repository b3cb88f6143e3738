/* SPDX-License-Identifier: BSD-2-Clause */
/* Chance for sampling, not for secrets. */
#ifndef STRAIT_CHANCE_H
#define STRAIT_CHANCE_H

/* Evenly from 0 to 1; another sequence in each run. */
double chance_unit(void);

#endif
