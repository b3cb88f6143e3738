/* SPDX-License-Identifier: BSD-2-Clause */
/* Broken ELF files: whatever is in them, nothing is read out of bounds and it ends soon. */
#include "fixture.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "symbols/demangle.h"
#include "symbols/image.h"
#include "symbols/naming.h"
#include "util/clock.h"

static char *bytes;
static size_t size;

static void load(const char *name)
{
	struct stat stat;
	int fd = open(name, O_RDONLY);

	assert_int_equal(fstat(fd, &stat), 0);
	free(bytes);
	size = (size_t)stat.st_size;
	bytes = malloc(size);
	assert_int_equal(read(fd, bytes, size), (ssize_t)size);
	close(fd);
}

/* Everything that naming does with a file. Returns how many of the addresses got a name. */
static size_t name_all(int fd)
{
	struct text_arena arena = {};
	struct lookup lookups[64] = {};
	struct naming naming = {.path = "",
				.build_id = "",
				.arena = &arena,
				.deadline_ns = time_now() + 1000000000,
				.inlines_deadline_ns = time_now() + 1000000000};
	char id[IMAGE_ID], text[DEMANGLE_TEXT];
	size_t count = 0, named = 0;
	struct image image;

	if (image_identity(fd, id) || image_open(&image, fd)) {
		close(fd);
		return 0;
	}
	for (size_t i = 0; i < 64; i++)
		count += image_address(&image, 0x1000 + i * 16, &lookups[count].address);
	image_name(&image, &naming, lookups, count);
	for (size_t i = 0; i < count; i++) {
		image_pauses(&image, &lookups[i]);
		if (!lookups[i].function)
			continue;
		symbol_demangle(lookups[i].function, text);
		named++;
	}
	image_close(&image);
	text_arena_clear(&arena);
	return named;
}

static int memory_file(const void *from, size_t length)
{
	int fd = memfd_create("image", 0);

	assert_int_equal(write(fd, from, length), (ssize_t)length);
	return fd;
}

static void damage(const char *name, const char *flags, unsigned int seed)
{
	char *broken;
	uint64_t begin = time_now();

	fixture_build(name, flags);
	load(name);
	assert_true(name_all(memory_file(bytes, size)) > 5);
	broken = malloc(size);
	srand(seed);
	for (int i = 0; i < 400; i++) {
		/* Headers and tables, at the beginning and the end, matter most. */
		size_t flips = 1 + (size_t)rand() % 16, length = size;

		memcpy(broken, bytes, size);
		for (size_t j = 0; j < flips; j++) {
			size_t near = (size_t)rand() % (rand() % 2 ? 4096 : size);
			size_t at = (rand() % 2 ? near : size - 1 - near) % size;

			broken[at] = (char)(rand() % 3 ? rand() : -(rand() % 2));
		}
		if (i % 4 == 0)
			length = (size_t)rand() % size;
		name_all(memory_file(broken, length));
	}
	free(broken);
	assert_true(time_now() - begin < 60000000000ull);
}

static void damaged_symbols(void **state)
{
	(void)state;
	damage("symbols", "-rdynamic", 1);
}

static void damaged_lines(void **state)
{
	(void)state;
	damage("lines5", "-g -gdwarf-5", 2);
	damage("lines4", "-g -gdwarf-4", 3);
	damage("packed", "-g -gz=zlib", 4);
}

static Elf64_Shdr *section_of(const char *wanted)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;
	Elf64_Shdr *sections = (Elf64_Shdr *)(bytes + header->e_shoff);
	const char *names = bytes + sections[header->e_shstrndx].sh_offset;

	for (unsigned int i = 0; i < header->e_shnum; i++)
		if (!strcmp(names + sections[i].sh_name, wanted))
			return &sections[i];
	fail_msg("no section %s", wanted);
	return NULL;
}

