/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One struct symbols for all tests of a file, in the directory of the fixture. Files are read by a
 * process apart, as strait does it; without limits of memory, for the sanitizers take all there is.
 */
#ifndef STRAIT_TESTS_SYMBOLS_SET_UP_H
#define STRAIT_TESTS_SYMBOLS_SET_UP_H

#include "fixture.h"
#include "symbols/symbols.h"
#include "util/reader.h"

static struct symbols *symbols;

static inline int symbols_set_up(void **state)
{
	static const struct symbols_reader_options options = {NULL, 10000, 30000, 0};
	struct reader *reader = symbols_reader(&options);

	readers_open(&reader, 1, NULL);
	if (!reader->pid)
		return -1;
	symbols = symbols_new();
	return fixture_make(state);
}

static inline int symbols_tear_down(void **state)
{
	symbols_free(symbols);
	reader_close(symbols_reader(NULL));
	return fixture_remove(state);
}

#endif
