/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers for people: three significant digits, a unit of the right size, never a 0 for NAN. */
#ifndef STRAIT_NUMBER_H
#define STRAIT_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#define NUMBER_TEXT  32
#define NOT_OBSERVED "–" /* in a cell; in prose write "not observed" */

struct number {
	char text[NUMBER_TEXT];
};

/*
 * How values of a unit are shown: value × factor in `unit`. Units known here are ns, us, ms, s,
 * bytes, bytes/s, percent, share (0 … 1, shown in percent), count, 1/s; others stay as they are.
 */
struct scale {
	double factor;
	bool measured; /* a measurement: "11.0"; else a count: "11" */
	char unit[NUMBER_TEXT];
};

/* The scale in which a value of this magnitude reads well. `unit` may be NULL. */
struct scale scale_choose(double magnitude, const char *unit);

/* In its scale, without the unit: "12,345", "98.2", "0.37", "<0.001", "–" for NAN. */
struct number number_format(double value, const struct scale *scale);

/* A count: "12,345". */
struct number count_format(uint64_t count);

/* "99.8 %"; what is less than all never reads 100 %. */
struct number part_format(double part);

/* "24.1 ms", "1.50 MiB", "98.2 %", "not observed". */
struct number number_with_unit(double value, const char *unit);

/* A share in percent: "47 %", "9.3 %", "<0.1 %", "–" for NAN. */
struct number share_format(double share);

/* "41–52 %", empty when a bound is NAN or both are the same. */
struct number share_interval(double low, double high);

/* "1.8×", empty for NAN. */
struct number speedup_format(double speedup);

/* "0.5–2 h" */
struct number hours_format(const double hours[2]);

#endif
