/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "util/vec.h"

void vec_reserve(void **at, size_t *cap, size_t need, size_t size)
{
	size_t grown = *cap ? *cap : 8;
	void *moved;

	if (need <= *cap)
		return;
	while (grown < need)
		grown += grown / 2;
	moved = reallocarray(*at, grown, size);
	if (!moved) {
		fprintf(stderr, "strait: out of memory\n");
		abort();
	}
	*at = moved;
	*cap = grown;
}
