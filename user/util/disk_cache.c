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

#include "util/disk_cache.h"
#include "util/vec.h"

#define LONGEST_NAME  64
#define MOST_FILES    65536
#define TEMPORARY     ".new-"
#define TRIM_ONE_IN   16 /* stores: above its limit the directory has some such number of tables */
#define ABANDONED_SEC 3600 /* a temporary file that old has no writer any more */

struct header {
	uint32_t magic, version, size, checksum; /* of the bytes behind this: CRC-32 */
	char name[LONGEST_NAME + 8];
};

static bool name_is_good(const char *name)
{
	size_t length = strspn(name, "0123456789abcdef");

	return length >= 2 && length <= LONGEST_NAME && !name[length];
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

static uint32_t checksum(const void *bytes, size_t size)
{
	return (uint32_t)crc32_z(0, bytes, size);
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

/* The beginning of an entry, false if it is not one of that name. */
static bool header_read(const struct disk_cache *cache, const char *name, int fd,
			struct header *header)
{
	struct stat stat;

	return !fstat(fd, &stat) && S_ISREG(stat.st_mode) && stat.st_uid == geteuid() &&
	       read_all(fd, header, sizeof(*header)) && header->magic == cache->magic &&
	       header->version == cache->version &&
	       !strncmp(header->name, name, sizeof(header->name)) && header->size &&
	       header->size <= cache->limit &&
	       (uint64_t)stat.st_size == sizeof(*header) + header->size;
}

static int entry_open(const struct disk_cache *cache, const char *name)
{
	int at, fd;

	if (!name_is_good(name))
		return -EINVAL;
	at = directory_open(cache->directory);
	if (at < 0)
		return at;
	/* Not to wait for the writer of what should have been a file. */
	fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fd = errno == ELOOP ? -EBADMSG : -errno;
	close(at);
	return fd;
}

int disk_cache_load(const struct disk_cache *cache, const char *name, void **bytes, size_t *size)
{
	int fd = entry_open(cache, name);
	struct header header;
	void *content = NULL;

	if (fd < 0)
		return fd;
	if (header_read(cache, name, fd, &header))
		content = malloc(header.size);
	if (!content || !read_all(fd, content, header.size) ||
	    checksum(content, header.size) != header.checksum) {
		free(content);
		close(fd);
		return -EBADMSG;
	}
	futimens(fd, NULL); /* it is in use: the last to be removed */
	close(fd);
	*bytes = content;
	*size = header.size;
	return 0;
}

bool disk_cache_has(const struct disk_cache *cache, const char *name)
{
	int fd = entry_open(cache, name);
	struct header header;
	bool has;

	if (fd < 0)
		return false;
	has = header_read(cache, name, fd, &header);
	if (has)
		futimens(fd, NULL);
	close(fd);
	return has;
}

/* ---- writing ---- */

static int entry_write(const struct disk_cache *cache, const char *name, int fd, const void *bytes,
		       size_t size)
{
	struct header header = {
		.magic = cache->magic,
		.version = cache->version,
		.size = (uint32_t)size,
		.checksum = checksum(bytes, size),
	};

	snprintf(header.name, sizeof(header.name), "%s", name);
	if (!write_all(fd, &header, sizeof(header)) || !write_all(fd, bytes, size))
		return errno ? -errno : -EIO;
	return 0;
}

static int entry_replace(const struct disk_cache *cache, int at, const char *name,
			 const void *bytes, size_t size)
{
	char temporary[sizeof(TEMPORARY) + 16];
	uint64_t number = 0;
	int fd, code;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(temporary, sizeof(temporary), TEMPORARY "%016lx", number);
	fd = openat(at, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	code = entry_write(cache, name, fd, bytes, size);
	if (close(fd) && !code)
		code = -errno;
	if (!code && renameat(at, temporary, at, name))
		code = -errno;
	if (code)
		unlinkat(at, temporary, 0);
	return code;
}

/* Listing thousands of files takes tens of ms. */
static bool trim_wanted(void)
{
	uint8_t chance = 0;

	return getrandom(&chance, sizeof(chance), 0) != sizeof(chance) || chance % TRIM_ONE_IN == 0;
}

int disk_cache_store(const struct disk_cache *cache, const char *name, const void *bytes,
		     size_t size)
{
	int at, code;

	if (!name_is_good(name))
		return -EINVAL;
	if (size > cache->limit / 8 || size > UINT32_MAX)
		return -EFBIG;
	if (mkdir(cache->directory, 0700) && errno != EEXIST)
		return -errno;
	at = directory_open(cache->directory);
	if (at < 0)
		return at;
	code = entry_replace(cache, at, name, bytes, size);
	close(at);
	if (code || !trim_wanted())
		return code;
	return disk_cache_trim(cache, cache->limit);
}

/* ---- keeping it small ---- */

void disk_cache_remove(const struct disk_cache *cache, const char *name)
{
	int at = name_is_good(name) ? directory_open(cache->directory) : -EINVAL;

	if (at < 0)
		return;
	unlinkat(at, name, 0);
	close(at);
}

struct stored {
	char name[LONGEST_NAME + 1];
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
	if (strlen(name) >= sizeof(stored.name) || (!temporary && !name_is_good(name)) ||
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

int disk_cache_trim(const struct disk_cache *cache, uint64_t bytes)
{
	int at = directory_open(cache->directory);
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
