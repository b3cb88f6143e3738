/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perf maps: text files in which runtimes that generate code (node --perf-basic-prof, Java agents,
 * LuaJIT, …) say where each function is: "start size name", the numbers in hex.
 */
#ifndef STRAIT_SYMBOLS_PERF_MAP_H
#define STRAIT_SYMBOLS_PERF_MAP_H

#include "symbols/symtab.h"

/* Sets function, start and end of the lookups (by address, ascending). Does not close the file. */
void perf_map_name(int fd, struct lookup *lookups, size_t count, struct text_arena *arena,
		   uint64_t deadline_ns);

#endif
