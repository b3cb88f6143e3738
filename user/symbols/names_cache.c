/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "symbols/apart.h"
#include "symbols/names_cache.h"
#include "symbols/opening.h"
#include "util/clock.h"
#include "util/disk_cache.h"
#include "util/index.h"
#include "util/message.h"
#include "util/vec.h"

#define MAGIC 0x636e7573 /* "sunc", little endian */
/* To be raised when other names, or others in form, are kept of a file than before. */
#define VERSION     1
#define LIMIT       (128ull << 20) /* some 300 programs and libraries with 10,000 functions each */
#define MOST_WANTED 64
#define ENTRY_NAME  (IMAGE_ID + 16)

struct wanted {
	char name[ENTRY_NAME];
	int image_fd, source_fd; /* -1: the image itself */
};

struct wanted_list {
	VEC(struct wanted) files;
};

struct names_cache {
	char directory[PATH_MAX];
	struct disk_cache disk;
	struct wanted_list wanted;
	struct wanted_list aside; /* the thread's, while there is one */
	pthread_t thread;
	bool has_thread;
};

struct names_cache *names_cache_new(const char *directory)
{
	struct names_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	snprintf(cache->directory, sizeof(cache->directory), "%s", directory);
	cache->disk = (struct disk_cache){cache->directory, MAGIC, VERSION, LIMIT};
	return cache;
}

static void wanted_clear(struct wanted_list *list)
{
	vec_each(&list->files, wanted) {
		close(wanted->image_fd);
		if (wanted->source_fd >= 0)
			close(wanted->source_fd);
	}
	vec_free(&list->files);
}

void names_cache_free(struct names_cache *cache)
{
	if (!cache)
		return;
	if (cache->has_thread)
		pthread_join(cache->thread, NULL);
	wanted_clear(&cache->wanted);
	free(cache);
}

/* ---- whose word it is ---- */

/* Does the descriptor's path lead to the same file in our own root? */
static bool is_outside(int fd, const struct stat *stat)
{
	char link[32], path[PATH_MAX];
	struct statfs system;
	struct stat found;
	ssize_t length;
	int again;
	bool same;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length <= 0 || *path != '/' || fstatfs(fd, &system) ||
	    system.f_type == OVERLAYFS_SUPER_MAGIC)
		return false;
	path[length] = '\0';
	again = file_open_path(0, path);
	if (again < 0)
		return false;
	same = !fstat(again, &found) && found.st_dev == stat->st_dev &&
	       found.st_ino == stat->st_ino;
	close(again);
	return same;
}

struct names_claim names_claim_of(int fd)
{
	struct names_claim claim = {.owner = (uid_t)-1};
	struct stat stat;

	if (fstat(fd, &stat))
		return claim;
	claim.owner = stat.st_uid;
	claim.outside = is_outside(fd, &stat);
	return claim;
}

/* Nobody but its owner may say what its names are; a group of the owner's own is the owner. */
static bool is_owners_own(int fd)
{
	struct stat stat;

	return !fstat(fd, &stat) && !(stat.st_mode & S_IWOTH) &&
	       (!(stat.st_mode & S_IWGRP) || stat.st_gid == stat.st_uid);
}

static void entry_name(char name[ENTRY_NAME], const char *build_id, uint64_t layout,
		       const struct names_claim *claim)
{
	uint64_t whose = hash_fixed(claim->owner, claim->outside);

	snprintf(name, ENTRY_NAME, "%s%016lx", build_id, hash_fixed(layout, whose));
}

/* ---- reading ---- */

static int entry_open(const struct names_cache *cache, const char *name)
{
	void *bytes;
	size_t size;
	int err = disk_cache_load(&cache->disk, name, &bytes, &size), fd;

	/* A spoilt one is in the way of a new one. */
	if (err == -EBADMSG)
		disk_cache_remove(&cache->disk, name);
	if (err)
		return err;
	fd = memory_put("strait-names", bytes, size);
	free(bytes);
	return fd;
}

int names_cache_open(const struct names_cache *cache, const char *build_id, uint64_t layout,
		     const struct names_claim *claim, uint32_t *place)
{
	const struct names_claim root = {.owner = 0, .outside = true};
	char names[2][ENTRY_NAME];
	uint32_t count;
	int fd = -ENOENT;

	if (!layout)
		return -ENOENT;
	entry_name(names[0], build_id, layout, &root);
	entry_name(names[1], build_id, layout, claim);
	count = strcmp(names[0], names[1]) ? 2 : 1;
	/* Who says so is the file's reader: of what others keep it throws nothing away. */
	if (*place == count)
		disk_cache_remove(&cache->disk, names[1]);
	while (fd < 0 && *place < count)
		fd = entry_open(cache, names[(*place)++]);
	return fd < 0 ? -ENOENT : fd;
}

/* ---- writing ---- */

void names_cache_want(struct names_cache *cache, const char *build_id, uint64_t layout, int fd,
		      int source_fd)
{
	int whose = source_fd < 0 ? fd : source_fd;
	struct names_claim claim = names_claim_of(whose);
	struct wanted wanted;

	if (cache->wanted.files.len == MOST_WANTED || !is_owners_own(whose) ||
	    strlen(build_id) >= IMAGE_ID ||
	    strspn(build_id, "0123456789abcdef") != strlen(build_id))
		return;
	entry_name(wanted.name, build_id, layout, &claim);
	vec_each(&cache->wanted.files, other)
		if (!strcmp(other->name, wanted.name))
			return;
	if (disk_cache_has(&cache->disk, wanted.name))
		return;
	wanted.image_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	wanted.source_fd = source_fd < 0 ? -1 : fcntl(source_fd, F_DUPFD_CLOEXEC, 3);
	if (wanted.image_fd < 0)
		return;
	vec_push(&cache->wanted.files, wanted);
}

static void wanted_store(const struct names_cache *cache, struct wanted *wanted)
{
	size_t size;
	void *bytes = apart_names_make(wanted->image_fd, wanted->source_fd, &size);

	if (bytes)
		disk_cache_store(&cache->disk, wanted->name, bytes, size);
	free(bytes);
	close(wanted->image_fd);
	if (wanted->source_fd >= 0)
		close(wanted->source_fd);
}

static void list_store(const struct names_cache *cache, struct wanted_list *list, uint64_t until_ns)
{
	while (list->files.len && time_now() < until_ns) {
		/* It owns its descriptors from here on. */
		struct wanted wanted = list->files.at[--list->files.len];

		wanted_store(cache, &wanted);
	}
	wanted_clear(list);
}

void names_cache_store(struct names_cache *cache, uint64_t ns)
{
	if (cache)
		list_store(cache, &cache->wanted, time_now() + ns);
}

static void *thread_run(void *context)
{
	struct names_cache *cache = context;

	/* Who waits for the process that reads must not wait for a thread that gets no CPU. */
	if (!apart_is_there())
		setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	list_store(cache, &cache->aside, UINT64_MAX);
	return NULL;
}

void names_cache_store_aside(struct names_cache *cache)
{
	if (cache->has_thread && pthread_tryjoin_np(cache->thread, NULL))
		return;
	cache->has_thread = false;
	if (!cache->wanted.files.len)
		return;
	cache->aside = cache->wanted;
	cache->wanted = (struct wanted_list){};
	cache->has_thread = !pthread_create(&cache->thread, NULL, thread_run, cache);
	if (!cache->has_thread)
		wanted_clear(&cache->aside);
}