static void line_programs_of_noise(void **state)
{
	(void)state;
	fixture_build("lines", "-g -gdwarf-5");
	load("lines");
	srand(5);
	for (int i = 0; i < 400; i++) {
		Elf64_Shdr *lines = section_of(".debug_line");

		/* The unit's length and version stay: the rest is noise. */
		for (size_t j = 8 + (size_t)rand() % 40; j < lines->sh_size; j++)
			bytes[lines->sh_offset + j] = (char)(rand() % 2 ? rand() : rand() % 14);
		name_all(memory_file(bytes, size));
	}
}

/* A million symbols that all cover everything: the work is bounded. */
static void crowded_table(void **state)
{
	size_t count = 1u << 20, at;
	Elf64_Shdr *table;
	Elf64_Sym *symbols;
	uint64_t begin;
	int fd;

	(void)state;
	fixture_build("crowd", "");
	load("crowd");
	table = section_of(".symtab");
	at = (size + 7) & ~7ul;
	table->sh_offset = at;
	table->sh_size = count * sizeof(*symbols);
	symbols = calloc(count, sizeof(*symbols));
	for (size_t i = 0; i < count; i++)
		symbols[i] = (Elf64_Sym){
			.st_name = 1 + (Elf64_Word)i % 64,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_shndx = 1,
			.st_value = 1,
			.st_size = UINT64_MAX / 2,
		};
	fd = memory_file(bytes, size);
	assert_int_equal(pwrite(fd, symbols, count * sizeof(*symbols), (off_t)at),
			 (ssize_t)(count * sizeof(*symbols)));
	free(symbols);
	begin = time_now();
	name_all(fd);
	assert_true(time_now() - begin < 10000000000ull);
}

static void other_files(void **state)
{
	char id[IMAGE_ID];
	struct image image;
	int fd;

	(void)state;
	fd = memory_file("#!/bin/sh\n", 10);
	assert_int_equal(image_identity(fd, id), -ENOEXEC);
	assert_int_equal(image_open(&image, fd), -ENOEXEC);
	close(fd);
	fd = memory_file("", 0);
	assert_int_equal(image_open(&image, fd), -ENOEXEC);
	close(fd);
	fd = open("/dev/zero", O_RDONLY);
	assert_int_equal(image_open(&image, fd), -ENOEXEC);
	close(fd);
	/* No sections at all: nothing to name, nothing wrong. */
	fixture_build("whole", "");
	load("whole");
	((Elf64_Ehdr *)bytes)->e_shnum = 0;
	assert_int_equal(name_all(memory_file(bytes, size)), 0);
}

static void identities(void **state)
{
	char with[IMAGE_ID], without[IMAGE_ID], other[IMAGE_ID], line[128] = "", expected[128] = "";
	FILE *notes;

	(void)state;
	fixture_build("id", "-Wl,--build-id=sha1");
	fixture_build("none", "-Wl,--build-id=none");
	fixture_build("changed", "-O2 -Wl,--build-id=none");
	notes = popen("readelf -n id", "r");
	while (fgets(line, sizeof(line), notes))
		sscanf(line, " Build ID: %127s", expected);
	pclose(notes);
	load("id");
	assert_int_equal(image_identity(memory_file(bytes, size), with), 0);
	assert_string_equal(with, expected);
	assert_int_equal(strlen(with), 40);
	load("none");
	assert_int_equal(image_identity(memory_file(bytes, size), without), 0);
	assert_int_equal(strlen(without), 16);
	load("changed");
	assert_int_equal(image_identity(memory_file(bytes, size), other), 0);
	assert_string_not_equal(without, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_symbols),
		cmocka_unit_test(damaged_lines),
		cmocka_unit_test(line_programs_of_noise),
		cmocka_unit_test(crowded_table),
		cmocka_unit_test(other_files),
		cmocka_unit_test(identities),
	};
	int failed =
		cmocka_run_group_tests_name("symbols/image", tests, fixture_make, fixture_remove);

	free(bytes);
	return failed;
}
