/* SPDX-License-Identifier: BSD-2-Clause */
/* Results on their way out: written whole, errors seen. */
#ifndef STRAIT_OUTPUT_H
#define STRAIT_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Writes all bytes and flushes. 0 or the negative errno of the write that failed: -ENOSPC for a
 * full disk, -EPIPE for a closed pipe (only where SIGPIPE is ignored), -EBADF for a closed stdout.
 */
int output_write(FILE *out, const void *bytes, size_t length);

#endif
