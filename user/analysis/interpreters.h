/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interpreter locks: processes whose threads all have work, and of which only one works at a time.
 *
 * What tells it from threads that wait for work: they all wait in the same function, for a futex
 * word that is no mutex; the waits are short, and many end because their time was over, after which
 * the thread asks for its turn once more; siblings end others; apart from that the threads run all
 * the time; and together they never have more than one CPU. CPython's GIL (5 ms) and Ruby's
 * (100 ms) work like this.
 */
#ifndef STRAIT_INTERPRETERS_H
#define STRAIT_INTERPRETERS_H

#include "analysis/facts.h"

/*
 * Finds them (facts->interpreters) and adds to each group the time for which the lock alone held
 * its threads back: they waited for it, and there were idle CPUs to run them.
 */
void interpreters_find(struct facts *facts);

#endif
