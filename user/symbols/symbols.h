/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses: of the kernel (kallsyms), of user code (ELF symbols, line tables, perf
 * maps).
 *
 * The work is in two steps. symbols_locate() turns an address of a process into (module, offset in
 * the file) and must run while the process lives, or soon after: it reads /proc/PID/maps. Naming
 * happens later and in batches: each file is opened once for all of its offsets, read as a stream
 * and closed, so that memory stays small however large the file is.
 *
 * Files, maps and perf maps of traced processes are a stranger's: everything read is bounded, files
 * are opened inside the process's own root, and a file is used only if it is the one mapped.
 * One thread at a time may use a struct symbols.
 */
#ifndef STRAIT_SYMBOLS_H
#define STRAIT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct symbols;
struct recording;

struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);

/* ---- the kernel ---- */

struct kernel_symbol {
	const char *name;
	const char
		*module; /* as in /proc/kallsyms: "[nf_tables]", "[bpf]"; "[kernel]" = built in */
	uint64_t offset; /* of the address in the symbol */
};

/*
 * Reads /proc/kallsyms, unless that was done. symbols_kernel() does so by itself; calling this
 * first gives the text of the error, and moves the 60 ms that it takes to a moment of one's choice.
 * -EPERM: addresses are hidden (kernel.kptr_restrict); other errors as open(2) and read(2).
 */
int symbols_kernel_load(struct symbols *s, struct error *error);

/*
 * The function at a kernel address. -ENOENT: no function there; else as symbols_kernel_load().
 * The text in `out` is valid until the next call with the same `s`.
 */
int symbols_kernel(struct symbols *s, uint64_t address, struct kernel_symbol *out);

/* ---- where an address of a process is ---- */

enum location_kind {
	LOCATION_FILE,
	LOCATION_DELETED,   /* a file that has no name any more */
	LOCATION_VDSO,      /* path "[vdso]", or "[vsyscall]" */
	LOCATION_ANONYMOUS, /* generated code; path "[jit PID]" if it has a perf map, "[anonymous]"
			       else */
	LOCATION_STACK,     /* code on a stack; path "[stack]" */
};

#define SYMBOLS_NO_FILE UINT32_MAX

struct location {
	enum location_kind kind;
	const char *path; /* as the process sees it; lives as long as the struct symbols */
	/*
	 * Hex digits of the GNU build-id. A file without one has 16 digits made from its contents
	 * here, so that two files of one path are told apart. Empty: not an ELF file, or it could
	 * not be read. Lives as long as the struct symbols.
	 */
	const char *build_id;
	uint64_t offset;     /* in the file; for anonymous code and stacks: the address itself */
	uint64_t dev, inode; /* as in /proc/PID/maps; dev as dev_t. 0 = no file */
	uint32_t file;       /* a handle for naming, SYMBOLS_NO_FILE where there is no file */
};

/*
 * -ESRCH: the process is gone and nothing is known of its maps. -ENOENT: no executable mapping at
 * that address. Maps are kept until symbols_forget(); they are read again when an address is in
 * none of them, less and less often while that does not help.
 */
int symbols_locate(struct symbols *s, uint32_t pid, uint64_t address, struct location *out);

/* The process has a new image, or has ended and all of its addresses were located. */
void symbols_forget(struct symbols *s, uint32_t pid);

/*
 * `child` was just forked from `parent`. What was known under its number is forgotten; the parent's
 * maps are its own until an address is in none of them, and for good where its own cannot be read.
 */
void symbols_inherit(struct symbols *s, uint32_t child, uint32_t parent);

/* ---- naming ---- */

struct name_request {
	/* in */
	uint32_t pid;         /* a process that maps the file, 0 = none known */
	uint32_t file;        /* location.file, or SYMBOLS_NO_FILE */
	const char *path;     /* location.path */
	const char *build_id; /* location.build_id */
	uint64_t offset;      /* location.offset; of a return address, subtract 1 first */

	/* out; text is valid until the next symbols_name() or symbols_resolve() */
	const char *function; /* demangled, NULL = no name */
	const char *source;   /* source file, NULL = unknown */
	uint32_t line;        /* 0 = unknown */
	uint64_t start; /* offset in the file at which the function begins, if it has a name */
	/*
	 * The CPU's spin-wait hint (x86 PAUSE, arm64 YIELD) is within 64 bytes of the offset, in
	 * the same function. Found by its bytes, so other code can hold it by chance, if rarely.
	 */
	bool pause;
};

/*
 * Names what it can; the order of the requests does not matter, and outputs of requests without a
 * name are NULL and 0. Returns how many functions were named.
 */
size_t symbols_name(struct symbols *s, struct name_request *requests, size_t n);

/*
 * Tells symbols_resolve() which file a module of the recording is, and a process that maps it.
 * Without it only files that strait itself can open by their path, and of that build-id, are named.
 */
void symbols_note_module(struct symbols *s, uint32_t module, uint32_t pid,
			 const struct location *where);

/*
 * Names the user frames of the recording that were not looked up yet. Calling it at the end of
 * every slice costs little and names code of processes before their files go away.
 * Returns how many functions were named.
 */
size_t symbols_resolve(struct symbols *s, struct recording *rec);

#endif
