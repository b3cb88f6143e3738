/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols/section.h"

/* Of the small symbol table that some distributions put into their programs; they have some 200 KB.
 */
#define MAX_DEBUGDATA       (32u << 20)
#define MAX_DEBUGDATA_STATE (16u << 20) /* memory of the xz decoder; xz -6 needs 9 MiB */
/* Of zstd's memory most is the window; linkers compress with levels whose windows have 2 to 8 MiB.
 */
#define MAX_ZSTD_WINDOW_LOG 24

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

static bool unpacking_begin(struct section_stream *stream, uint32_t type)
{
	if (type == ELFCOMPRESS_ZLIB && inflateInit(&stream->z) == Z_OK) {
		stream->packing = SECTION_ZLIB;
		return true;
	}
	if (type != ELFCOMPRESS_ZSTD)
		return false;
	stream->zstd = ZSTD_createDCtx();
	if (!stream->zstd)
		return false;
	stream->packing = SECTION_ZSTD;
	return !ZSTD_isError(
		ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, MAX_ZSTD_WINDOW_LOG));
}

/* The header of a compressed section. */
static bool compression_read(struct section_stream *stream)
{
	Elf64_Chdr wide;
	Elf32_Chdr narrow;
	size_t length = stream->image->is_64 ? sizeof(wide) : sizeof(narrow);

	if (stream->stored < length)
		return false;
	if (stream->image->is_64) {
		if (!image_read(stream->image, stream->offset, &wide, length))
			return false;
	} else {
		if (!image_read(stream->image, stream->offset, &narrow, length))
			return false;
		wide = (Elf64_Chdr){.ch_type = narrow.ch_type, .ch_size = narrow.ch_size};
	}
	if (!unpacking_begin(stream, wide.ch_type))
		return false;
	stream->offset += length;
	stream->stored -= length;
	stream->left = wide.ch_size;
	return true;
}

bool section_open(struct section_stream *stream, const struct image *image, const char *name)
{
	const struct image_section *section = image_section(image, name);

	stream->packing = SECTION_PLAIN;
	stream->zstd = NULL;
	if (!section)
		return false;
	stream->image = image;
	stream->offset = section->offset;
	stream->stored = stream->left = section->size;
	stream->z = (z_stream){};
	stream->zstd_in = (ZSTD_inBuffer){};
	return !(section->flags & SHF_COMPRESSED) || compression_read(stream);
}

void section_close(struct section_stream *stream)
{
	if (stream->packing == SECTION_ZLIB)
		inflateEnd(&stream->z);
	ZSTD_freeDCtx(stream->zstd);
	stream->zstd = NULL;
	stream->packing = SECTION_PLAIN;
}

/* The next stored bytes into the buffer; false when they cannot be read. */
static bool stored_next(struct section_stream *stream, size_t *length)
{
	*length = sizeof(stream->buffer);
	if (stream->stored < *length)
		*length = (size_t)stream->stored;
	if (!image_read(stream->image, stream->offset, stream->buffer, *length))
		return false;
	stream->offset += *length;
	stream->stored -= *length;
	return true;
}

static bool inflate_next(struct section_stream *stream, void *to, size_t length)
{
	stream->z.next_out = to;
	stream->z.avail_out = (uInt)length;
	while (stream->z.avail_out) {
		size_t part;
		int status;

		if (!stream->z.avail_in && stream->stored) {
			if (!stored_next(stream, &part))
				return false;
			stream->z.next_in = stream->buffer;
			stream->z.avail_in = (uInt)part;
		}
		status = inflate(&stream->z, Z_NO_FLUSH);
		if (status == Z_STREAM_END && !stream->z.avail_out)
			return true;
		if (status != Z_OK)
			return false;
	}
	return true;
}

static bool zstd_next(struct section_stream *stream, void *to, size_t length)
{
	ZSTD_outBuffer out = {.dst = to, .size = length};

	while (out.pos < out.size) {
		size_t before = out.pos, at = stream->zstd_in.pos, part;

		if (at == stream->zstd_in.size && stream->stored) {
			if (!stored_next(stream, &part))
				return false;
			stream->zstd_in = (ZSTD_inBuffer){.src = stream->buffer, .size = part};
			at = 0;
		}
		if (ZSTD_isError(ZSTD_decompressStream(stream->zstd, &out, &stream->zstd_in)))
			return false;
		/* Nothing more comes in or out: the data ends too early. */
		if (out.pos == before && stream->zstd_in.pos == at && !stream->stored)
			return false;
	}
	return true;
}

bool section_next(struct section_stream *stream, void *to, uint64_t length)
{
	uint8_t skipped[4096] = {};

	if (length > stream->left)
		return false;
	if (stream->packing == SECTION_PLAIN) {
		if (to && !image_read(stream->image, stream->offset, to, length))
			return false;
		stream->offset += length;
		stream->left -= length;
		return true;
	}
	while (length) {
		size_t most = to ? 1u << 30 : sizeof(skipped);
		size_t part = length < most ? (size_t)length : most;

		void *out = to ? to : skipped;

		if (!(stream->packing == SECTION_ZLIB ? inflate_next(stream, out, part)
						      : zstd_next(stream, out, part)))
			return false;
		to = to ? (char *)to + part : NULL;
		length -= part;
		stream->left -= part;
	}
	return true;
}

char *section_load(const struct image *image, const char *name, uint64_t limit, size_t *size)
{
	struct section_stream stream;
	char *bytes = NULL;

	if (section_open(&stream, image, name) && stream.left <= limit) {
		*size = (size_t)stream.left;
		bytes = malloc(*size + 1);
		if (bytes && !section_next(&stream, bytes, *size)) {
			free(bytes);
			bytes = NULL;
		} else if (bytes) {
			bytes[*size] = '\0';
		}
	}
	section_close(&stream);
	return bytes;
}

static bool write_all(int fd, const uint8_t *bytes, size_t length)
{
	while (length) {
		ssize_t put = write(fd, bytes, length);

		if (put <= 0)
			return false;
		bytes += put;
		length -= (size_t)put;
	}
	return true;
}

/* Decodes all of `stream`'s input into fd; false when it is broken or too long. */
static bool unpack(lzma_stream *xz, int fd)
{
	uint8_t out[16 << 10];
	size_t total = 0;
	lzma_ret status;

	do {
		xz->next_out = out;
		xz->avail_out = sizeof(out);
		status = lzma_code(xz, LZMA_FINISH);
		total += sizeof(out) - xz->avail_out;
		if ((status != LZMA_OK && status != LZMA_STREAM_END) || total > MAX_DEBUGDATA ||
		    !write_all(fd, out, sizeof(out) - xz->avail_out))
			return false;
	} while (status != LZMA_STREAM_END);
	return true;
}

int section_unpack_debugdata(const struct image *image)
{
	lzma_stream xz = LZMA_STREAM_INIT;
	size_t size = 0;
	char *packed = section_load(image, ".gnu_debugdata", MAX_DEBUGDATA / 4, &size);
	int fd = -1;

	if (packed && lzma_stream_decoder(&xz, MAX_DEBUGDATA_STATE, 0) == LZMA_OK) {
		xz.next_in = (uint8_t *)packed;
		xz.avail_in = size;
		fd = memfd_create("strait-symbols", MFD_CLOEXEC);
		if (fd >= 0 && !unpack(&xz, fd)) {
			close(fd);
			fd = -1;
		}
	}
	lzma_end(&xz);
	free(packed);
	return fd;
}
