/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mounted where: /proc/PID/mountinfo, proc(5). */
#ifndef STRAIT_SYMBOLS_MOUNTS_H
#define STRAIT_SYMBOLS_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct mount {
	uint64_t dev;      /* dev_t of the file system */
	const char *root;  /* the part of the file system that is mounted, "/" = all of it */
	const char *point; /* where, in the root of the process */
	const char *type;  /* "ext4" */
};

/* False ends it. The text of `mount` is valid during the call. */
typedef bool mount_visit(void *context, const struct mount *mount);

/* The mounts that a process sees, 0 = ourselves. -errno: its list could not be opened. */
int mounts_each(uint32_t pid, mount_visit *visit, void *context);

/* True when the process is alive and sees other mounts than we do. */
bool mounts_differ(uint32_t pid);

/* One line of the list, changed in place; false if it is none. */
bool mount_parse(struct mount *mount, char *line);

#endif
