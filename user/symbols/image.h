/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One open ELF file: its segments and sections, checked, and bounded reads of its contents.
 *
 * This reads with pread() into small buffers rather than through libelf on purpose: the file is a
 * stranger's. Mapped, it can be cut short under our feet (SIGBUS); through libelf's own reads whole
 * sections and section tables are in memory at once, of sizes that the file chooses. Symbols and
 * line tables are streamed instead, so naming needs the same memory for every file.
 */
#ifndef STRAIT_SYMBOLS_IMAGE_H
#define STRAIT_SYMBOLS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IMAGE_ID 65 /* hex digits of a build-id of at most 32 bytes, and the NUL */

struct image_segment {
	uint64_t offset, address, file_size;
	uint32_t flags; /* PF_* */
};

struct image_section {
	char name[24]; /* cut: longer names are of no interest here */
	uint32_t type, link;
	uint64_t flags, address, offset, size, entry_size;
};

struct image {
	int fd;
	bool is_64;
	uint16_t machine, type;
	uint64_t size;
	struct image_segment *segments; /* PT_LOAD only */
	size_t segment_count;
	struct image_section *sections;
	size_t section_count;
};

/*
 * -ENOEXEC: not an ELF file of this machine's byte order, or its headers make no sense. On success
 * the image owns `fd`, on failure the caller keeps it.
 */
int image_open(struct image *image, int fd);
void image_close(struct image *image);

/* Exactly `length` bytes from `offset`, or false. */
bool image_read(const struct image *image, uint64_t offset, void *to, size_t length);
/* The text at `offset`, which must end below `limit` and within `size` bytes; false if not. */
bool image_read_text(const struct image *image, uint64_t offset, uint64_t limit, char *to,
		     size_t size);

/* The first section of that name, or of that type; NULL if there is none. Its bytes lie in the
 * file. */
const struct image_section *image_section(const struct image *image, const char *name);
const struct image_section *image_section_of_type(const struct image *image, uint32_t type);

/* The virtual address of an offset in the file, by the loadable segments; false = not loaded. */
bool image_address(const struct image *image, uint64_t offset, uint64_t *address);
bool image_offset(const struct image *image, uint64_t address, uint64_t *offset);
/* True when an executable segment holds the address. */
bool image_executable(const struct image *image, uint64_t address);

/*
 * What tells this file's contents from others': the GNU build-id, else 16 digits made from its size
 * and its first and last 4 KiB. The same on every host. -ENOEXEC: not ELF.
 */
int image_identity(int fd, char id[IMAGE_ID]);
/*
 * Where its loadable segments lie, and how long they are, to the byte: what stripping leaves as it
 * is, and files that only claim one build-id seldom have in common. The same on every host.
 */
uint64_t image_layout(const struct image *image);
/* Of a file that is not open as an image; 0: not an ELF file. */
uint64_t image_layout_of(int fd);
/* The GNU build-id; false if it has none. */
bool image_build_id(const struct image *image, char id[IMAGE_ID]);

#endif
