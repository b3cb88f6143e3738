/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for jit dumps: the input is such a file, asked for places in and about the
 * code of its first records.
 */
#include "generated.h"
#include "symbols/jit_dump.h"

#define HEADER 16 /* bytes of each record's */

static uint64_t number_at(const uint8_t *data, size_t size, size_t offset, size_t bytes)
{
	uint64_t number = 0;

	if (offset <= size && size - offset >= bytes)
		memcpy(&number, data + offset, bytes);
	return number;
}

/* In a record of code 32 bytes in is its address, then its size; of code moved, 8 bytes behind. */
static size_t places_choose(const uint8_t *data, size_t size, uint64_t *places)
{
	size_t count = 0, at = (size_t)number_at(data, size, 8, 4);

	places[count++] = 0;
	places[count++] = UINT64_MAX;
	while (at + HEADER <= size && count + 3 <= PLACES) {
		uint64_t moved = number_at(data, size, at, 4) == 1 ? 8 : 0;
		uint64_t start = number_at(data, size, at + 32 + moved, 8);
		uint64_t length = number_at(data, size, at + 40 + moved, 8);
		size_t step = (size_t)number_at(data, size, at + 4, 4);

		places[count++] = start;
		places[count++] = start + length / 2;
		places[count++] = start + length;
		at += step < HEADER ? HEADER : step;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t places[PLACES] = {};

	names_ask(data, size, places, places_choose(data, size, places), jit_dump_name);
	return 0;
}
