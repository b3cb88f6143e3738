/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "unwind/cache.h"
#include "util/vec.h"

#define MAGIC 0x63747573 /* "sutc", little endian */
/* To be raised when the table of a file comes out differently than before. */
#define VERSION       4
#define LONGEST_ID    64
#define MOST_FILES    65536
#define TEMPORARY     ".new-"
#define TRIM_ONE_IN   16 /* stores: above its limit the directory has some such number of tables */
#define ABANDONED_SEC 3600 /* a temporary file that old has no writer any more */

struct header {
	uint32_t magic, version, word_count, checksum; /* of the words: CRC-32 */
	char build_id[LONGEST_ID + 8];
};

static bool id_is_good(const char *id)
{
	size_t length = strspn(id, "0123456789abcdef");

	return length >= 2 && length <= LONGEST_ID && !id[length];
}

/* A descriptor of the directory, or -errno. */
static int directory_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat stat;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &stat) || stat.st_uid != geteuid() || stat.st_mode & (S_IWGRP | S_IWOTH)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static uint32_t checksum(const uint32_t *words, size_t count)
{
	return (uint32_t)crc32_z(0, (const Bytef *)words, count * sizeof(*words));
}

static bool read_all(int fd, void *to, size_t length)
{
	char *at = to;

	while (length) {
		ssize_t got = read(fd, at, length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		length -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const void *from, size_t length)
{
	const char *at = from;

	while (length) {
		ssize_t put = write(fd, at, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		at += put;
		length -= (size_t)put;
	}
	return true;
}

/* The words of a file, to be freed; NULL if it is not as it was written. */
static uint32_t *words_read(int fd, const char *build_id, size_t *count)
{
	struct header header;
	struct stat stat;
	uint32_t *words;

	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || stat.st_uid != geteuid() ||
	    !read_all(fd, &header, sizeof(header)))
		return NULL;
	if (header.magic != MAGIC || header.version != VERSION ||
	    strncmp(header.build_id, build_id, sizeof(header.build_id)) != 0)
		return NULL;
	*count = header.word_count;
	if (!*count || (uint64_t)stat.st_size != sizeof(header) + *count * sizeof(*words) ||
	    (uint64_t)stat.st_size > UNWIND_CACHE_BYTES)
		return NULL;
	words = malloc(*count * sizeof(*words));
	if (words && read_all(fd, words, *count * sizeof(*words)) &&
	    checksum(words, *count) == header.checksum && unwind_table_check(words, *count))
		return words;
	free(words);
	return NULL;
}

int unwind_cache_load(const char *directory, const char *build_id, struct unwind_table *out)
{
	uint32_t *words;
	int at, fd, code;
	size_t count;

	if (!id_is_good(build_id))
		return -EINVAL;
	at = directory_open(directory);
	if (at < 0)
		return at;
	/* Not to wait for the writer of what should have been a file. */
	fd = openat(at, build_id, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	code = fd < 0 ? -errno : 0;
	close(at);
	if (code)
		return code == -ELOOP ? -EBADMSG : code;
	words = words_read(fd, build_id, &count);
	if (words) {
		futimens(fd, NULL); /* it is in use: the last to be removed */
		*out = (struct unwind_table){.words = words, .word_count = count};
		unwind_table_count(out);
	}
	close(fd);
	return words ? 0 : -EBADMSG;
}

/* ---- writing ---- */

static int table_write(int fd, const char *build_id, const struct unwind_table *table)
{
	struct header header = {
		.magic = MAGIC,
		.version = VERSION,
		.word_count = (uint32_t)table->word_count,
		.checksum = checksum(table->words, table->word_count),
	};

	snprintf(header.build_id, sizeof(header.build_id), "%s", build_id);
	if (!write_all(fd, &header, sizeof(header)) ||
	    !write_all(fd, table->words, table->word_count * sizeof(*table->words)))
		return errno ? -errno : -EIO;
	return 0;
}

static int file_replace(int at, const char *build_id, const struct unwind_table *table)
{
	char name[sizeof(TEMPORARY) + 16];
	uint64_t number = 0;
	int fd, code;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(name, sizeof(name), TEMPORARY "%016lx", number);
	fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	code = table_write(fd, build_id, table);
	if (close(fd) && !code)
		code = -errno;
	if (!code && renameat(at, name, at, build_id))
		code = -errno;
	if (code)
		unlinkat(at, name, 0);
	return code;
}

/* Listing thousands of files takes tens of ms. */
static bool trim_wanted(void)
{
	uint8_t chance = 0;

	return getrandom(&chance, sizeof(chance), 0) != sizeof(chance) || chance % TRIM_ONE_IN == 0;
}

int unwind_cache_store(const char *directory, const char *build_id,
		       const struct unwind_table *table)
{
	int at, code;

	if (!id_is_good(build_id))
		return -EINVAL;
	if (table->word_count > UNWIND_CACHE_BYTES / 8 / sizeof(*table->words))
		return -EFBIG;
	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	at = directory_open(directory);
	if (at < 0)
		return at;
	code = file_replace(at, build_id, table);
	close(at);
	if (code || !trim_wanted())
		return code;
	return unwind_cache_trim(directory, UNWIND_CACHE_BYTES);
}

/* ---- keeping it small ---- */

struct stored {
	char name[LONGEST_ID + 1];
	uint64_t size;
	int64_t used_ns;
};

struct listing {
	VEC(struct stored) files;
	uint64_t total;
};

static int stored_compare(const void *a, const void *b)
{
	const struct stored *left = a, *right = b;

	if (left->used_ns != right->used_ns)
		return left->used_ns < right->used_ns ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void file_list(int at, const char *name, struct listing *listing)
{
	bool temporary = !strncmp(name, TEMPORARY, strlen(TEMPORARY));
	struct stored stored = {};
	struct timespec now;
	struct stat stat;

	/* Other names are not ours to remove. */
	if (strlen(name) >= sizeof(stored.name) || (!temporary && !id_is_good(name)) ||
	    fstatat(at, name, &stat, AT_SYMLINK_NOFOLLOW) || !S_ISREG(stat.st_mode))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	if (temporary) {
		if (now.tv_sec - stat.st_mtim.tv_sec > ABANDONED_SEC)
			unlinkat(at, name, 0);
		return;
	}
	strcpy(stored.name, name);
	stored.size = (uint64_t)stat.st_size;
	stored.used_ns = stat.st_mtim.tv_sec * 1000000000ll + stat.st_mtim.tv_nsec;
	vec_push(&listing->files, stored);
	listing->total += stored.size;
}

int unwind_cache_trim(const char *directory, uint64_t bytes)
{
	int at = directory_open(directory);
	DIR *entries = at < 0 ? NULL : fdopendir(at);
	struct listing listing = {};
	struct dirent *entry;

	if (!entries) {
		if (at >= 0)
			close(at);
		return at < 0 ? at : -ENOMEM;
	}
	while (listing.files.len < MOST_FILES && (entry = readdir(entries)))
		file_list(at, entry->d_name, &listing);
	vec_sort(&listing.files, stored_compare);
	vec_each(&listing.files, file) {
		if (listing.total <= bytes)
			break;
		unlinkat(at, file->name, 0);
		listing.total -= file->size;
	}
	vec_free(&listing.files);
	closedir(entries);
	return 0;
}
