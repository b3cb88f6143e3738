/* SPDX-License-Identifier: BSD-2-Clause */
/* What is refused; that the right names are in it, names_cache_test.c sees. */
#include "fixture.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>

#include "symbols/names_image.h"

static int make(const char *name, size_t *size)
{
	struct image image;
	void *bytes;
	int err;

	assert_int_equal(image_open(&image, open(name, O_RDONLY | O_CLOEXEC)), 0);
	err = names_image_make(&image, &image, &bytes, size);
	image_close(&image);
	if (!err)
		free(bytes);
	return err;
}

/* Sets the size of the sections of this type in a file's table. */
static void section_resize(const char *name, uint32_t type, uint64_t size)
{
	int fd = open(name, O_RDWR | O_CLOEXEC);
	Elf64_Shdr section;
	Elf64_Ehdr header;

	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (int i = 0; i < header.e_shnum; i++) {
		off_t at = (off_t)(header.e_shoff + (uint64_t)i * sizeof(section));

		assert_int_equal(pread(fd, &section, sizeof(section), at), sizeof(section));
		section.sh_size = size;
		if (section.sh_type == type)
			assert_int_equal(pwrite(fd, &section, sizeof(section), at),
					 sizeof(section));
	}
	assert_int_equal(ftruncate(fd, 128 << 20), 0);
	close(fd);
}

static void more_than_is_kept(void **state)
{
	size_t size = 0;

	(void)state;
	fixture_build("whole", "-Wl,--build-id");
	assert_int_equal(make("whole", &size), 0);
	assert_in_range(size, 300, 8192);
	fixture_run("cp whole long");
	section_resize("long", SHT_SYMTAB, 48 << 20);
	assert_int_equal(make("long", &size), -EFBIG);
	fixture_run("cp whole wordy");
	section_resize("wordy", SHT_STRTAB, 48 << 20);
	assert_int_equal(make("wordy", &size), -EFBIG);
	fixture_run("strip -o bare whole");
	assert_int_equal(make("bare", &size), -ENOEXEC);
	fixture_run("objcopy -R .note.gnu.build-id whole nameless");
	assert_int_equal(make("nameless", &size), -ENOENT);
	/* Functions at every byte, and no more of them than that. */
	fixture_write("many.s",
		      ".macro function\n.type f\\@,@function\nf\\@: nop\n.size f\\@, 1\n.endm\n"
		      ".text\n.globl main\nmain: ret\n.rept 300000\nfunction\n.endr\n");
	if (system("as -o many.o many.s 2>/dev/null && cc -nostdlib -Wl,--build-id -Wl,-emain "
		   "-o many many.o 2>/dev/null")) {
		print_message("no assembler that counts: left out\n");
		return;
	}
	assert_int_equal(make("many", &size), -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_is_kept),
	};

	return cmocka_run_group_tests_name("symbols/names_image", tests, fixture_make,
					   fixture_remove);
}
