/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "symbols/files.h"
#include "symbols/image.h"

#define MAX_FILES 65536
#define MAX_PINS  64
#define MAX_NEWER 32
#define DELETED   " (deleted)"

/* ---- opening ---- */

/*
 * Opens what an O_PATH descriptor stands for, if it is a regular file; takes the descriptor. Only
 * now can opening have an effect: a device or a pipe never gets that far.
 */
static int path_fd_open(int path_fd)
{
	struct stat stat;
	char name[32];
	int fd;

	if (path_fd < 0)
		return -errno;
	if (fstat(path_fd, &stat) || !S_ISREG(stat.st_mode)) {
		close(path_fd);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(path_fd);
	return fd;
}

static int root_open(uint32_t pid, const char *path, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
	};
	char root[32] = "/";
	int root_fd, fd;

	if (pid)
		snprintf(root, sizeof(root), "/proc/%u/root", pid);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	fd = path_fd_open(fd);
	close(root_fd);
	return fd;
}

int file_open_path(uint32_t pid, const char *path)
{
	return root_open(pid, path, 0);
}

/* This link leads to the mapped file itself, whatever its path leads to by now. */
static int mapped_open(uint32_t pid, uint64_t start, uint64_t end)
{
	char name[96];

	snprintf(name, sizeof(name), "/proc/%u/map_files/%lx-%lx", pid, start, end);
	return path_fd_open(open(name, O_PATH | O_CLOEXEC));
}

static int64_t mtime_of(const struct stat *stat)
{
	return (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec;
}

static bool same_file(const struct file *file, const struct stat *stat)
{
	return file->st_inode == stat->st_ino && file->st_dev == stat->st_dev &&
	       file->size == stat->st_size && file->mtime_ns == mtime_of(stat);
}

static bool fd_is(int fd, const struct file *file)
{
	struct stat stat;

	return !fstat(fd, &stat) && same_file(file, &stat);
}

static int mapping_open(uint32_t pid, const struct mapping *mapping)
{
	struct stat stat;
	int fd = mapped_open(pid, mapping->start, mapping->end);

	if (fd >= 0 || fd == -EINVAL)
		return fd;
	/* It was split or joined since, the process is gone, or we may not: by its path, then. */
	for (int pass = 0; pass < 2; pass++) {
		fd = file_open_path(pass ? 0 : pid, mapping->path);
		if (fd >= 0 && !fstat(fd, &stat) && stat.st_ino == mapping->inode)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

/* ---- the table ---- */

struct file_key {
	const char *path; /* interned */
	uint64_t dev, inode;
};

static bool file_equal(const void *context, uint32_t position, const void *key)
{
	const struct file *file = &((const struct file_table *)context)->files.at[position];
	const struct file_key *want = key;

	/* The path is cut where a file is deleted, so it is compared by its beginning. */
	return file->dev == want->dev && file->inode == want->inode &&
	       !strncmp(file->path, want->path, strlen(file->path));
}

static uint64_t key_hash(const struct file_key *key)
{
	return hash_mix(key->dev, key->inode);
}

static uint32_t file_add(struct file_table *table, const struct file_key *key, uint32_t older,
			 struct file file)
{
	uint32_t position = (uint32_t)table->files.len;

	if (position >= MAX_FILES)
		return SYMBOLS_NO_FILE;
	vec_push(&table->files, file);
	if (older == INDEX_NONE)
		index_add(&table->index, key_hash(key), position);
	else
		table->files.at[older].newer = position + 1;
	return position;
}

static bool ends_in_deleted(const char *path)
{
	size_t length = strlen(path);

	return length > strlen(DELETED) && !strcmp(path + length - strlen(DELETED), DELETED);
}

static void name_undelete(struct text_pool *pool, struct file *file)
{
	file->path = text_intern(pool, file->path, strlen(file->path) - strlen(DELETED));
	file->kind = LOCATION_DELETED;
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

/*
 * A file that has no name any more, or one in a mount namespace that may be gone later, can be
 * opened only now. Its descriptor is kept until the next naming; not many, for it keeps the file
 * system busy.
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
	const struct file *file = position == SYMBOLS_NO_FILE ? NULL : &table->files.at[position];

	if (file && !file->reachable && file->pin < 0 && *file->build_id)
		file_pin(table, position, fd);
	else
		close(fd);
}

static uint32_t file_identify(struct file_table *table, struct text_pool *pool,
			      const struct file_key *key, uint32_t older, struct file file, int fd,
			      const struct stat *stat)
{
	char id[IMAGE_ID] = "";
	uint32_t position;
	bool elf;

	file.st_dev = stat->st_dev;
	file.st_inode = stat->st_ino;
	file.size = stat->st_size;
	file.mtime_ns = mtime_of(stat);
	elf = !image_identity(fd, id);
	file.build_id = text_intern(pool, id, strlen(id));
	/* A file may really be called "x (deleted)". */
	if (!stat->st_nlink ||
	    (ends_in_deleted(file.path) && !path_leads_to(file.pid, file.path, &file))) {
		file.kind = elf ? LOCATION_DELETED : LOCATION_ANONYMOUS;
		if (ends_in_deleted(file.path))
			file.path =
				text_intern(pool, file.path, strlen(file.path) - strlen(DELETED));
	}
	position = file_add(table, key, older, file);
	file_keep(table, position, fd);
	return position;
}

uint32_t file_of_mapping(struct file_table *table, struct text_pool *pool, uint32_t pid,
			 const struct mapping *mapping)
{
	struct file_key key = {mapping->path, mapping->dev, mapping->inode};
	struct file file = {
		.path = mapping->path,
		.build_id = "",
		.dev = mapping->dev,
		.inode = mapping->inode,
		.kind = LOCATION_FILE,
		.pid = pid,
		.start = mapping->start,
		.end = mapping->end,
		.pin = -1,
	};
	uint32_t last = index_find(&table->index, key_hash(&key), file_equal, table, &key);
	int fd = mapping_open(pid, mapping);
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat)) {
		if (fd >= 0)
			close(fd);
		if (ends_in_deleted(file.path))
			name_undelete(pool, &file);
		/* No longer to be had: the one known by that name, or one that only has a name. */
		return last != INDEX_NONE ? last : file_add(table, &key, last, file);
	}
	for (size_t i = 0; last != INDEX_NONE && i < MAX_NEWER; i++) {
		struct file *known = &table->files.at[last];

		if (same_file(known, &stat)) {
			known->pid = pid;
			known->start = mapping->start;
			known->end = mapping->end;
			file_keep(table, last, fd);
			return last;
		}
		if (!known->newer)
			break;
		last = known->newer - 1;
	}
	return file_identify(table, pool, &key, last, file, fd, &stat);
}

/* ---- generated code ---- */

struct owner {
	uint32_t uid, pid; /* pid: the number that the process has for itself */
};

static bool owner_read(uint32_t pid, struct owner *owner)
{
	char path[32], line[256], *at;
	bool uid = false, inner = false;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		/* "Uid:" has the real number first, then the effective one. */
		if (!strncmp(line, "Uid:", 4)) {
			strtoul(line + 4, &at, 10);
			owner->uid = (uint32_t)strtoul(at, NULL, 10);
			uid = true;
		}
		if (strncmp(line, "NStgid:", 7) != 0)
			continue;
		/* One number for each pid namespace, the innermost last. */
		for (at = line + 7; *at && *at != '\n';) {
			owner->pid = (uint32_t)strtoul(at, &at, 10);
			inner = true;
			at += strspn(at, " \t");
		}
	}
	if (status)
		fclose(status);
	return uid && inner;
}

