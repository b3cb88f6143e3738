/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The work of one job; the exit status is the answer.
 *
 *   calc RATE NUMBER
 */
#include "life.h"
#include "step.h"

int main(int argc, char **argv)
{
	if (argc != 3)
		return 127;
	return step_work((uint64_t)number_parse(argv[1], 10, 10000000),
			 strtoull(argv[2], NULL, 10));
}
