/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames whose size the code alone knows: a realigned stack, whose frame address is itself kept on
 * the stack; alloca and arrays of variable length; a leaf that keeps the stack pointer elsewhere; a
 * frame of more than 256 KiB.
 *
 * chain aligned: ROOT aligned_frame leaf
 * chain nested: ROOT nest aligned_frame leaf
 * chain variable: ROOT variable leaf
 * chain both: ROOT both aligned_frame leaf
 * chain huge: ROOT huge leaf
 */
#include <alloca.h>
#include <string.h>

#include "burn.h"

static volatile unsigned int size = 100;
static volatile unsigned long sink;

static NOINLINE void leaf(volatile char *room)
{
	room[0] = 1;
	burn();
}

static NOINLINE void aligned_frame(void)
{
	_Alignas(128) volatile char room[128];

	leaf(room);
	sink = (unsigned long)room[1] + (uintptr_t)room % 128;
}

static NOINLINE void nest(void)
{
	_Alignas(64) volatile char room[64];

	room[0] = 1;
	aligned_frame();
	sink = (unsigned long)room[0];
}

static NOINLINE void variable(void)
{
	volatile char room[size];

	leaf(room);
	sink = (unsigned long)room[1];
}

/* Rounds its stack up, and has a variable part. */
static NOINLINE void both(void)
{
	_Alignas(64) volatile char room[64];
	volatile char *more = __builtin_alloca(size);

	more[0] = room[0] = 1;
	aligned_frame();
	sink = (unsigned long)(room[0] + more[0]);
}

static NOINLINE void huge(void)
{
	volatile char room[600 << 10];

	leaf(room);
	sink = (unsigned long)room[1];
}

int main(void)
{
	struct choice choices[] = {
		{.chain = "aligned", .call = aligned_frame, .weight = 1},
		{.chain = "nested", .call = nest, .weight = 1},
		{.chain = "variable", .call = variable, .weight = 1},
		{.chain = "both", .call = both, .weight = 1},
		{.chain = "huge", .call = huge, .weight = 1},
	};

	CHOOSE(choices, SECONDS);
	return 0;
}