/* Anyone can write to /tmp: only the process's own user, or root, may say what its code is. */
static int perf_map_open(uint32_t pid, struct stat *stat)
{
	struct owner owner = {};
	char name[64];
	int fd;

	if (!owner_read(pid, &owner))
		return -ESRCH;
	snprintf(name, sizeof(name), "/tmp/perf-%u.map", owner.pid);
	fd = root_open(pid, name, RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return fd;
	if (fstat(fd, stat) || (stat->st_uid != owner.uid && stat->st_uid)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

uint32_t file_of_jit(struct file_table *table, struct text_pool *pool, uint32_t pid)
{
	struct file file = {.build_id = "", .kind = LOCATION_ANONYMOUS, .pid = pid, .pin = -1};
	struct file_key key;
	struct stat stat;
	char label[32];
	uint32_t position;
	int fd = perf_map_open(pid, &stat);

	if (fd < 0)
		return SYMBOLS_NO_FILE;
	snprintf(label, sizeof(label), "[jit %u]", pid);
	file.path = text_intern(pool, label, strlen(label));
	file.dev = file.st_dev = stat.st_dev;
	file.inode = file.st_inode = stat.st_ino;
	key = (struct file_key){file.path, file.dev, file.inode};
	position = index_find(&table->index, key_hash(&key), file_equal, table, &key);
	if (position == INDEX_NONE)
		position = file_add(table, &key, position, file);
	/* It grows while it is open: the names are read when they are wanted. */
	if (position != SYMBOLS_NO_FILE && table->files.at[position].pin < 0)
		file_pin(table, position, fd);
	else
		close(fd);
	return position;
}

/* ---- opening again ---- */

static bool fd_is_wanted(int fd, const struct file *file, const char *build_id)
{
	char id[IMAGE_ID];

	if (build_id && *build_id)
		return !image_identity(fd, id) && !strcmp(id, build_id);
	return file && file->st_inode && fd_is(fd, file);
}

int file_open(const struct file_table *table, uint32_t position, uint32_t pid, const char *path,
	      const char *build_id)
{
	const struct file *file = position < table->files.len ? &table->files.at[position] : NULL;
	bool jit = file && file->kind == LOCATION_ANONYMOUS;
	struct stat stat;

	for (int way = 0; way < (jit ? 2 : 5); way++) {
		int fd = -1;

		if (way == 0 && file && file->pin >= 0)
			fd = fcntl(file->pin, F_DUPFD_CLOEXEC, 3);
		else if (way == 1 && jit)
			fd = perf_map_open(file->pid, &stat);
		else if (way == 1 && file && file->end)
			fd = mapped_open(file->pid, file->start, file->end);
		else if (way == 2 && path && *path == '/')
			fd = file_open_path(0, path);
		else if (way == 3 && file && path && *path == '/')
			fd = file_open_path(file->pid, path);
		else if (way == 4 && pid && path && *path == '/')
			fd = file_open_path(pid, path);
		if (fd >= 0 && (jit || fd_is_wanted(fd, file, build_id)))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

static bool vdso_range(unsigned long *start, unsigned long *end)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], *at;
	bool found = false;

	while (!found && maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, " [vdso]\n")) {
			*start = strtoul(line, &at, 16);
			*end = *at == '-' ? strtoul(at + 1, NULL, 16) : 0;
			found = *end > *start;
		}
	}
	if (maps)
		fclose(maps);
	return found;
}

int file_open_vdso(void)
{
	unsigned long start, end;
	int fd;

	if (!vdso_range(&start, &end))
		return -ENOENT;
	fd = memfd_create("strait-vdso", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, (const void *)start, end - start) != (ssize_t)(end - start)) {
		close(fd);
		return -EIO;
	}
	return fd;
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
