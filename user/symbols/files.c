/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "symbols/apart.h"
#include "symbols/files.h"
#include "symbols/generated.h"
#include "symbols/opening.h"
#include "symbols/sighting.h"
#include "util/clock.h"
#include "wire.h"

#define MAX_FILES 65536
#define MAX_PINS  128
#define RETRY_NS  1000000000ull
#define DELETED   " (deleted)"
/* A file as young as that is likely to be replaced or removed soon: a build, a test. */
#define YOUNG_SECONDS 3600

/* ---- what a descriptor leads to ---- */

static int64_t mtime_of(const struct stat *stat)
{
	return (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec;
}

static bool fd_is(int fd, const struct file *file)
{
	struct stat stat;

	return !fstat(fd, &stat) && file->st_inode == stat.st_ino && file->st_dev == stat.st_dev &&
	       file->size == stat.st_size && file->mtime_ns == mtime_of(&stat);
}

/* The file's path in the root of the mount namespace through which it was opened. */
static const char *fd_path(struct text_pool *pool, int fd, const char *otherwise)
{
	char link[32], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path));
	if (length <= 0 || (size_t)length == sizeof(path) || *path != '/')
		return otherwise;
	return text_intern(pool, path, (size_t)length);
}

/* Can the path be opened from here, now, and is it that file? */
static bool path_leads_to(uint32_t pid, const char *path, const struct file *file)
{
	int fd = file_open_path(pid, path);
	bool same = fd >= 0 && fd_is(fd, file);

	if (fd >= 0)
		close(fd);
	return same;
}

/* ---- the table ---- */

/* A sighting is known by its id alone, maps of generated code share those of their process. */
struct file_key {
	uint64_t id, st_dev, st_inode;
};

static bool file_equal(const void *context, uint32_t position, const void *key)
{
	const struct file *file = &((const struct file_table *)context)->files.at[position];
	const struct file_key *want = key;

	return file->seen.id == want->id && (!file->is_map || (file->st_dev == want->st_dev &&
							       file->st_inode == want->st_inode));
}

static uint64_t key_hash(const struct file_key *key)
{
	return hash_mix(key->id, hash_mix(key->st_dev, key->st_inode));
}

static uint32_t file_find(const struct file_table *table, const struct file_key *key)
{
	return index_find(&table->index, key_hash(key), file_equal, table, key);
}

static uint32_t file_add(struct file_table *table, const struct file_key *key, struct file file)
{
	uint32_t position = (uint32_t)table->files.len;

	if (position >= MAX_FILES)
		return SYMBOLS_NO_FILE;
	vec_push(&table->files, file);
	index_add(&table->index, key_hash(key), position);
	return position;
}

uint32_t file_by_id(const struct file_table *table, uint64_t id)
{
	uint32_t position = file_find(table, &(struct file_key){.id = id});

	return position == INDEX_NONE ? SYMBOLS_NO_FILE : position;
}

/*
 * A file that has no name any more, or one in a mount namespace that may be gone later, can be
 * opened only now. Its descriptor is kept until the next naming; not many, for it keeps the file
 * system busy. Takes the descriptor.
 */
static void file_pin(struct file_table *table, uint32_t position, int fd)
{
	if (table->pins.len >= MAX_PINS) {
		struct file *oldest = &table->files.at[table->pins.at[0]];

		close(oldest->pin);
		oldest->pin = -1;
		memmove(table->pins.at, table->pins.at + 1,
			(table->pins.len - 1) * sizeof(*table->pins.at));
		table->pins.len--;
	}
	table->files.at[position].pin = fd;
	vec_push(&table->pins, position);
}

/* Takes the descriptor. */
static void file_keep(struct file_table *table, uint32_t position, int fd)
{
	const struct file *file = &table->files.at[position];
	bool lasting = file->reachable && file->mtime_ns / 1000000000 + YOUNG_SECONDS < time(NULL);

	if (file->pin < 0 && *file->build_id && !lasting)
		file_pin(table, position, fd);
	else
		close(fd);
}

