/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbols/section.h"
#include "symbols/view.h"
#include "util/clock.h"

#define PART (256u << 10)

static bool unpack(struct section_stream *stream, int fd, uint64_t deadline_ns)
{
	uint8_t *part = malloc(PART);
	bool good = part;

	while (good && stream->left) {
		size_t length = stream->left < PART ? (size_t)stream->left : PART;

		good = time_now() < deadline_ns && section_next(stream, part, length) &&
		       write(fd, part, length) == (ssize_t)length;
	}
	free(part);
	return good;
}

/* The size is what the file claims; memory is taken only as bytes come out. */
static void view_unpack(struct view *view, const struct image *image, const char *name,
			uint64_t *budget, uint64_t deadline_ns)
{
	struct section_stream *stream = calloc(1, sizeof(*stream));
	uint64_t size;
	int fd = -1;

	if (stream && section_open(stream, image, name) && stream->left <= *budget) {
		size = stream->left;
		*budget -= size;
		fd = memfd_create("strait-debug", MFD_CLOEXEC);
		if (fd >= 0 && unpack(stream, fd, deadline_ns)) {
			view->bytes.fd = fd;
			view->bytes.size = view->size = size;
			view->unpacked = true;
		} else if (fd >= 0) {
			close(fd);
		}
	}
	if (stream)
		section_close(stream);
	free(stream);
}

void view_open(struct view *view, const struct image *image, const char *name, uint64_t *budget,
	       uint64_t deadline_ns)
{
	const struct image_section *section = image_section(image, name);

	*view = (struct view){.bytes.fd = -1};
	if (!section)
		return;
	view->window = malloc(VIEW_WINDOW);
	if (!view->window)
		return;
	if (section->flags & SHF_COMPRESSED) {
		view_unpack(view, image, name, budget, deadline_ns);
		return;
	}
	view->bytes.fd = image->fd;
	view->bytes.size = image->size;
	view->offset = section->offset;
	view->size = section->size;
}

void view_close(struct view *view)
{
	if (view->unpacked)
		close(view->bytes.fd);
	free(view->window);
	*view = (struct view){.bytes.fd = -1};
}

struct cursor view_at(struct view *view, uint64_t offset, size_t least)
{
	size_t length = VIEW_WINDOW;
	const uint8_t *at;

	if (offset >= view->size)
		return (struct cursor){};
	if (view->size - offset < length)
		length = (size_t)(view->size - offset);
	if (least > length)
		least = length;
	if (offset < view->at || offset - view->at > view->length ||
	    view->length - (offset - view->at) < least) {
		view->length = 0;
		if (!image_read(&view->bytes, view->offset + offset, view->window, length))
			return (struct cursor){};
		view->at = offset;
		view->length = length;
	}
	at = view->window + (offset - view->at);
	return (struct cursor){at, view->window + view->length, false};
}

uint8_t *view_copy(const struct view *view, uint64_t offset, uint64_t length)
{
	uint8_t *copy;

	if (offset > view->size || length > view->size - offset)
		return NULL;
	copy = malloc(length ? length : 1);
	if (copy && image_read(&view->bytes, view->offset + offset, copy, length))
		return copy;
	free(copy);
	return NULL;
}

void view_text(struct view *view, uint64_t offset, char *to, size_t size)
{
	struct cursor c = view_at(view, offset, 256);
	size_t room = (size_t)(c.end - c.at), length;

	*to = '\0';
	if (!room)
		return;
	if (!memchr(c.at, '\0', room)) {
		c = view_at(view, offset, VIEW_WINDOW);
		room = (size_t)(c.end - c.at);
	}
	length = strnlen((const char *)c.at, room < size - 1 ? room : size - 1);
	memcpy(to, c.at, length);
	to[length] = '\0';
}
