/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a section from its beginning to its end, unpacking it where it is compressed. */
#ifndef STRAIT_SYMBOLS_SECTION_H
#define STRAIT_SYMBOLS_SECTION_H

#include <zlib.h>
#include <zstd.h>

#include "symbols/image.h"

struct section_stream {
	const struct image *image;
	uint64_t offset, stored; /* in the file: where to read next, and how much is left */
	uint64_t left;           /* bytes still to come out of it, as the file says */
	enum {
		SECTION_PLAIN,
		SECTION_ZLIB,
		SECTION_ZSTD,
	} packing;
	z_stream z;
	ZSTD_DCtx *zstd;
	ZSTD_inBuffer zstd_in;
	uint8_t buffer[16 << 10];
};

/* False where there is no such section, or it is compressed in a way that is not known here. */
bool section_open(struct section_stream *stream, const struct image *image, const char *name);
void section_close(struct section_stream *stream);
/* The next `length` bytes, or false; `to` NULL skips them. */
bool section_next(struct section_stream *stream, void *to, uint64_t length);

/* A whole section of at most `limit` bytes, to be freed; a NUL follows it. NULL = not to be had. */
char *section_load(const struct image *image, const char *name, uint64_t limit, size_t *size);

/* The ELF file in .gnu_debugdata (xz), as a descriptor of anonymous memory; -1 = none. */
int section_unpack_debugdata(const struct image *image);

#endif