void file_ended(struct file_table *table, uint32_t position, const char *path,
		const struct error *why)
{
	struct symbols_ended *ended = &table->ended;

	if (position < table->files.len)
		table->files.at[position].deadly = true;
	ended->count++;
	snprintf(ended->path, sizeof(ended->path), "%s", path);
	snprintf(ended->why, sizeof(ended->why), "%.*s", (int)sizeof(ended->why) - 1, why->text);
}

/* ---- files that were seen ---- */

static void name_find(struct text_pool *pool, struct file *file, int fd, bool elf, bool linked)
{
	size_t length;

	file->path = fd_path(pool, fd, file->path);
	file->reachable = linked && path_leads_to(0, file->path, file);
	length = strlen(file->path);
	/* A file may really be called "x (deleted)", or live on under another name. */
	if (length > strlen(DELETED) && !strcmp(file->path + length - strlen(DELETED), DELETED) &&
	    !file->reachable && !path_leads_to(file->seen.pid, file->path, file)) {
		file->path = text_intern(pool, file->path, length - strlen(DELETED));
		linked = false;
	}
	if (!linked)
		file->kind = elf ? LOCATION_DELETED : LOCATION_ANONYMOUS;
}

/* Opens it as it was seen, and finds out all that is told of it. A descriptor, or -errno. */
static int file_identify(struct file_table *table, struct text_pool *pool, uint32_t position)
{
	struct file *file = &table->files.at[position];
	int fd = sighting_open(&file->seen), err;
	struct file_identity identity = {};
	struct error why = {};
	struct stat stat;

	if (fd < 0) {
		file->next_ns = time_now() + RETRY_NS;
		return fd;
	}
	if (fstat(fd, &stat)) {
		close(fd);
		return -EIO;
	}
	file->found = true;
	file->st_dev = stat.st_dev;
	file->st_inode = stat.st_ino;
	file->size = stat.st_size;
	file->mtime_ns = mtime_of(&stat);
	err = apart_identify(fd, &identity, &why);
	file->build_id = text_intern(pool, identity.id, strlen(identity.id));
	file->layout = identity.layout;
	file->claim = names_claim_of(fd);
	name_find(pool, file, fd, !err, stat.st_nlink);
	if (err == -EIO)
		file_ended(table, position, file->path, &why);
	return fd;
}

bool file_worth_opening(const struct file *file)
{
	return file->found || time_now() >= file->next_ns;
}

static const char *sighting_name(struct text_pool *pool, const struct file_sighting *seen)
{
	char text[48];

	if (seen->path && *seen->path)
		return text_intern(pool, seen->path, strlen(seen->path));
	snprintf(text, sizeof(text), "[inode %lu]", seen->inode);
	return text_intern(pool, text, strlen(text));
}

/* Another process that maps it may live longer. */
static void sighting_renew(struct file *file, const struct file_sighting *seen)
{
	if (file->kind == LOCATION_ANONYMOUS || seen->end <= seen->start)
		return;
	file->seen.pid = seen->pid;
	file->seen.start = seen->start;
	file->seen.end = seen->end;
	file->seen.offset = seen->offset;
}

int file_see(struct file_table *table, struct text_pool *pool, const struct file_sighting *seen)
{
	struct file_key key = {.id = seen->id};
	uint32_t position = file_find(table, &key);
	struct file *file;
	int fd;

	if (!(seen->id & WIRE_FILE_INODE))
		return -EINVAL;
	if (position == INDEX_NONE) {
		position = file_add(table, &key,
				    (struct file){.build_id = "", .pin = -1, .seen.id = seen->id});
		if (position == SYMBOLS_NO_FILE)
			return -ENOSPC;
	}
	file = &table->files.at[position];
	if (!file->found) {
		file->path = sighting_name(pool, seen);
		file->seen = *seen;
		file->seen.path = file->path;
		fd = file_identify(table, pool, position);
	} else {
		sighting_renew(file, seen);
		if (file->reachable || file->pin >= 0)
			return 0;
		fd = file_open(table, pool, position, seen->pid, file->path, file->build_id);
	}
	if (fd < 0)
		return file->found ? 0 : fd;
	file_keep(table, position, fd);
	return 0;
}

