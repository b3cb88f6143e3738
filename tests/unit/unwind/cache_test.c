/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "unwind/frames.h"

#include "unwind/cache.h"
#include "util/folder.h"

#define ID "00112233445566778899aabbccddeeff00112233"

static char directory[80];

static int make_directory(void **state)
{
	if (folder_make(state))
		return -1;
	snprintf(directory, sizeof(directory), "%s/tables", folder);
	return 0;
}

/* The path of something in the directory; valid until the next call. */
static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

/* A table with code at that offset of its file. */
static struct unwind_table make_table(uint64_t offset)
{
	struct bytes section = {};
	size_t cie = put_plain_cie(&section);
	struct elf_section eh_frame = {".eh_frame", NULL, 0};
	struct unwind_table table = {};
	struct error error;
	int fd;

	put_fde(&section, cie, offset + CODE_DELTA, 0x20, "\x41\x0e\x10", 3);
	eh_frame.bytes = section.at;
	eh_frame.size = section.len;
	fd = make_elf(EM_X86_64, &eh_frame, 1, 0x1000);
	assert_int_equal(unwind_table_build(fd, &table, &error), 0);
	close(fd);
	vec_free(&section);
	return table;
}

static void store(const char *id, uint64_t offset)
{
	struct unwind_table table = make_table(offset);

	assert_int_equal(unwind_cache_store(directory, id, &table), 0);
	unwind_table_free(&table);
}

/* What loading gives; a table that comes must be the one of `offset`. */
static int load(const char *id, uint64_t offset)
{
	struct unwind_table table = {(uint32_t *)1, 7, {}};
	int code = unwind_cache_load(directory, id, &table);

	if (code) {
		assert_ptr_equal(table.words, (uint32_t *)1);
		assert_int_equal(table.word_count, 7);
		return code;
	}
	assert_int_equal(unwind_table_find(&table, offset).cfa, UNWIND_SP);
	assert_int_equal(unwind_table_find(&table, offset + 1).cfa_offset, 2);
	assert_int_equal(unwind_table_find(&table, offset - 1).cfa, UNWIND_NONE);
	assert_int_equal(table.stats.pages, 1);
	unwind_table_free(&table);
	return 0;
}

static void what_is_stored_comes_back(void **state)
{
	struct stat stat_;

	(void)state;
	assert_int_equal(load(ID, 0x2100), -ENOENT); /* no directory yet */
	store(ID, 0x2100);
	assert_int_equal(load(ID, 0x2100), 0);
	assert_int_equal(load("aa", 0x2100), -ENOENT);
	store(ID, 0x2200); /* takes the place of the other */
	assert_int_equal(load(ID, 0x2200), 0);
	assert_int_equal(stat(directory, &stat_), 0);
	assert_int_equal(stat_.st_mode & 07777, 0700);
	assert_int_equal(stat(path_of(ID), &stat_), 0);
	assert_int_equal(stat_.st_mode & 07777, 0600);
}

static void names_are_digits(void **state)
{
	static const char *const bad[] = {
		"",
		"a",
		"..",
		"../aa",
		"aa/bb",
		"AB",
		"ag",
		".new-00",
		"aa ",
		"aa\n",
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0"};
	struct unwind_table table = make_table(0x2100);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i], 0), -EINVAL);
		assert_int_equal(unwind_cache_store(directory, bad[i], &table), -EINVAL);
	}
	unwind_table_free(&table);
}

static void damage_is_seen(void **state)
{
	uint8_t bytes[8192];
	char other[96];
	ssize_t length;
	int fd;

	(void)state;
	store(ID, 0x2100);
	fd = open(path_of(ID), O_RDWR | O_CLOEXEC);
	length = read(fd, bytes, sizeof(bytes));
	assert_true(length > 4096);
	for (ssize_t at = 0; at < length; at++) {
		uint8_t changed = bytes[at] ^ 0x10;

		assert_int_equal(pwrite(fd, &changed, 1, at), 1);
		/* Behind the build-id nothing counts. */
		if (at < 16 + 41 || at >= length - 4096)
			assert_int_equal(load(ID, 0x2100), -EBADMSG);
		assert_int_equal(pwrite(fd, &bytes[at], 1, at), 1);
	}
	assert_int_equal(load(ID, 0x2100), 0);
	assert_int_equal(ftruncate(fd, length - 1), 0);
	assert_int_equal(load(ID, 0x2100), -EBADMSG);
	assert_int_equal(ftruncate(fd, length + 4096), 0);
	assert_int_equal(load(ID, 0x2100), -EBADMSG);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(load(ID, 0x2100), -EBADMSG);
	close(fd);
	store(ID, 0x2100);
	assert_int_equal(load(ID, 0x2100), 0);
	/* Another file's table is not this one's. */
	snprintf(other, sizeof(other), "%s/aabb", directory);
	assert_int_equal(rename(path_of(ID), other), 0);
	assert_int_equal(load("aabb", 0x2100), -EBADMSG);
	assert_int_equal(unlink(other), 0);
}

