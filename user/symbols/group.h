/* SPDX-License-Identifier: BSD-2-Clause */
/* Names the wanted offsets of one file: an ELF file, or one that says where generated code is. */
#ifndef STRAIT_SYMBOLS_GROUP_H
#define STRAIT_SYMBOLS_GROUP_H

#include "symbols/naming.h"
#include "symbols/symbols.h"

enum group_kind {
	GROUP_ELF,
	GROUP_GENERATED, /* a perf map, a jit dump */
	GROUP_KEPT,      /* what is kept of the names of an ELF file that is gone */
};

/*
 * Sets the outputs of the requests, which are for the file of `naming`; its descriptor stays the
 * caller's. -ENOEXEC: it is no such file; of GROUP_KEPT, or not of that build.
 */
int group_answer(const struct naming *naming, enum group_kind kind,
		 struct name_request *const requests[], size_t count);

#endif
