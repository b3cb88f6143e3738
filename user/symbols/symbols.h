/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names for addresses: of the kernel (kallsyms), of user code (ELF symbols, line tables, perf
 * maps).
 *
 * The kernel tells user code as (file, offset in it), and of each file once where it saw it mapped.
 * symbols_file_seen() finds that file and says which it is; it must run while a process that maps
 * it lives, or soon after, where the file cannot be reached by its path. Naming happens later and
 * in batches: each file is opened once for all of its offsets, read as a stream and closed, so that
 * memory stays small however large the file is.
 *
 * Files, mount tables and perf maps of traced processes are a stranger's: everything read is
 * bounded, files are opened inside the process's own root, and a file is used only if it is the one
 * mapped. One thread at a time may use a struct symbols.
 */
#ifndef STRAIT_SYMBOLS_H
#define STRAIT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct symbols;
struct recording;

/* ---- the process that reads strangers' files ---- */

struct symbols_reader_options {
	void (*before)(int fd, bool names); /* there, before a file is read; NULL = nothing */
	uint32_t cpu_ms, wall_ms;           /* for the names of one file */
	size_t memory;                      /* bytes of address space; 0 = no limit */
};

/*
 * What reads them, to be opened by readers_open(). Without it, and where it cannot be had, they are
 * read in this process. `options` NULL: as they are meant.
 */
struct reader;
struct reader *symbols_reader(const struct symbols_reader_options *options);
/* CPU time that such processes took, of those that answered. */
uint64_t symbols_cpu_ns(void);

/* Files that ended the process that read them, and so have no names. */
struct symbols_ended {
	uint64_t count;
	char path[256]; /* of the last one */
	char why[160];
};

struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);
/* Valid as long as the struct symbols. */
const struct symbols_ended *symbols_ended(const struct symbols *s);

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

/* ---- files whose code runs ---- */

/* As in struct wire_file. */
struct file_sighting {
	uint64_t id;          /* WIRE_FILE_INODE | … */
	uint32_t pid;         /* a process that maps it, 0 = none known */
	uint64_t start, end;  /* the mapping; 0 when it is only about to be made */
	uint64_t offset;      /* of the mapping in the file, bytes */
	uint64_t inode, size; /* size in bytes */
	uint64_t dev;         /* dev_t (makedev) of its file system, 0 = unknown */
	uint32_t generation;  /* of the inode number, 0 = unknown */
	const char *path;     /* absolute within its own file system, "" or NULL = unknown */
};

/*
 * The file is found, and told apart from others by its build-id, now. 0: it was, now or before.
 * -ENOENT: it cannot be had; it is known by its path alone, and looked for again when it is named
 * or seen again. -EINVAL: not an id of a file. -ENOSPC: 65,536 files are known.
 * What cannot be opened later is kept open, for the 128 files seen last, until symbols_resolve().
 */
int symbols_file_seen(struct symbols *s, const struct file_sighting *seen);

/*
 * A descriptor, to be closed, of exactly the file of that id, or of the vDSO's image. -ENOENT: it
 * was never seen, cannot be had any more, or is none; else as open(2). A file that was not found is
 * looked for again after a second at the earliest.
 */
int symbols_file_open(struct symbols *s, uint64_t file);

enum location_kind {
	LOCATION_FILE,
	LOCATION_DELETED,   /* a file that has no name any more */
	LOCATION_VDSO,      /* path "[vdso]" */
	LOCATION_ANONYMOUS, /* generated code; path "[jit PID]" if it has a perf map, "[anonymous]"
			       else */
};

#define SYMBOLS_NO_FILE UINT32_MAX

struct location {
	enum location_kind kind;
	/*
	 * From our own root, or from that of the mount namespace in which it was found; of a file
	 * that was not found, from the root of its file system, "[inode NUMBER]" where not even
	 * that is known. Lives as long as the struct symbols.
	 */
	const char *path;
	/*
	 * Hex digits of the GNU build-id. A file without one has 16 digits made from its contents
	 * here, so that two files of one path are told apart. Empty: not an ELF file, or it could
	 * not be read. Lives as long as the struct symbols.
	 */
	const char *build_id;
	uint64_t offset; /* in the file; for generated code: the address itself */
	uint32_t file;   /* a handle for naming, SYMBOLS_NO_FILE where there is no file */
};

