/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cut of the ledgers: a moment of which all of them are read, however long the reading takes.
 * At a thread's first event behind it the programs keep what its ledger had then (ledger.bpf.h).
 */
#ifndef STRAIT_CUT_H
#define STRAIT_CUT_H

#include "capture/session.h"

/* Cuts all ledgers; returns when that was (CLOCK_MONOTONIC): just now. */
uint64_t cut_make(struct session *session);

#endif
