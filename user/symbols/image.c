/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/image.h"

/* Linked files have some 40 sections and 13 segments. */
#define MAX_SECTIONS 4096
#define MAX_SEGMENTS 256
#define MAX_NAMES    (256u << 10)
#define MAX_NOTES    (64u << 10)
#define PART         4096

static bool fd_read(int fd, uint64_t offset, void *to, size_t length)
{
	char *at = to;

	while (length) {
		ssize_t got = pread(fd, at, length, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		offset += (uint64_t)got;
		length -= (size_t)got;
	}
	return true;
}

bool image_read(const struct image *image, uint64_t offset, void *to, size_t length)
{
	if (offset > image->size || length > image->size - offset)
		return false;
	return fd_read(image->fd, offset, to, length);
}

bool image_read_text(const struct image *image, uint64_t offset, uint64_t limit, char *to,
		     size_t size)
{
	size_t length = size;

	if (limit > image->size)
		limit = image->size;
	if (offset >= limit)
		return false;
	if (limit - offset < length)
		length = (size_t)(limit - offset);
	return image_read(image, offset, to, length) && memchr(to, '\0', length);
}

/* ---- headers; those of 32-bit files are widened ---- */

static void widen_header(const Elf32_Ehdr *from, Elf64_Ehdr *to)
{
	memcpy(to->e_ident, from->e_ident, EI_NIDENT);
	to->e_type = from->e_type;
	to->e_machine = from->e_machine;
	to->e_phoff = from->e_phoff;
	to->e_shoff = from->e_shoff;
	to->e_phentsize = from->e_phentsize;
	to->e_phnum = from->e_phnum;
	to->e_shentsize = from->e_shentsize;
	to->e_shnum = from->e_shnum;
	to->e_shstrndx = from->e_shstrndx;
}

static bool header_read(struct image *image, Elf64_Ehdr *header)
{
	Elf32_Ehdr narrow;

	*header = (Elf64_Ehdr){};
	if (!image_read(image, 0, header->e_ident, EI_NIDENT) ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (header->e_ident[EI_DATA] !=
	    (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB))
		return false;
	image->is_64 = header->e_ident[EI_CLASS] == ELFCLASS64;
	if (image->is_64)
		return image_read(image, 0, header, sizeof(*header)) &&
		       (!header->e_phnum || header->e_phentsize == sizeof(Elf64_Phdr)) &&
		       (!header->e_shnum || header->e_shentsize == sizeof(Elf64_Shdr));
	if (header->e_ident[EI_CLASS] != ELFCLASS32 ||
	    !image_read(image, 0, &narrow, sizeof(narrow)))
		return false;
	widen_header(&narrow, header);
	return (!header->e_phnum || header->e_phentsize == sizeof(Elf32_Phdr)) &&
	       (!header->e_shnum || header->e_shentsize == sizeof(Elf32_Shdr));
}

/* A whole table of headers, to be freed; NULL if it does not lie in the file. */
static void *table_read(const struct image *image, uint64_t offset, size_t count, size_t entry)
{
	void *table = calloc(count, entry);

	if (table && image_read(image, offset, table, count * entry))
		return table;
	free(table);
	return NULL;
}

static Elf64_Phdr *segments_read(const struct image *image, const Elf64_Ehdr *header)
{
	Elf32_Phdr *narrow;
	Elf64_Phdr *wide;

	if (header->e_phnum > MAX_SEGMENTS)
		return NULL;
	if (image->is_64)
		return table_read(image, header->e_phoff, header->e_phnum, sizeof(*wide));
	narrow = table_read(image, header->e_phoff, header->e_phnum, sizeof(*narrow));
	wide = narrow ? calloc(header->e_phnum, sizeof(*wide)) : NULL;
	for (size_t i = 0; wide && i < header->e_phnum; i++)
		wide[i] = (Elf64_Phdr){
			.p_type = narrow[i].p_type,
			.p_flags = narrow[i].p_flags,
			.p_offset = narrow[i].p_offset,
			.p_vaddr = narrow[i].p_vaddr,
			.p_filesz = narrow[i].p_filesz,
			.p_align = narrow[i].p_align,
		};
	free(narrow);
	return wide;
}

static Elf64_Shdr *sections_read(const struct image *image, const Elf64_Ehdr *header)
{
	Elf32_Shdr *narrow;
	Elf64_Shdr *wide;

	if (header->e_shnum > MAX_SECTIONS)
		return NULL;
	if (image->is_64)
		return table_read(image, header->e_shoff, header->e_shnum, sizeof(*wide));
	narrow = table_read(image, header->e_shoff, header->e_shnum, sizeof(*narrow));
	wide = narrow ? calloc(header->e_shnum, sizeof(*wide)) : NULL;
	for (size_t i = 0; wide && i < header->e_shnum; i++)
		wide[i] = (Elf64_Shdr){
			.sh_name = narrow[i].sh_name,
			.sh_type = narrow[i].sh_type,
			.sh_flags = narrow[i].sh_flags,
			.sh_addr = narrow[i].sh_addr,
			.sh_offset = narrow[i].sh_offset,
			.sh_size = narrow[i].sh_size,
			.sh_link = narrow[i].sh_link,
			.sh_entsize = narrow[i].sh_entsize,
		};
	free(narrow);
	return wide;
}

static bool segments_load(struct image *image, const Elf64_Ehdr *header)
{
	Elf64_Phdr *raw;

	if (!header->e_phnum)
		return true;
	raw = segments_read(image, header);
	image->segments = raw ? calloc(header->e_phnum, sizeof(*image->segments)) : NULL;
	for (size_t i = 0; image->segments && i < header->e_phnum; i++) {
		if (raw[i].p_type != PT_LOAD ||
		    raw[i].p_offset + raw[i].p_filesz < raw[i].p_offset ||
		    raw[i].p_vaddr + raw[i].p_filesz < raw[i].p_vaddr)
			continue;
		image->segments[image->segment_count++] = (struct image_segment){
			.offset = raw[i].p_offset,
			.address = raw[i].p_vaddr,
			.file_size = raw[i].p_filesz,
			.flags = raw[i].p_flags,
		};
	}
	free(raw);
	return image->segments;
}

static bool lies_within(const struct image *image, const Elf64_Shdr *section)
{
	return section->sh_offset <= image->size &&
	       section->sh_size <= image->size - section->sh_offset;
}

static void section_set(struct image_section *section, const Elf64_Shdr *raw, const char *names,
			size_t names_size)
{
	*section = (struct image_section){
		.type = raw->sh_type,
		.link = raw->sh_link,
		.flags = raw->sh_flags,
		.address = raw->sh_addr,
		.offset = raw->sh_offset,
		.size = raw->sh_size,
		.entry_size = raw->sh_entsize,
	};
	if (raw->sh_name < names_size)
		snprintf(section->name, sizeof(section->name), "%.*s",
			 (int)strnlen(names + raw->sh_name, names_size - raw->sh_name),
			 names + raw->sh_name);
}

/* Files without a section table are legal: they have segments only. */
static bool sections_load(struct image *image, const Elf64_Ehdr *header)
{
	Elf64_Shdr *raw, *table;
	size_t names_size = 0;
	char *names = NULL;

	if (!header->e_shnum || !header->e_shoff)
		return true;
	raw = sections_read(image, header);
	image->sections = raw ? calloc(header->e_shnum, sizeof(*image->sections)) : NULL;
	table = raw && header->e_shstrndx < header->e_shnum ? &raw[header->e_shstrndx] : NULL;
	if (table && table->sh_size <= MAX_NAMES && lies_within(image, table)) {
		names = table_read(image, table->sh_offset, 1, table->sh_size);
		names_size = names ? table->sh_size : 0;
	}
	for (size_t i = 0; image->sections && i < header->e_shnum; i++) {
		section_set(&image->sections[i], &raw[i], names, names_size);
		/* A section that claims bytes outside of the file has none. */
		if (raw[i].sh_type != SHT_NOBITS && !lies_within(image, &raw[i]))
			image->sections[i].type = SHT_NULL;
	}
	image->section_count = image->sections ? header->e_shnum : 0;
	free(names);
	free(raw);
	return image->sections;
}

static bool image_begin(struct image *image, int fd, Elf64_Ehdr *header)
{
	struct stat stat;

	*image = (struct image){.fd = fd};
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode))
		return false;
	image->size = (uint64_t)stat.st_size;
	return header_read(image, header);
}

