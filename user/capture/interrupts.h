/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the interrupt of a sampling timer takes from the program that it hits, whoever samples. On
 * bare metal that is a microsecond; in a virtual machine the hypervisor delivers it and sets the
 * next one, and no clock of the guest's kernel counts what that takes: 20 us on the machine of
 * docs/performance.md, ten times what walking a stack costs.
 */
#ifndef STRAIT_INTERRUPTS_H
#define STRAIT_INTERRUPTS_H

struct interrupts;

/* Begins to measure it on a thread of its own, for 4 ms; NULL = out of memory. */
struct interrupts *interrupts_measure(void);
/* Waits for the end of that and frees it. Returns ns; 0 = it could not be measured. NULL is fine.
 */
double interrupts_ns(struct interrupts *interrupts);

#endif
