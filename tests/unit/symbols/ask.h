/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks for the names of single addresses. */
#ifndef STRAIT_TESTS_SYMBOLS_ASK_H
#define STRAIT_TESTS_SYMBOLS_ASK_H

#include <fcntl.h>

#include "set_up.h"
#include "symbols/image.h"

/*
 * The answer for an address of a file, which without a path is in the fixture's directory; its text
 * is valid until the next one.
 */
static inline struct name_request name_at(const char *name, uint64_t address)
{
	static char path[512], id[IMAGE_ID];
	struct name_request request = {.file = SYMBOLS_NO_FILE, .path = path, .build_id = id};
	struct image image;
	int fd;

	if (*name == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", fixture_directory, name);
	fd = open(path, O_RDONLY);
	assert_int_equal(image_identity(fd, id), 0);
	assert_int_equal(image_open(&image, fd), 0);
	assert_true(image_offset(&image, address, &request.offset));
	image_close(&image);
	symbols_name(symbols, &request, 1);
	return request;
}

#endif