/* Right in its checksum, wrong in its form. */
static void a_false_table_is_seen(void **state)
{
	struct unwind_table table = make_table(0x2100);

	(void)state;
	table.words[1]++;
	assert_int_equal(unwind_cache_store(directory, ID, &table), 0);
	assert_int_equal(load(ID, 0x2100), -EBADMSG);
	unwind_table_free(&table);
}

static void others_directories_are_not_used(void **state)
{
	struct unwind_table table = make_table(0x2100);
	char real[96];

	(void)state;
	store(ID, 0x2100);
	assert_int_equal(chmod(directory, 0720), 0);
	assert_int_equal(load(ID, 0x2100), -EPERM);
	assert_int_equal(unwind_cache_store(directory, "aa", &table), -EPERM);
	assert_int_equal(unwind_cache_trim(directory, 0), -EPERM);
	assert_int_equal(chmod(directory, 0702), 0);
	assert_int_equal(load(ID, 0x2100), -EPERM);
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(load(ID, 0x2100), 0);
	if (!geteuid()) {
		assert_int_equal(chown(directory, 1, 1), 0);
		assert_int_equal(load(ID, 0x2100), -EPERM);
		assert_int_equal(chown(directory, 0, 0), 0);
	}
	snprintf(real, sizeof(real), "%s/real", folder);
	assert_int_equal(rename(directory, real), 0);
	assert_int_equal(symlink(real, directory), 0);
	assert_true(load(ID, 0x2100) < 0);
	assert_true(unwind_cache_store(directory, "aa", &table) < 0);
	assert_int_equal(unlink(directory), 0);
	assert_int_equal(rename(real, directory), 0);
	unwind_table_free(&table);
}

static void links_and_pipes_are_not_followed(void **state)
{
	(void)state;
	store("aabb", 0x2100);
	unlink(path_of(ID));
	assert_int_equal(symlink("aabb", path_of(ID)), 0);
	assert_int_equal(load(ID, 0x2100), -EBADMSG);
	store(ID, 0x2200); /* replaces the link, not what it leads to */
	assert_int_equal(load("aabb", 0x2100), 0);
	assert_int_equal(load(ID, 0x2200), 0);
	assert_int_equal(unlink(path_of(ID)), 0);
	assert_int_equal(mkfifo(path_of(ID), 0600), 0);
	assert_int_equal(load(ID, 0x2100), -EBADMSG); /* and does not wait */
	assert_int_equal(unlink(path_of(ID)), 0);
}

static void age(const char *name, int seconds)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= seconds;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, path_of(name), times, 0), 0);
}

static void the_longest_unused_go_first(void **state)
{
	struct stat stat_;
	int fd;

	(void)state;
	assert_int_equal(unwind_cache_trim(directory, 0), 0);
	for (int i = 0; i < 4; i++) {
		const char *const names[] = {"aa", "bb", "cc", "dd"};

		store(names[i], 0x2100);
		age(names[i], 4000 - 1000 * i);
	}
	for (int i = 0; i < 2; i++) {
		const char *const names[] = {"notes.txt", ".new-0123456789abcdef"};

		fd = open(path_of(names[i]), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
		age(names[i], 9000);
	}
	assert_int_equal(load("aa", 0x2100), 0); /* used: the last to go now */
	assert_int_equal(stat(path_of("aa"), &stat_), 0);
	assert_int_equal(unwind_cache_trim(directory, 2 * (uint64_t)stat_.st_size), 0);
	assert_int_equal(load("bb", 0x2100), -ENOENT);
	assert_int_equal(load("cc", 0x2100), -ENOENT);
	assert_int_equal(load("aa", 0x2100), 0);
	assert_int_equal(load("dd", 0x2100), 0);
	/* What no writer will finish goes, what is not ours stays. */
	assert_int_equal(access(path_of(".new-0123456789abcdef"), F_OK), -1);
	assert_int_equal(access(path_of("notes.txt"), F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_comes_back),
		cmocka_unit_test(names_are_digits),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(a_false_table_is_seen),
		cmocka_unit_test(others_directories_are_not_used),
		cmocka_unit_test(links_and_pipes_are_not_followed),
		cmocka_unit_test(the_longest_unused_go_first),
	};

	return cmocka_run_group_tests_name("unwind/cache", tests, make_directory, folder_remove);
}
