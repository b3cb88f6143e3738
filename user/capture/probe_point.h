/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where in the first instructions of a function a uprobe costs least. The kernel replaces the
 * instruction by a breakpoint; what a few simple ones do it does itself then (0.4 us a call here),
 * all others are stepped through out of line, which traps once more (11 us).
 */
#ifndef STRAIT_PROBE_POINT_H
#define STRAIT_PROBE_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_CODE  48    /* bytes at a function's begin that are worth looking at */
#define PROBE_DEPTH 65536 /* its begin takes less of the stack, if it is worth probing */

struct probe_point {
	uint32_t ahead; /* bytes from the function's begin to the probe */
	uint32_t depth; /* bytes that the code before it puts on the stack */
	bool stepped;   /* the kernel steps through the instruction that is there */
};

/*
 * Of x86-64 code, at most PROBE_CODE bytes of it: the first instruction that the kernel itself
 * does, if all before it leave the first three arguments and, but for `depth`, the stack pointer as
 * they were, and do not jump; else the begin. Code is a stranger's: any bytes will do.
 */
struct probe_point probe_point_find(const uint8_t *code, size_t length);

#endif
