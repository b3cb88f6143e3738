/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where functions without a name begin and end, by the unwind table: stripped files keep it. The
 * linker sorts its entries in .eh_frame_hdr (Linux Standard Base, "The .eh_frame_hdr section"); in
 * static programs it does not, and all of .eh_frame is read.
 *
 * An entry is not always a function: a compiler's cold part of one has an entry of its own, the
 * whole procedure linkage table shares one.
 */
#ifndef STRAIT_SYMBOLS_BEGINS_H
#define STRAIT_SYMBOLS_BEGINS_H

#include "symbols/symtab.h"

/* Sets start and end of those lookups (by address, ascending) without a function that an entry of
 * the table covers. */
void begins_find(const struct image *image, struct lookup *lookups, size_t count);

#endif
