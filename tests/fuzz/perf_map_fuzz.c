/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for perf maps: the input is such a file, asked for places in and about the
 * code of its first lines.
 */
#include "generated.h"
#include "symbols/perf_map.h"

/* Begin, middle and end of what lines say. */
static size_t places_choose(const uint8_t *data, size_t size, uint64_t *places)
{
	const char *at = (const char *)data, *end = at + size, *next;
	size_t count = 0;

	places[count++] = 0;
	places[count++] = UINT64_MAX;
	for (; at < end && count + 3 <= PLACES; at = next ? next + 1 : end) {
		char line[40] = "", *rest;
		uint64_t start, length;

		next = memchr(at, '\n', (size_t)(end - at));
		memcpy(line, at, (size_t)(end - at) < 39 ? (size_t)(end - at) : 39);
		start = strtoull(line, &rest, 16);
		length = strtoull(rest, NULL, 16);
		places[count++] = start;
		places[count++] = start + length / 2;
		places[count++] = start + length;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t places[PLACES] = {};

	names_ask(data, size, places, places_choose(data, size, places), perf_map_name);
	return 0;
}
