/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures of what strait reads from files, for tests/bench/stacks.
 *
 *   files size FILE…          unwind tables: FILE BYTES, bytes of its table, rows in it
 *   files name STACKS FILE…   names for so many distinct stacks of 30 frames in these files:
 *                             STACKS, distinct frames, how many were named, nanoseconds; read by a
 *                             process apart, as strait does it
 *   files here STACKS FILE…   the same, read in this process
 *
 * Each result is a line of words, the first of which names it.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "model/recording.h"
#include "symbols/image.h"
#include "symbols/symbols.h"
#include "unwind/table.h"
#include "util/reader.h"

#define DEPTH  30    /* frames of a stack */
#define PLACES 50000 /* distinct ones */

/* ---- tables ---- */

static int size(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		struct unwind_table table = {};
		struct error error;
		struct stat stat;
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &stat))
			die(argv[i]);
		if (unwind_table_build(fd, &table, &error)) {
			fprintf(stderr, "files: %s: %s\n", argv[i], error.text);
			return 1;
		}
		printf("size %s %lld %zu %u\n", argv[i], (long long)stat.st_size,
		       table.word_count * sizeof(uint32_t), table.stats.rows);
		unwind_table_free(&table);
		close(fd);
	}
	return 0;
}

/* ---- names ---- */

struct text {
	uint32_t module;
	uint64_t offset, size; /* of the code in the file */
};

static struct text text_of(struct recording *rec, const char *path)
{
	struct text text = {};
	char id[IMAGE_ID] = "";
	Elf64_Ehdr head;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) || image_identity(fd, id))
		die(path);
	for (int i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr part;

		if (pread(fd, &part, sizeof(part), (off_t)head.e_phoff + i * (off_t)sizeof(part)) !=
		    sizeof(part))
			die(path);
		if (part.p_type == PT_LOAD && part.p_flags & PF_X && part.p_filesz > text.size) {
			text.offset = part.p_offset;
			text.size = part.p_filesz;
		}
	}
	close(fd);
	text.module = module_intern(rec, path, id);
	return text;
}

/* xorshift64*: the same stacks every time. */
static uint64_t draw(uint64_t below)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 2685821657736338717ULL >> 16) % below;
}

static int name(int argc, char **argv, bool apart)
{
	struct reader *reader = symbols_reader(NULL);
	struct recording *rec = recording_new();
	struct symbols *symbols = symbols_new();
	uint32_t *places = calloc(PLACES, sizeof(*places)), stacks = (uint32_t)atoi(argv[0]);
	size_t before, named;
	uint64_t begin;

	if (!rec || !places)
		die("memory");
	if (apart)
		readers_open(&reader, 1, NULL);
	if (apart && !reader_is_there(reader))
		die("no process apart");
	recording_begin_slice(rec, 0, false);
	for (uint32_t i = 0; i < PLACES; i++) {
		struct text text = text_of(rec, argv[1 + i % (uint32_t)(argc - 1)]);

		places[i] = frame_intern(rec, FRAME_USER, text.module,
					 text.offset + draw(text.size), 0);
	}
	before = rec->stacks.len;
	while (rec->stacks.len - before < stacks) {
		uint32_t frames[DEPTH];

		for (int i = 0; i < DEPTH; i++)
			frames[i] = places[draw(PLACES)];
		stack_intern(rec, frames, DEPTH, 0, STACK_COMPLETE);
	}
	begin = now_ns();
	named = symbols_resolve(symbols, rec);
	printf("name %u %zu %zu %lu\n", stacks, rec->frames.len, named, now_ns() - begin);
	symbols_free(symbols);
	recording_free(rec);
	free(places);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "size"))
		return size(argc - 2, argv + 2);
	if (argc > 3 && !strcmp(argv[1], "name"))
		return name(argc - 2, argv + 2, true);
	if (argc > 3 && !strcmp(argv[1], "here"))
		return name(argc - 2, argv + 2, false);
	fprintf(stderr, "usage: files size FILE… | name STACKS FILE… | here STACKS FILE…\n");
	return 2;
}
