/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of a file of this machine, as further versions of it would be: for unwind.c. */
#ifndef STRAIT_BENCH_COPIES_H
#define STRAIT_BENCH_COPIES_H

#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire.h"
#include "bench.h"

/*
 * Describes a few bytes less of the function with that number, in a file of this machine's own
 * compiler: tables that are equal are shared, and nothing would be put into the kernel.
 */
static inline void table_change(char *bytes, int number)
{
	const Elf64_Ehdr *header = (const void *)bytes;
	const Elf64_Shdr *section = (const void *)(bytes + header->e_shoff);
	const char *names = bytes + section[header->e_shstrndx].sh_offset;
	uint32_t word[4]; /* length, CIE, begin, size */

	for (int i = 1; i < header->e_shnum; i++) {
		char *at = bytes + section[i].sh_offset, *end = at + section[i].sh_size;

		if (strcmp(names + section[i].sh_name, ".eh_frame") != 0)
			continue;
		for (; end - at >= (ptrdiff_t)sizeof(word); at += 4 + word[0]) {
			memcpy(word, at, sizeof(word));
			if (!word[1] || word[3] < 64 || number--)
				continue;
			word[3] -= 20;
			memcpy(at, word, sizeof(word));
			return;
		}
	}
	fprintf(stderr, "unwind: the file to be copied has too few functions\n");
	exit(1);
}

/* A copy that differs in its build-id and its table, as the next version of the file would. */
static inline void copy_make(const char *bytes, size_t size, int number, const char *path)
{
	static const char note[] = {4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0};
	char *copy = malloc(size), *id;
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);

	if (!copy || fd < 0)
		die(path);
	memcpy(copy, bytes, size);
	table_change(copy, number);
	id = memmem(copy, size, note, sizeof(note));
	if (!id || id + sizeof(note) + 20 > copy + size ||
	    getrandom(id + sizeof(note), 20, 0) != 20) {
		fprintf(stderr, "unwind: the file to be copied has no build-id\n");
		exit(1);
	}
	if (write(fd, copy, size) != (ssize_t)size)
		die(path);
	close(fd);
	free(copy);
}

static inline char *file_read(const char *path, size_t *size)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes;

	if (fd < 0 || fstat(fd, &stat))
		die(path);
	*size = (size_t)stat.st_size;
	bytes = malloc(*size);
	if (!bytes || read(fd, bytes, *size) != stat.st_size)
		die(path);
	close(fd);
	return bytes;
}

#endif
