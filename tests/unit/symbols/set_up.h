/* SPDX-License-Identifier: BSD-2-Clause */
/* One struct symbols for all tests of a file, in the directory of the fixture. */
#ifndef STRAIT_TESTS_SYMBOLS_SET_UP_H
#define STRAIT_TESTS_SYMBOLS_SET_UP_H

#include "fixture.h"
#include "symbols/symbols.h"

static struct symbols *symbols;

static inline int symbols_set_up(void **state)
{
	symbols = symbols_new();
	return fixture_make(state);
}

static inline int symbols_tear_down(void **state)
{
	symbols_free(symbols);
	return fixture_remove(state);
}

#endif
