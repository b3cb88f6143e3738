/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Allocators of user space: which files hold one, and where its functions are to be probed. A file
 * is an allocator's if it exports malloc(), as C libraries and their replacements do; one without
 * exports (a static program) if it has a symbol of that name.
 */
#ifndef STRAIT_ALLOCATORS_H
#define STRAIT_ALLOCATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counts.h"

#define ALLOCATOR_PROBES 16 /* of one file */

struct allocator_probe {
	enum alloc_call call;
	uint64_t offset; /* in the file: of the instruction to be probed */
	struct alloc_point point;
};

/*
 * The probes of a file: their number, 0 = it holds no allocator, or none for this machine. `fd`
 * stays the caller's. Files are a stranger's: any contents will do.
 */
size_t allocator_probes(int fd, struct allocator_probe out[ALLOCATOR_PROBES]);
/* Could these have come of a file of that many bytes? Whoever read it may say anything. */
bool allocator_probes_check(const struct allocator_probe *probes, size_t count, uint64_t bytes);

#endif
