/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways to open a regular file that a stranger names. Nothing but a regular file is ever opened: a
 * pipe is not waited for, a device not touched. All return a descriptor, to be closed, or -errno.
 */
#ifndef STRAIT_SYMBOLS_OPENING_H
#define STRAIT_SYMBOLS_OPENING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By its path in the root of a process (0: in our own); links are followed inside that root. */
int file_open_path(uint32_t pid, const char *path);
/* Likewise, but a link anywhere in the path ends it: -ELOOP. */
int file_open_path_direct(uint32_t pid, const char *path);
/*
 * By its path in the file system that is mounted at `point` in the root of a process (0: our own):
 * no link is followed and no other mount entered, as the kernel's own paths need neither. An empty
 * path stands for the point itself.
 */
int file_open_mounted(uint32_t pid, const char *point, const char *path);
/* By its path below an open folder: no link is followed and no mount entered (a user's own may
 * never answer). */
int file_open_below(int folder, const char *path);
/* The file that is mapped there itself, whatever its path leads to by now. */
int file_open_mapped(uint32_t pid, uint64_t start, uint64_t end);
/* The process's executable itself. */
int file_open_executable(uint32_t pid);
/* Its path as the process's root has it, " (deleted)" behind one that is; its length, 0 = none. */
size_t file_executable_path(uint32_t pid, char path[PATH_MAX]);
/* Our own vDSO, as a file in memory: it is the same in all processes of this machine's kind. */
int file_open_vdso(void);

#endif
