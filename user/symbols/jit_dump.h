/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jit dumps: files in which runtimes that generate code (node --perf-prof, agents of Java, .NET,
 * LLVM) write down each function with its code and lines. The format is that of the kernel's
 * tools/perf/Documentation/jitdump-specification.txt, version 1.
 */
#ifndef STRAIT_SYMBOLS_JIT_DUMP_H
#define STRAIT_SYMBOLS_JIT_DUMP_H

#include <stdbool.h>

#include "symbols/symtab.h"

/* Does the file begin as a jit dump of this machine's byte order? `pid` (0: any) wrote it. */
bool jit_dump_is(int fd, uint32_t pid);

/*
 * Sets function, start, end, source and line of the lookups (by address, ascending). Does not close
 * the file.
 */
void jit_dump_name(int fd, struct lookup *lookups, size_t count, struct text_arena *arena,
		   uint64_t deadline_ns);

#endif