uint32_t file_add_map(struct file_table *table, struct text_pool *pool, uint32_t pid,
		      const char *label, int fd)
{
	struct file file = {
		.seen = {.id = WIRE_FILE_ANONYMOUS | pid, .pid = pid},
		.path = text_intern(pool, label, strlen(label)),
		.build_id = "",
		.kind = LOCATION_ANONYMOUS,
		.is_map = true,
		.found = true,
		.pin = -1,
	};
	struct stat stat;
	struct file_key key;
	uint32_t position;

	if (fstat(fd, &stat)) {
		close(fd);
		return SYMBOLS_NO_FILE;
	}
	file.st_dev = stat.st_dev;
	file.st_inode = stat.st_ino;
	key = (struct file_key){file.seen.id, file.st_dev, file.st_inode};
	position = file_find(table, &key);
	if (position == INDEX_NONE)
		position = file_add(table, &key, file);
	/* It grows while it is open: the names are read when they are wanted. */
	if (position != SYMBOLS_NO_FILE && table->files.at[position].pin < 0)
		file_pin(table, position, fd);
	else
		close(fd);
	return position;
}

/* ---- opening again ---- */

/* -EIO: it ended the process that read it. */
static int fd_is_wanted(struct file_table *table, uint32_t position, int fd, const char *path,
			const char *build_id)
{
	const struct file *file = position < table->files.len ? &table->files.at[position] : NULL;
	struct file_identity identity;
	struct error why = {};
	int err;

	if (!build_id || !*build_id)
		return file && file->found && fd_is(fd, file);
	err = apart_identify(fd, &identity, &why);
	if (err == -EIO)
		file_ended(table, position, path ? path : "", &why);
	return err == -EIO ? err : !err && !strcmp(identity.id, build_id);
}

static int map_open(const struct file *file)
{
	if (file->pin >= 0)
		return fcntl(file->pin, F_DUPFD_CLOEXEC, 3);
	return generated_open(file->seen.pid);
}

int file_open(struct file_table *table, struct text_pool *pool, uint32_t position, uint32_t pid,
	      const char *path, const char *build_id)
{
	const struct file *file = position < table->files.len ? &table->files.at[position] : NULL;
	bool absolute = path && *path == '/';

	if (file && file->is_map)
		return map_open(file);
	if (file && !file->found)
		return file_identify(table, pool, position);
	if (file && file->deadly)
		return -EIO;
	for (int way = 0; way < 5; way++) {
		int fd = -1, wanted;

		if (way == 0 && file && file->pin >= 0)
			fd = fcntl(file->pin, F_DUPFD_CLOEXEC, 3);
		else if (way == 1 && absolute)
			fd = file_open_path(0, path);
		else if (way == 2 && file)
			fd = sighting_open(&file->seen);
		else if (way == 3 && file && file->seen.pid && absolute)
			fd = file_open_path(file->seen.pid, path);
		else if (way == 4 && pid && absolute)
			fd = file_open_path(pid, path);
		if (fd < 0)
			continue;
		wanted = fd_is_wanted(table, position, fd, path, build_id);
		if (wanted > 0)
			return fd;
		close(fd);
		if (wanted < 0)
			return wanted;
	}
	return -ENOENT;
}

void files_unpin(struct file_table *table)
{
	vec_each(&table->pins, position) {
		struct file *file = &table->files.at[*position];

		close(file->pin);
		file->pin = -1;
	}
	table->pins.len = 0;
}

void files_free(struct file_table *table)
{
	files_unpin(table);
	vec_free(&table->pins);
	vec_free(&table->files);
	index_free(&table->index);
}
