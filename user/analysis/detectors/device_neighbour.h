/* SPDX-License-Identifier: BSD-2-Clause */
/* Who else keeps a device busy while a group waits for it. */
#ifndef STRAIT_DEVICE_NEIGHBOUR_H
#define STRAIT_DEVICE_NEIGHBOUR_H

#include "analysis/detectors/detector.h"

struct device_neighbour {
	uint32_t group;
	double requests; /* of the group at the device at once, on average */
	double share; /* of all requests at the device, 0 … 1, weighted with their time there */
};

/*
 * The group, other than `waiter`, whose requests were most of what the device worked on while
 * `waiter` was in these states, by time at the device; false if nobody's were more than half, or
 * too few to keep it busy. Target or not. The kernel's own requests (flushes, writeback of what
 * somebody wrote before) count for the share, and are nobody's.
 */
bool device_neighbour(const struct analysis *a, uint32_t waiter, uint32_t states,
		      const char *device, struct device_neighbour *out);

#endif
