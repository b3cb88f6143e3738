/* SPDX-License-Identifier: BSD-2-Clause */
#include "util/output.h"

#include <errno.h>

int output_write(FILE *out, const void *bytes, size_t length)
{
	errno = 0;
	if ((length && fwrite(bytes, 1, length, out) != length) || fflush(out))
		return errno ? -errno : -EIO;
	/* An earlier write into this stream failed, and nobody noticed. */
	return ferror(out) ? -EIO : 0;
}
