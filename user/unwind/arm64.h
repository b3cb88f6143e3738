/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of table: code of aarch64 that files do not describe, and how it is known. */
#ifndef STRAIT_UNWIND_ARM64_H
#define STRAIT_UNWIND_ARM64_H

#include "symbols/image.h"
#include "unwind/cfi.h"

/* Procedure linkage tables, and where signal handlers return to. */
void arm64_collect(const struct image *image, const struct cfi_sink *sink);

/* What the C library and the compiler put together in .init or .fini. */
void arm64_startup_tell(const struct image *image, const struct image_section *section,
			const struct cfi_sink *sink);

/* Whether the function at an offset of a Go program is runtime.goexit or runtime.mstart. */
bool arm64_is_go_root(const struct image *image, uint64_t offset, uint64_t length);

#endif
