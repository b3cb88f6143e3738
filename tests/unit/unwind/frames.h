/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes call frame information byte by byte, and small ELF files around it. */
#ifndef STRAIT_TESTS_UNWIND_FRAMES_H
#define STRAIT_TESTS_UNWIND_FRAMES_H

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "unwind_table.h"
#include "util/vec.h"

struct bytes {
	uint8_t *at;
	size_t len, cap;
};

/* Little endian, as this machine is. */
static inline void put(struct bytes *b, size_t size, uint64_t value)
{
	memcpy(vec_extend(b, size), &value, size);
}

static inline void put_all(struct bytes *b, const void *bytes, size_t size)
{
	if (size)
		memcpy(vec_extend(b, size), bytes, size);
}

static inline void put_uleb(struct bytes *b, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		put(b, 1, value | 0x80);
	put(b, 1, value);
}

/* An entry with its length before it, padded with DW_CFA_nop. */
static inline void put_entry(struct bytes *section, struct bytes *body, bool wide)
{
	while ((section->len + body->len) % 4)
		put(body, 1, 0);
	if (wide)
		put(section, 4, UINT32_MAX);
	put(section, wide ? 8 : 4, body->len);
	put_all(section, body->at, body->len);
	vec_free(body);
}

/* CFA = rsp + 8, return address at CFA - 8: what holds at the beginning of any function. */
#define AT_CALL "\x0c\x07\x08\x90\x01"

/* A CIE of .eh_frame with addresses as plain 8 bytes; returns its offset. */
static inline size_t put_cie(struct bytes *section, const char *letters, const char *data,
			     size_t data_length)
{
	size_t offset = section->len;
	struct bytes body = {};

	put(&body, 4, 0);
	put(&body, 1, 1);
	put_all(&body, letters, strlen(letters) + 1);
	put_all(&body, "\x01\x78\x10", 3); /* units 1 and -8, return address in 16 */
	if (*letters == 'z')
		put_uleb(&body, data_length);
	put_all(&body, data, data_length);
	put_all(&body, AT_CALL, sizeof(AT_CALL) - 1);
	put_entry(section, &body, false);
	return offset;
}

static inline size_t put_plain_cie(struct bytes *section)
{
	return put_cie(section, "zR", "\x04", 1);
}

/* An FDE for a CIE with such addresses. */
static inline void put_fde(struct bytes *section, size_t cie, uint64_t begin, uint64_t length,
			   const void *program, size_t program_length)
{
	struct bytes body = {};

	put(&body, 4, section->len + 4 - cie);
	put(&body, 8, begin);
	put(&body, 8, length);
	put_uleb(&body, 0);
	put_all(&body, program, program_length);
	put_entry(section, &body, false);
}

/* ---- ELF files ---- */

/* Where the code of such a file is: its offsets are these addresses - CODE_DELTA. */
#define CODE_ADDRESS 0x401000ul
#define CODE_OFFSET  0x2000ul
#define CODE_DELTA   (CODE_ADDRESS - CODE_OFFSET)

struct elf_section {
	const char *name;
	const void *bytes;
	size_t size;
	uint64_t flags, address;
};

/*
 * A file in memory: headers, the sections, then `code_size` bytes of code in an executable segment
 * of its own, and last the section table.
 */
static inline int make_elf(uint16_t machine, const struct elf_section *sections, size_t count,
			   size_t code_size)
{
	Elf64_Phdr segments[] = {
		{.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0x400000, .p_filesz = 0x1000},
		{.p_type = PT_LOAD,
		 .p_flags = PF_R | PF_X,
		 .p_offset = CODE_OFFSET,
		 .p_vaddr = CODE_ADDRESS,
		 .p_filesz = code_size},
	};
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (uint16_t)(count + 2),
		.e_shstrndx = (uint16_t)(count + 1),
	};
	Elf64_Shdr table[8] = {};
	struct bytes names = {}, data = {};
	int fd = memfd_create("strait-test", MFD_CLOEXEC);
	size_t at = CODE_OFFSET + code_size;

	put(&names, 1, 0);
	for (size_t i = 0; i < count; i++) {
		table[i + 1] = (Elf64_Shdr){
			.sh_name = (uint32_t)names.len,
			.sh_type = SHT_PROGBITS,
			.sh_flags = sections[i].flags,
			.sh_addr = sections[i].address,
			.sh_offset = at + data.len,
			.sh_size = sections[i].size,
		};
		put_all(&names, sections[i].name, strlen(sections[i].name) + 1);
		put_all(&data, sections[i].bytes, sections[i].size);
	}
	table[count + 1] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB, .sh_offset = at + data.len, .sh_size = names.len};
	put_all(&data, names.at, names.len);
	header.e_shoff = at + data.len;
	put_all(&data, table, (count + 2) * sizeof(*table));
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &header, sizeof(header), 0), sizeof(header));
	assert_int_equal(pwrite(fd, segments, sizeof(segments), sizeof(header)), sizeof(segments));
	assert_int_equal(pwrite(fd, data.at, data.len, (off_t)at), data.len);
	vec_free(&names);
	vec_free(&data);
	return fd;
}

#endif
