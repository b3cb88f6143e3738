/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plain tree: leaves without a frame of their own, functions that save registers or make room on
 * the stack, one leaf with several callers.
 *
 * chain single: ROOT single
 * chain left: ROOT go_left outer left leaf
 * chain right: ROOT go_right outer right leaf
 * chain deep: ROOT go_deep outer right saves_all room leaf
 */
#include <string.h>
#include <unistd.h>

#include "burn.h"

static volatile unsigned int way;
static volatile unsigned long sink;

static NOINLINE void leaf(void)
{
	burn();
}

static NOINLINE void single(void)
{
	burn();
}

static NOINLINE void room(void)
{
	volatile char bytes[5000];

	bytes[way] = 1;
	leaf();
	sink = (unsigned long)bytes[way];
}

/* All registers that a function has to keep are in use, the frame pointer's as a plain number. */
static NOINLINE void saves_all(void)
{
	unsigned long a = way, b = way, c = way, d = way, e = way, f = way;

#ifdef __x86_64__
	/* A build that keeps rbp as the frame pointer cannot spare it. */
#ifdef KEEPS_RBP
	__asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15");
#else
	__asm__ volatile("mov $0x1234, %%rbp" ::: "rbp", "rbx", "r12", "r13", "r14", "r15");
#endif
#elif defined(__aarch64__)
	/* With -fomit-frame-pointer. */
	__asm__ volatile("mov x29, #0x1234" ::
				 : "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
				   "x28", "x29");
#endif
	room();
	sink = a + b + c + d + e + f;
}

static NOINLINE void left(void)
{
	leaf();
	NO_TAIL();
}

static NOINLINE void right(void)
{
	if (way == 3)
		saves_all();
	else
		leaf();
	NO_TAIL();
}

static NOINLINE void outer(void)
{
	if (way == 1)
		left();
	else
		right();
	NO_TAIL();
}

static NOINLINE void go_left(void)
{
	way = 1;
	outer();
	NO_TAIL();
}

static NOINLINE void go_right(void)
{
	way = 2;
	outer();
	NO_TAIL();
}

static NOINLINE void go_deep(void)
{
	way = 3;
	outer();
	NO_TAIL();
}

int main(int argc, char **argv)
{
	struct choice choices[] = {
		{.chain = "single", .call = single, .weight = 1},
		{.chain = "left", .call = go_left, .weight = 2},
		{.chain = "right", .call = go_right, .weight = 3},
		{.chain = "deep", .call = go_deep, .weight = 4},
	};

	/* The file goes, the code stays. */
	if (argc > 1 && !strcmp(argv[1], "gone") && unlink(argv[0]))
		return 1;
	CHOOSE(choices, SECONDS);
	return 0;
}
