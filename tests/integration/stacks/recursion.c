/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recursion DEPTH: a function that calls itself so often, then burns. The run tells the judge the
 * chain: 230 frames must be whole, 400 are more than strait keeps, which it has to say.
 */
#include <stdlib.h>

#include "burn.h"

static unsigned int depth;

static NOINLINE void leaf(void)
{
	for (int i = 0; i < 3; i++)
		burn();
}

static NOINLINE void descend(unsigned int left)
{
	if (left > 1)
		descend(left - 1);
	else
		leaf();
	NO_TAIL();
}

static NOINLINE void start(void)
{
	descend(depth);
	NO_TAIL();
}

int main(int argc, char **argv)
{
	struct choice choices[] = {{.chain = "all", .call = start, .weight = 1}};

	depth = argc > 1 ? (unsigned int)atoi(argv[1]) : 230;
	/* On the way down and up there are fewer. */
	printf("chain all: ROOT start descend{%u} leaf\n", depth);
	printf("chain way: ROOT start descend{0,%u}\n", depth);
	if (depth > 250)
		printf("truncated all: descend{200,%u} leaf\ntruncated way: ... descend{200,%u}\n",
		       depth, depth);
	fflush(stdout);
	CHOOSE(choices, SECONDS);
	return 0;
}
