/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unwind tables on disk, so that a file is read once and not at every start. One file a build-id,
 * in a directory that only its owner can write to; what comes out of it is checked like a
 * stranger's all the same.
 */
#ifndef STRAIT_UNWIND_CACHE_H
#define STRAIT_UNWIND_CACHE_H

#include "unwind/table.h"

/* All files together; some 2,000 programs and libraries of common sizes. */
#define UNWIND_CACHE_BYTES (256ull << 20)

/*
 * The directory must be no link, the caller's, and not writable to others: -EPERM where it is not.
 * A build-id is 2 to 64 digits of [0-9a-f]: -EINVAL for any other. On failure `out` is as before.
 *
 * -ENOENT: there is none. -EBADMSG: there is one, but not as it was written.
 */
int unwind_cache_load(const char *directory, const char *build_id, struct unwind_table *out);
/*
 * Replaces what there is; readers see the old file or the new one. Makes the directory, not its
 * parents, and now and then trims it to UNWIND_CACHE_BYTES. -EFBIG: the table alone has an eighth
 * of that.
 */
int unwind_cache_store(const char *directory, const char *build_id,
		       const struct unwind_table *table);
/* Removes those that were not used for longest, until `bytes` are left. */
int unwind_cache_trim(const char *directory, uint64_t bytes);

#endif
