/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BPF programs cost, measured by the kernel, and the interrupts of CPU samples
 * (interrupts.h); and how both are kept within a share of the host's CPU time.
 *
 * What can be given up is how many system calls are observed: their programs are attached for a
 * part of the time. The time is cut in rounds, each with a stretch in its middle in which calls are
 * observed; what is counted and sampled in that stands for the round (calls_weight). The length of
 * rounds is random, so that nothing periodic keeps in step.
 * Messages over sockets go with the calls where they cost much themselves. Probes of allocators,
 * where they are asked for, have rounds of their own (probes.h). The ledger, block and memory
 * programs, and those at rare events of the network, are always on. CPU samples, whose interrupts
 * count too, are taken at a lower rate than was asked for, as a last resort, and stand for more
 * time.
 */
#ifndef STRAIT_BUDGET_H
#define STRAIT_BUDGET_H

#include "capture/session.h"

/* `share` of all CPUs' time, 0 … 1. NULL: out of memory. */
struct budget *budget_new(double share);
void budget_free(struct budget *budget);

/* The window begins at now_ns (CLOCK_MONOTONIC, as all times here). */
void budget_begin(struct budget *budget, struct session *session, uint64_t now_ns);
/* Does what is due; returns when it wants to be called again. */
uint64_t budget_tick(struct budget *budget, struct session *session, uint64_t now_ns);
/*
 * What was observed until now_ns, the end of the slice, is known behind it to budget_scale().
 * Without a budget (NULL) nothing is estimated.
 */
void budget_observe(struct budget *budget, struct session *session, uint64_t now_ns);
/*
 * What counts of system calls (or messages) of the slice are to be multiplied by, besides their
 * weights: above 1 where strait was late, or stopped, and did not observe when it was due; above or
 * below where the window ends within a round.
 */
double budget_scale(const struct budget *budget, bool messages);
/* Adds to the open slice for how much of it system calls, and messages, were observed. */
void budget_end_slice(struct budget *budget, struct session *session, uint64_t now_ns);
/* Nothing but the ledger is observed until the next round: strait is about to stand still. */
void budget_pause(struct budget *budget, struct session *session);
/* CPUs that probes of allocators may take, and the CPU time in ns that they took so far. */
double budget_probes_may(const struct budget *budget);
double budget_probes_spent(const struct budget *budget);
/*
 * CPU time of the programs over the window so far, interrupts not included, in CPUs; -1 = the
 * kernel never timed them.
 */
double budget_spent(const struct budget *budget);

#endif
