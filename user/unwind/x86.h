/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of table: code of x86-64 that files do not describe, and how it is known. */
#ifndef STRAIT_UNWIND_X86_H
#define STRAIT_UNWIND_X86_H

#include "symbols/image.h"
#include "unwind/cfi.h"

/* What the C library and the compiler put together in .init or .fini. */
void x86_startup_tell(const struct image *image, const struct image_section *section,
		      const struct cfi_sink *sink);

#endif
