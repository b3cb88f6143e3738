/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log-linear histogram buckets, shared by the BPF programs and by user space.
 *
 * A value is filed under its highest bit and the HIST_SUB_BITS bits below it. A bucket is therefore
 * at most 1/64 of its lower bound wide, and its middle is within 0.8 % of every value in it: the
 * relative error of 1 % that the model promises. Values below 2^HIST_SUB_BITS are exact. The scheme
 * is that of HDR histograms. Buckets of equal number can be added: histograms merge.
 */
#ifndef STRAIT_HISTOGRAM_H
#define STRAIT_HISTOGRAM_H

#define HIST_SUB_BITS 6
#define HIST_SUB      (1u << HIST_SUB_BITS)
/* 64-bit values: one linear range, then one range of HIST_SUB buckets for each higher bit. */
#define HIST_BUCKETS ((64 - HIST_SUB_BITS + 1) * HIST_SUB)

/*
 * The number of a value's highest bit, 0 for 0. Without a branch: the verifier would follow every
 * one of its 64 ways through the programs that file values.
 */
static inline __attribute__((always_inline)) unsigned int histogram_log2(unsigned long long value)
{
	unsigned int bit = 0;

	for (unsigned int step = 6; step-- > 0;) {
		unsigned long long above = value >> (1u << step), high;

		__asm__("" : "+r"(above)); /* or clang makes a branch of it */
		high = (0 - above) >> 63;  /* 1 if there are bits at 2^step or above */
		value >>= high << step;
		bit += (unsigned int)high << step;
	}
	return bit;
}

/* The bucket of a value, 0 … HIST_BUCKETS - 1. */
static inline __attribute__((always_inline)) unsigned int histogram_bucket(unsigned long long value)
{
	unsigned int bit;

	if (value < HIST_SUB)
		return (unsigned int)value;
	bit = histogram_log2(value);
	return (bit - HIST_SUB_BITS + 1) * HIST_SUB +
	       (unsigned int)((value >> (bit - HIST_SUB_BITS)) & (HIST_SUB - 1));
}

/* The smallest value of a bucket. */
static inline __attribute__((always_inline)) unsigned long long histogram_low(unsigned int bucket)
{
	unsigned int range = bucket / HIST_SUB, sub = bucket % HIST_SUB;

	if (!range)
		return sub;
	return (unsigned long long)(HIST_SUB + sub) << (range - 1);
}

#endif
