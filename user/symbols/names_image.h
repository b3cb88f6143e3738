/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of a file's functions as a small ELF file of their own, for the cache of names. */
#ifndef STRAIT_SYMBOLS_NAMES_IMAGE_H
#define STRAIT_SYMBOLS_NAMES_IMAGE_H

#include <stddef.h>

#include "symbols/image.h"

/*
 * A file like a separate debug file, with `image`'s build-id and loadable segments and of `source`,
 * which is `image` itself or its debug file, the symbols of functions: one name a place, without
 * versions. image.h and symtab.h read it. To be freed.
 *
 * -ENOENT: no build-id, or no function. -EFBIG: more than a browser has; -ENOEXEC: a table that
 * does not keep to its form; -ENOMEM.
 */
int names_image_make(const struct image *image, const struct image *source, void **out,
		     size_t *size);

#endif
