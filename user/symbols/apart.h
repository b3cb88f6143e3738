/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading strangers' files for their names in a process apart (util/reader.h). Where there is none,
 * in this one.
 */
#ifndef STRAIT_SYMBOLS_APART_H
#define STRAIT_SYMBOLS_APART_H

#include "symbols/group.h"

/* Is there such a process? See reader_is_there(). */
bool apart_is_there(void);

/* What tells a file's contents from others'. */
struct file_identity {
	char id[IMAGE_ID]; /* image_identity(): hex digits */
	uint64_t layout;   /* image_layout(), 0 = none */
};

/* -ENOEXEC: not an ELF file. -EIO: it ended the process that read it, and `error` says how. */
int apart_identify(int fd, struct file_identity *out, struct error *error);
/*
 * group_answer(); `cpu_ms`: what it may take in a process apart. -EIO as above; -ENOMEM.
 */
int apart_name(const struct naming *naming, enum group_kind kind, uint32_t cpu_ms,
	       struct name_request *const requests[], size_t count, struct error *error);
/* names_image_make() of a file and its debug file (-1: itself); to be freed, NULL = none. */
void *apart_names_make(int fd, int source_fd, size_t *size);

#endif
