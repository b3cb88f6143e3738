/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unwind table of one ELF file, as user space makes it from .eh_frame and as the BPF programs
 * read it: a flat array of 32-bit words, in chunks of UNWIND_CHUNK words (one map value each).
 *
 *   word 0                  UNWIND_MAGIC
 *   word 1                  rules: how many (1 … 65536)
 *   word 2                  first page: offset in the file >> 16 of the lowest code described
 *   word 3                  pages: how many
 *   2 words each            the rules (struct unwind_rule); rule 0 is UNWIND_NONE
 *   pages + 1 words         index of each page's first row among the rows; the last is their number
 *   1 word each             the rows: (offset in the file & 0xffff) << 16 | rule, ascending in a
 * page
 *
 * Offsets are those of the file, not virtual addresses: the kernel knows a mapping's offset in its
 * file, so nothing depends on where it is loaded. A row's rule holds until the next row. The first
 * row of a page is at its first byte: a look-up never leaves its page.
 */
#ifndef STRAIT_UNWIND_TABLE_H
#define STRAIT_UNWIND_TABLE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define UNWIND_MAGIC     0x31747573 /* "sut1", little endian */
#define UNWIND_CHUNK     1024       /* words; 4 KiB */
#define UNWIND_HEADER    4          /* words */
#define UNWIND_PAGE_BITS 16

/* Where the canonical frame address (CFA) is: the stack pointer of the caller, after the call. */
enum unwind_cfa {
	UNWIND_NONE,     /* not described: try the frame pointer */
	UNWIND_SP,       /* stack pointer + cfa_offset */
	UNWIND_FP,       /* frame pointer + cfa_offset */
	UNWIND_REGISTER, /* register `more` + cfa_offset; sure for the innermost frame and the base
			  */
	UNWIND_DEREF_SP, /* the word at (stack pointer + cfa_offset), + more */
	UNWIND_DEREF_FP, /* the word at (frame pointer + cfa_offset), + more */
	UNWIND_PLT,    /* x86-64: sp + 8 + ((pc & 15) >= more ? 8 : 0), procedure linkage tables */
	UNWIND_SIGNAL, /* the frame that the kernel made for a signal handler: registers are in it
			*/
	UNWIND_END,    /* nothing called this code: the root */
	UNWIND_SP_FAR, /* stack pointer + cfa_offset + (more << 15): frames of 256 KiB and above */
};

/* What became of the caller's frame pointer (x86-64: rbp, aarch64: x29). */
enum unwind_fp {
	UNWIND_FP_SAME,     /* still in its register */
	UNWIND_FP_SAVED,    /* at CFA + fp_offset */
	UNWIND_FP_REGISTER, /* in register number fp_offset: known in the innermost frame only */
	UNWIND_FP_AT_FP,    /* at frame pointer + fp_offset: frames that realign their stack */
	UNWIND_FP_LOST,     /* not described: no later rule may use it */
};

/*
 * Offsets are in units of 8 bytes. The return address is at CFA - 8 (x86-64).
 *
 * aarch64: it is at CFA + more, or with more = 0 in its register (x30) still. With SP_FAR it is at
 * stack pointer + fp_offset, -1 = in x30, and a frame pointer that is saved is right below it. Of
 * the other rules above there are NONE, SP, FP, SIGNAL and END, of those for the frame pointer
 * SAME, SAVED and LOST.
 *
 * The base register (x86-64: rbx, DWARF's 3) is followed in the tables of those files only in which
 * some frame is found by it: the dynamic linker, whose lazy binding is in every stack of a program
 * that begins.
 */
#define UNWIND_BASE 3 /* DWARF's number of the base register */

struct unwind_rule {
	__u8 cfa;            /* enum unwind_cfa */
	__u8 fp : 7;         /* enum unwind_fp */
	__u8 base_saved : 1; /* with UNWIND_SP, UNWIND_FP: the base register is at CFA + more */
	__s16 cfa_offset;
	__s16 fp_offset;
	__s16 more; /* UNWIND_REGISTER: DWARF's number; UNWIND_DEREF_*: units of 8 bytes;
		     * UNWIND_SP_FAR: units of 256 KiB;
		     * UNWIND_PLT: bytes into an entry where its push is done, 11 in most;
		     * base_saved: units of 8 bytes;
		     * aarch64: of the return address, units of 8 bytes */
};

_Static_assert(sizeof(struct unwind_rule) == 8, "two words");

/* The table of a file: value of the map unwind_files. */
struct unwind_file {
	__u32 table; /* index in the map unwind_tables */
	__u32 used;  /* `generation` when it was last used, for eviction */
};

/* What the iterator over all mappings counted of a file: value of the map files_mapped. */
struct unwind_mapped {
	__u32 mappings; /* that may run, one a process mostly */
	__u32 running;  /* of these, in processes whose first thread ran, or waited for a CPU */
};

/* Files that user space was told of: a direct-mapped array of their ids. */
#define UNWIND_FILES_SEEN 4096

static inline __u32 unwind_seen_slot(__u64 file)
{
	return (__u32)(file ^ file >> 20) & (UNWIND_FILES_SEEN - 1);
}

#endif
