/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads call frame information: the bytes of .eh_frame or .debug_frame, as DWARF 5 (6.4) and the
 * Linux Standard Base (Exception Frames) describe them. It says, for each range of code, how the
 * caller's frame is found. Only what struct unwind_rule can hold comes out; the rest is
 * UNWIND_NONE, never a guess.
 *
 * The bytes are a stranger's: every read is checked, and the work is bounded by a multiple of their
 * number.
 */
#ifndef STRAIT_UNWIND_CFI_H
#define STRAIT_UNWIND_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unwind_table.h"

/* What is particular to an architecture: DWARF's numbers of its registers. */
struct cfi_machine {
	uint16_t elf;        /* EM_* */
	uint8_t registers;   /* general ones: numbers below this */
	uint8_t fp, sp, ra;  /* frame pointer, stack pointer, return address */
	bool link;           /* calls leave the return address in its register */
	int8_t ra_offset;    /* else where it must be, from the CFA; bytes */
	uint8_t call_offset; /* of the CFA from the stack pointer when a function begins; bytes */
};

/* NULL: code of this architecture cannot be unwound with tables. */
const struct cfi_machine *cfi_machine(uint16_t elf);

/* Where rows go. Addresses are virtual ones. */
struct cfi_sink {
	/* The rows of the code [begin, end) follow; false: they are not wanted. */
	bool (*begin)(void *context, uint64_t begin, uint64_t end);
	/* From `address` on, which never falls, this rule holds; a later one for the same address
	 * takes its place. */
	void (*row)(void *context, uint64_t address, const struct unwind_rule *rule);
	/* No more rows of that range; `good` false: it is broken, forget them. */
	void (*end)(void *context, bool good);
	void *context;
};

struct cfi_section {
	const uint8_t *bytes;
	size_t size;
	uint64_t address; /* virtual, of the first byte; 0 where it is not loaded */
	bool debug;       /* .debug_frame, which differs from .eh_frame in a few places */
};

struct cfi_counts {
	uint32_t entries; /* ranges of code */
	uint32_t skipped; /* of these, how many are broken or in an encoding not known here */
};

/* Adds to `counts`. */
void cfi_read(const struct cfi_section *section, const struct cfi_machine *machine,
	      const struct cfi_sink *sink, struct cfi_counts *counts);

#endif