int image_open(struct image *image, int fd)
{
	struct image opened;
	Elf64_Ehdr header;

	if (!image_begin(&opened, fd, &header))
		return -ENOEXEC;
	opened.machine = header.e_machine;
	opened.type = header.e_type;
	if (!segments_load(&opened, &header) || !sections_load(&opened, &header)) {
		opened.fd = -1;
		image_close(&opened);
		return -ENOEXEC;
	}
	*image = opened;
	return 0;
}

void image_close(struct image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	free(image->segments);
	free(image->sections);
	*image = (struct image){.fd = -1};
}

const struct image_section *image_section(const struct image *image, const char *name)
{
	for (size_t i = 0; i < image->section_count; i++) {
		const struct image_section *section = &image->sections[i];

		if (section->type != SHT_NULL && section->type != SHT_NOBITS &&
		    !strcmp(section->name, name))
			return section;
	}
	return NULL;
}

const struct image_section *image_section_of_type(const struct image *image, uint32_t type)
{
	for (size_t i = 0; i < image->section_count; i++)
		if (image->sections[i].type == type)
			return &image->sections[i];
	return NULL;
}

bool image_address(const struct image *image, uint64_t offset, uint64_t *address)
{
	/* The executable segment counts where, as in some small files, segments share file pages.
	 */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < image->segment_count; i++) {
			const struct image_segment *segment = &image->segments[i];

			if ((segment->flags & PF_X ? 0 : 1) != pass || offset < segment->offset ||
			    offset - segment->offset >= segment->file_size)
				continue;
			*address = segment->address + (offset - segment->offset);
			return true;
		}
	return false;
}