/* -ENOENT: no file (WIRE_FILE_NONE), or one that was never seen. */
int symbols_locate(struct symbols *s, uint64_t file, uint64_t offset, struct location *out);

/* ---- naming ---- */

/* A function that the compiler inlined, and the line that was reached in it. */
struct name_inlined {
	const char *function; /* demangled, NULL = no name */
	const char *source;   /* NULL = unknown */
	uint32_t line;        /* 0 = unknown */
};

/* Functions inlined into each other at one place; of more than that the innermost are left out. */
#define SYMBOLS_INLINED 32

struct name_request {
	/* in */
	uint32_t pid;         /* a process that maps the file, 0 = none known */
	uint32_t file;        /* location.file, or SYMBOLS_NO_FILE */
	const char *path;     /* location.path */
	const char *build_id; /* location.build_id */
	uint64_t offset;      /* location.offset; of a return address, subtract 1 first */
	bool functions_only;  /* no lines, no inlined functions; the same for all of a file */

	/* out; text is valid until the next symbols_name() or symbols_resolve() */
	const char *function; /* demangled, NULL = no name */
	const char *source;   /* source file, NULL = unknown */
	uint32_t line; /* 0 = unknown; where functions are inlined: of the call of inlined[0] */
	/*
	 * What was inlined at the offset, outermost first: inlined[0] into `function`, inlined[1]
	 * into that, and so on. Each with the line of the next one's call, the last with that of
	 * the offset itself.
	 */
	const struct name_inlined *inlined;
	size_t inlined_count;
	/*
	 * Offset in the file at which the function begins; of one without a name as the unwind
	 * table tells. 0 = unknown.
	 */
	uint64_t start;
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
 * Names the user frames of the recording that were not looked up yet. Returns how many functions
 * were named.
 */
size_t symbols_resolve(struct symbols *s, struct recording *rec);
/*
 * The same where time is short, within a window: of files that can be opened later as well only the
 * functions are looked up. Their lines and inlined functions, which take ten times as long where
 * debug files are compressed, are left to the next symbols_resolve(); after that one,
 * stacks_expand() is to be called for all stacks.
 */
size_t symbols_resolve_quick(struct symbols *s, struct recording *rec);

/* ---- names kept on disk ---- */

struct names_cache;

/*
 * From now on functions that a file has no name for any more are named as they were when the same
 * build was met with its symbols, or its debug file; what is met with them is noted, to be kept in
 * this directory. The directory is made, its parent is not; where it cannot be had, all is as
 * without.
 */
void symbols_keep_names(struct symbols *s, const char *directory);
/*
 * Hands over what was noted, with the files that it is of: for names_cache_store(), at a time when
 * nobody waits. NULL: nothing is to be kept.
 */
struct names_cache *symbols_take_names(struct symbols *s);
/* What was noted until now is written by a thread of its own, at the lowest priority. */
void symbols_store_names(struct symbols *s);
/*
 * Writes the names of files that are not there yet; begins with none when so much time is over. The
 * largest takes 0.2 s. NULL is nothing.
 */
void names_cache_store(struct names_cache *names, uint64_t ns);
void names_cache_free(struct names_cache *names);

/* ---- debug files from servers ---- */

/* Only where the user has asked for it: it tells servers the build-ids of what runs here. */
struct symbols_fetch {
	/*
	 * Called some times a second while a file is fetched (`path`: of the file whose debug file
	 * it is; bytes; total 0 = unknown). False ends all fetching. NULL = nothing is told.
	 */
	bool (*progress)(void *context, const char *path, uint64_t done, uint64_t total);
	void *context;
};

struct symbols_fetched {
	uint32_t fetched; /* debug files fetched, or found in the library's cache */
	uint32_t missing; /* that no server had, or that could not be had in time */
};

/*
 * Can files be fetched here? To be asked before any thread is started: it sets the environment of
 * the library that does it. -ENOTSUP: the library is not installed; -EINVAL: no server is known.
 */
int symbols_fetch_check(struct error *error);
/*
 * Names the user frames of the recording anew that have no function or no line, with debug files
 * that are fetched: those of the modules that most samples are in first, for two minutes in all at
 * most. symbols_resolve() must have been called before, stacks_expand() must be called after it.
 */
struct symbols_fetched symbols_fetch(struct symbols *s, struct recording *rec,
				     const struct symbols_fetch *fetch);

#endif
