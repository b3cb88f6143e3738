/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of .eh_frame that more than one reader needs: addresses in their encodings, and what the
 * augmentation of a common information entry (CIE) says of them. Linux Standard Base, "Exception
 * Frames" and "DWARF Exception Header Encoding".
 */
#ifndef STRAIT_SYMBOLS_EH_FRAME_H
#define STRAIT_SYMBOLS_EH_FRAME_H

#include "symbols/cursor.h"

/* DW_EH_PE_*: the format in the low four bits, what it is relative to in the others. */
enum {
	EH_ABSPTR = 0x00,
	EH_ULEB128,
	EH_UDATA2,
	EH_UDATA4,
	EH_UDATA8,
	EH_SLEB128 = 0x09,
	EH_SDATA2,
	EH_SDATA4,
	EH_SDATA8,
	EH_FORMAT = 0x0f,
	EH_PCREL = 0x10,
	EH_DATAREL = 0x30,
	EH_ALIGNED = 0x50,
	EH_OMIT = 0xff,
};

/* A number in the format; `bad` is set where the format is not known. */
uint64_t eh_value(struct cursor *c, uint8_t format);
/*
 * An address, whose own virtual address is `here`. `bad` is set where it is relative to what only a
 * loader knows, or is to be found in memory.
 */
uint64_t eh_address(struct cursor *c, uint64_t here, uint8_t encoding);

struct eh_augmentation {
	bool present; /* entries have a block of augmentation data */
	bool signal;
	uint8_t encoding; /* of addresses */
};

/*
 * Reads the block behind a CIE's letters. False: a letter is not known here, and nothing that
 * follows can be told.
 */
bool eh_augmentation_read(const char *letters, struct cursor *c, struct eh_augmentation *out);

#endif