static const struct image_segment *segment_at(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];

		if (address >= segment->address && address - segment->address < segment->file_size)
			return segment;
	}
	return NULL;
}

bool image_offset(const struct image *image, uint64_t address, uint64_t *offset)
{
	const struct image_segment *segment = segment_at(image, address);

	if (!segment)
		return false;
	*offset = segment->offset + (address - segment->address);
	return true;
}

bool image_executable(const struct image *image, uint64_t address)
{
	const struct image_segment *segment = segment_at(image, address);

	return segment && segment->flags & PF_X;
}

/* ---- identity ---- */

static void hex_write(char *to, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

/* Notes: name size, description size, type; then both, each padded to the alignment. */
static bool notes_search(const uint8_t *notes, size_t length, size_t align, char id[IMAGE_ID])
{
	while (length >= 12) {
		uint32_t name, description, type;
		size_t name_end, end;

		memcpy(&name, notes, 4);
		memcpy(&description, notes + 4, 4);
		memcpy(&type, notes + 8, 4);
		if (name > length || description > length)
			return false;
		name_end = (12 + name + align - 1) & ~(align - 1);
		end = (name_end + description + align - 1) & ~(align - 1);
		if (name_end + description > length)
			return false;
		if (type == NT_GNU_BUILD_ID && name == 4 && !memcmp(notes + 12, "GNU", 4) &&
		    description && 2 * description < IMAGE_ID) {
			hex_write(id, notes + name_end, description);
			return true;
		}
		if (end >= length)
			return false;
		notes += end;
		length -= end;
	}
	return false;
}

bool image_build_id(const struct image *image, char id[IMAGE_ID])
{
	uint8_t *notes = malloc(MAX_NOTES);
	bool found = false;

	for (size_t i = 0; notes && !found && i < image->section_count; i++) {
		const struct image_section *section = &image->sections[i];
		size_t length = section->size < MAX_NOTES ? section->size : MAX_NOTES;

		if (section->type == SHT_NOTE && image_read(image, section->offset, notes, length))
			found = notes_search(notes, length, 4, id);
	}
	free(notes);
	return found;
}

/* As the kernel finds it: by the segments, which a stripped section table does not take away. */
static bool segment_build_id(const struct image *image, const Elf64_Ehdr *header, char id[IMAGE_ID])
{
	Elf64_Phdr *segments = header->e_phnum ? segments_read(image, header) : NULL;
	uint8_t notes[PART];
	bool found = false;

	for (size_t i = 0; segments && !found && i < header->e_phnum; i++) {
		const Elf64_Phdr *segment = &segments[i];
		size_t length = segment->p_filesz < PART ? segment->p_filesz : PART;

		if (segment->p_type == PT_NOTE &&
		    image_read(image, segment->p_offset, notes, length))
			found = notes_search(notes, length, segment->p_align == 8 ? 8 : 4, id);
	}
	free(segments);
	return found;
}

/* FNV-1a (Fowler, Noll, Vo), 64 bits: it must be the same in every run, on every host. */
static uint64_t fnv(uint64_t hash, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ull;
	return hash;
}

static void contents_id(const struct image *image, char id[IMAGE_ID])
{
	size_t length = image->size < PART ? image->size : PART;
	uint64_t hash = fnv(0xcbf29ce484222325ull, &image->size, sizeof(image->size));
	uint8_t part[PART];

	if (image_read(image, 0, part, length))
		hash = fnv(hash, part, length);
	if (image_read(image, image->size - length, part, length))
		hash = fnv(hash, part, length);
	snprintf(id, IMAGE_ID, "%016lx", hash);
}

int image_identity(int fd, char id[IMAGE_ID])
{
	struct image image;
	Elf64_Ehdr header;

	if (!image_begin(&image, fd, &header))
		return -ENOEXEC;
	if (segment_build_id(&image, &header, id))
		return 0;
	/* Relocatable files and separate debug files may have the note in a section only. */
	if (!sections_load(&image, &header) || !image_build_id(&image, id))
		contents_id(&image, id);
	image.fd = -1;
	image_close(&image);
	return 0;
}

uint64_t image_layout(const struct image *image)
{
	uint64_t hash = fnv(0xcbf29ce484222325ull, &image->machine, sizeof(image->machine));

	for (size_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segments[i];
		const uint64_t parts[] = {segment->offset, segment->address, segment->file_size,
					  segment->flags};

		hash = fnv(hash, parts, sizeof(parts));
	}
	return hash;
}

uint64_t image_layout_of(int fd)
{
	struct image image;
	Elf64_Ehdr header;
	uint64_t layout = 0;

	if (!image_begin(&image, fd, &header))
		return 0;
	image.machine = header.e_machine;
	if (segments_load(&image, &header))
		layout = image_layout(&image);
	image.fd = -1;
	image_close(&image);
	return layout;
}
