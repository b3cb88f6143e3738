/* SPDX-License-Identifier: BSD-2-Clause */
/* The library that plugins.c loads, built twice: ALPHA and BETA lie differently in the same place.
 */
#include "burn.h"

#ifdef ALPHA
#define WORK alpha_work
#define LEAF alpha_leaf
#else
#define WORK beta_work
#define LEAF beta_leaf
#endif

void WORK(void (*back)(void (*)(void)));

static NOINLINE void LEAF(void)
{
	burn();
}

#ifndef ALPHA
/* Other frames at the addresses of the other library's code. */
static NOINLINE void middle(void (*back)(void (*)(void)))
{
	volatile char bytes[900];

	bytes[0] = 1;
	back(LEAF);
	bytes[1] = 2;
}
#endif

void WORK(void (*back)(void (*)(void)))
{
	LEAF();
#ifdef ALPHA
	back(LEAF);
#else
	middle(back);
#endif
	NO_TAIL();
}
