/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer's target for unwind tables: the input is an ELF file of any machine, or the words of a
 * table as a cache on disk holds them. What the builder makes must keep to its form, and a table
 * that keeps to it must be safe to look anything up in.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unwind/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct unwind_table *table)
{
	uint64_t end = ((uint64_t)table->words[2] + table->words[3]) << UNWIND_PAGE_BITS;

	for (uint64_t i = 0; i <= 64; i++)
		unwind_table_find(table, end / 64 * i);
	unwind_table_find(table, UINT64_MAX);
}

static void take_words(const uint8_t *data, size_t size)
{
	size_t count = size / sizeof(uint32_t);
	struct unwind_table table = {.words = malloc(size + 1), .word_count = count};

	memcpy(table.words, data, count * sizeof(uint32_t));
	if (unwind_table_check(table.words, count)) {
		unwind_table_count(&table);
		look_up(&table);
	}
	unwind_table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unwind_table table = {};
	struct error error;
	uint16_t machine = EM_X86_64;
	int fd;

	if (size >= sizeof(Elf64_Ehdr))
		memcpy(&machine, data + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
	if (size >= sizeof(uint32_t) && !memcmp(data, "sut1", 4))
		take_words(data, size);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, data, size) == (ssize_t)size &&
	    !unwind_table_build_for(machine, fd, &table, &error)) {
		if (!unwind_table_check(table.words, table.word_count))
			abort();
		look_up(&table);
		unwind_table_free(&table);
	}
	close(fd);
	return 0;
}
